"""Backup and restore of a Postgres database, by its own `pg_dump` and `pg_restore`."""

import asyncio
import os
import subprocess
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from loyalty.store import open_store, store_url
from loyalty.store.schema import upgrade
from passaparola.backups.aftermath import Marked, mark
from passaparola.backups.proof import Proof, prove
from passaparola.errors import CommandError

_TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
_OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def backup(url: str, file: Path) -> Proof:
    """Dump the database (custom format: one moment of it, compressed) into a new file, and prove the ledger it is of.

    Raises `CommandError`; then there is no file.
    """
    if file.exists():
        raise CommandError(f"{file} is there already; name a new file")
    part = file.with_name(file.name + ".part")
    os.close(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    try:
        _run(url, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={part}")
        _run(url, "pg_restore", "--list", str(part))
        proof = asyncio.run(prove(url))
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
    return proof


def restore(url: str, file: Path, *, force: bool, now: datetime) -> tuple[Proof, Marked]:
    """Restore a dump into an empty database, or with `force` in the place of what is there; then migrate, mark, prove.

    Restoring is one transaction: if it fails, what was there is there still. Raises `CommandError`.
    """
    if not file.is_file():
        raise CommandError(f"there is no file {file}")
    if asyncio.run(_count(url, _TABLES)) and not force:
        raise CommandError("the database is not empty; make an empty one, or --force replaces what is in it")
    if asyncio.run(_count(url, _OTHERS)):
        raise CommandError("the database is in use: stop all processes of Passaparola first")
    script = file.with_name(file.name + ".sql")
    os.close(os.open(script, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    empty = ("--command=DROP SCHEMA public CASCADE", "--command=CREATE SCHEMA public") if force else ()
    try:
        _run(url, "pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(file))
        _run(url, "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", *empty, f"--file={script}")
    finally:
        script.unlink(missing_ok=True)
    upgrade(url)
    return asyncio.run(_mark_and_prove(url, now))


async def _mark_and_prove(url: str, now: datetime) -> tuple[Proof, Marked]:
    store = open_store(url)
    try:
        marked = await store.write(lambda session: mark(session, now=now))
    finally:
        await store.close()
    return await prove(url), marked


async def _count(url: str, query: str) -> int:
    engine = create_async_engine(store_url(url))
    try:
        async with engine.connect() as connection:
            return int((await connection.execute(text(query))).scalar_one())
    except (DBAPIError, OSError) as error:
        raise CommandError(f"the database cannot be reached: {getattr(error, 'orig', error)}") from None
    finally:
        await engine.dispose()


def _run(url: str, program: str, *options: str) -> None:
    """Run one of Postgres's programs. How to connect goes by the environment: arguments are seen by everybody."""
    to = make_url(url)
    named = {
        "PGHOST": to.host, "PGPORT": str(to.port) if to.port else None, "PGUSER": to.username,
        "PGPASSWORD": str(to.password) if to.password else None, "PGDATABASE": to.database,
    }  # fmt: skip
    environment = {**os.environ, **{name: value for name, value in named.items() if value}}
    try:
        done = subprocess.run(  # noqa: S603 -- the programs are named here, and no shell reads the rest
            [program, *options], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise CommandError(f"{program} is not installed; it comes with the Postgres client programs") from None
    if done.returncode:
        first = next(iter(done.stderr.splitlines()), "it did not say why")
        raise CommandError(f"{program} failed: {first}")
