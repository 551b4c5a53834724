"""What every test can ask for: a clock that stands still, the sample programme, an empty store of each kind."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it has no types
import pytest
from sqlalchemy.engine import make_url

import conversation.tables
import crm.tables
import jobs.tables
import service.hooks.tables
import service.shops.apis.tables
import service.shops.tables
from loyalty.clock import FixedClock
from loyalty.files.reading import read_programme
from loyalty.programme import Programme
from loyalty.rules.games import Games
from loyalty.store import Store, open_store
from loyalty.store.schema import upgrade
from loyalty.tables import Base

EVERY_TABLE = (
    conversation.tables, crm.tables, jobs.tables, service.shops.tables, service.shops.apis.tables, service.hooks.tables,
)  # fmt: skip
"""Imported so that its tables are known to `Base.metadata`."""
ROOT = Path(__file__).parents[1]
POSTGRES = os.environ.get("PASSAPAROLA_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
"""A server on which the tests may create a database, as a superuser; they drop it again."""


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 21, 10, tzinfo=UTC))


@pytest.fixture(scope="session")
def cafe() -> Programme:
    """The sample programme, without what it has to play with: tests put up games of their own."""
    cafe = read_programme(ROOT / "programmes" / "cafe.yml")
    return cafe.model_copy(update={"games": Games(), "streaks": ()})


@pytest.fixture(params=["sqlite", "postgres"])
def backend(request: pytest.FixtureRequest) -> str:
    """The database a test runs on: tests that ask for a store run on each."""
    return str(request.param)


@pytest.fixture
def database(request: pytest.FixtureRequest, backend: str) -> str:
    """The URL of a database with empty tables."""
    return str(request.getfixturevalue(f"{backend}_database"))


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    store = open_store(database)
    yield store
    await store.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with empty tables, to be copied."""
    file = tmp_path_factory.mktemp("template") / "store.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_database(tmp_path: Path, sqlite_template: Path) -> str:
    file = tmp_path / "store.db"
    file.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{file}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of this run's database on the Postgres server; without a server tests are skipped, under CI they fail."""
    name = f"passaparola_test_{uuid.uuid4().hex}"
    try:
        asyncio.run(_execute(POSTGRES, f"CREATE DATABASE {name}"))
    except (OSError, asyncpg.PostgresError) as error:
        reason = f"no Postgres at {POSTGRES} (PASSAPAROLA_TEST_POSTGRES names another): {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    try:
        url = make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
        upgrade(url)
        tables = ", ".join(f"'{table}'" for table in reversed(Base.metadata.sorted_tables))
        asyncio.run(_execute(url, _EMPTY.format(tables=tables)))
        asyncio.run(_execute(url, f"ALTER DATABASE {name} SET synchronous_commit = off"))  # nobody pulls the plug
        yield url
    finally:
        asyncio.run(_execute(POSTGRES, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def postgres_database(postgres: str) -> Iterator[str]:
    """The run's database; afterwards it is emptied, which takes a tenth of the time of making another one."""
    yield postgres
    asyncio.run(_execute(postgres, "CALL empty()"))


_EMPTY = """
CREATE PROCEDURE empty() LANGUAGE plpgsql AS $$
DECLARE name text;
BEGIN
    SET LOCAL lock_timeout = '5s';
    SET LOCAL session_replication_role = replica; -- without triggers, as nothing else may delete
    FOREACH name IN ARRAY ARRAY[{tables}] LOOP
        EXECUTE 'DELETE FROM ' || name;
    END LOOP;
END $$
"""


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
