"""Stores for the ledger's benchmark: fresh databases of both kinds, with rows that are valid to the last hash."""

import asyncio
import json
import os
import random
import sqlite3
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import asyncpg  # type: ignore[import-untyped]  # it has no types
from sqlalchemy.engine import make_url

from benchmarks.programs import ROOT, WORK
from loyalty.books.posting import CHAINS, GENESIS, chain_of, link_hash
from loyalty.files.reading import read_programme
from loyalty.ids import MemberId
from loyalty.programme import Programme
from loyalty.revisions import ensure_programme
from loyalty.store import open_store
from loyalty.store.schema import upgrade

Kind = Literal["sqlite", "postgres"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgres")
SERVER = os.environ.get("PASSAPAROLA_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
"""Where databases are created and dropped again."""
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
EXPIRES = NOW + timedelta(days=365)
POINTS = 42
MEMO = {"amount": "42.50", "currency": "EUR"}
_BATCH = 20_000

Load = tuple[str, tuple[str, ...], Sequence[tuple[Any, ...]]]
"""Rows of a table: its name, columns, values."""


def member_id(number: int) -> MemberId:
    """The id of a made-up member."""
    return MemberId(f"{number:032}")


def cafe() -> Programme:
    """The sample programme, with levels, goals and games."""
    return read_programme(ROOT / "programmes" / "cafe.yml")


def plain() -> Programme:
    """The sample programme without what follows from an order besides its points."""
    nothing = dict.fromkeys(("badges", "milestones", "challenges", "streaks", "leaderboards"), ())
    return cafe().model_copy(update={**nothing, "tiers": None})


@asynccontextmanager
async def fresh(kind: Kind, members: int, orders: Iterable[int] = ()) -> AsyncIterator[str]:
    """The URL of a database with so many members of the café, gone afterwards. `orders`: whose order each is."""
    async with _sqlite() if kind == "sqlite" else _postgres() as url:
        await asyncio.to_thread(upgrade, url)
        store = open_store(url)
        for programme in (cafe(), plain()):
            await store.write(lambda session, of=programme: ensure_programme(session, of, now=NOW))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        await store.close()
        if kind == "sqlite":
            await asyncio.to_thread(_fill_sqlite, url, members, orders)
        else:
            await _fill_postgres(url, members, orders)
        yield url


def spread(by_member: dict[int, int]) -> list[int]:
    """Orders in a random (but always the same) order: so many for each member."""
    owners = [number for number, count in by_member.items() for _ in range(count)]
    random.Random(1).shuffle(owners)
    return owners


def sqlite_file(url: str) -> str:
    """The file of a SQLite store."""
    return str(make_url(url).database)


@asynccontextmanager
async def _sqlite() -> AsyncIterator[str]:
    WORK.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=WORK, prefix="ledger-") as folder:
        yield f"sqlite:///{Path(folder) / 'store.db'}"


@asynccontextmanager
async def _postgres() -> AsyncIterator[str]:
    name = f"passaparola_bench_{uuid.uuid4().hex}"
    await _on_server(SERVER, f"CREATE DATABASE {name}")
    try:
        yield make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    finally:
        await _on_server(SERVER, f"DROP DATABASE {name} WITH (FORCE)")


async def _on_server(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _fill_sqlite(url: str, members: int, orders: Iterable[int]) -> None:
    connection = sqlite3.connect(sqlite_file(url))
    connection.execute("PRAGMA synchronous=OFF")
    with connection:
        for table, columns, rows in _rows(members, orders, lambda instant: instant.strftime("%Y-%m-%d %H:%M:%S.%f")):
            places = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)
    connection.execute("ANALYZE")
    connection.close()


async def _fill_postgres(url: str, members: int, orders: Iterable[int]) -> None:
    connection = await asyncpg.connect(url)
    filled = set()
    for table, columns, rows in _rows(members, orders, lambda instant: instant):
        await connection.copy_records_to_table(table, columns=columns, records=rows)
        filled.add(table)
    # Not the others: of a table that was empty when it was analysed, Postgres reads all, however much it has by then.
    await connection.execute(f"VACUUM ANALYZE {', '.join(sorted(filled))}")
    await connection.close()


def _rows(members: int, orders: Iterable[int], at: Any) -> Iterator[Load]:
    """All rows, in an order in which they can be written; `at` spells an instant as the database takes it."""
    programme, now = cafe().id, at(NOW)
    columns = (
        "id", "programme_id", "name", "language", "language_chosen", "referral_code", "marketing_opt_in", "created_at",
        "joined_at",
    )  # fmt: skip
    for start in range(0, members, _BATCH):
        yield "member", columns, [
            (member_id(number), programme, f"Member {number}", "it", False, f"B{number}", False, now, now)
            for number in range(start, min(start + _BATCH, members))
        ]  # fmt: skip
    ledger = _Ledger(programme, at)
    numbered = enumerate(orders)
    while batch := list(islice(numbered, _BATCH)):
        yield from ledger.batch(batch)
    for start in range(0, members, _BATCH):
        yield "balance", ("member_id", "available", "pending", "held", "debt", "lifetime"), [
            (member_id(number), POINTS * (count := ledger.count[number]), 0, 0, 0, POINTS * count)
            for number in range(start, min(start + _BATCH, members))
        ]  # fmt: skip
    yield "ledger_chain", ("programme_id", "number", "length", "head"), [
        (programme, number, ledger.lengths[number], ledger.heads[number]) for number in range(CHAINS)
    ]  # fmt: skip


class _Ledger:
    """Chains that grow order by order."""

    def __init__(self, programme: str, at: Any) -> None:
        self.programme, self._at = programme, at
        self.heads = [GENESIS] * CHAINS
        self.lengths = [0] * CHAINS
        self.count: Counter[int] = Counter()

    def batch(self, orders: Sequence[tuple[int, int]]) -> Iterator[Load]:
        now, expires, said, memo = self._at(NOW), self._at(EXPIRES), NOW.isoformat(), json.dumps(MEMO)
        lots, transactions, entries = [], [], []
        for number, owner in orders:
            id_, member, cause = f"{number:032x}", member_id(owner), f"purchase:b{number}"
            chain = chain_of(member)
            self.count[owner] += 1
            self.lengths[chain] += 1
            length, previous = self.lengths[chain], self.heads[chain]
            legs: list[list[Any]] = [["issued", id_, -POINTS], ["available", id_, POINTS]]
            self.heads[chain] = link_hash(
                previous,
                [id_, self.programme, member, cause, "purchase", cause, said, said, MEMO, chain, length],
                legs,
            )
            lots.append((id_, self.programme, member, cause, POINTS, 0, now, now, expires))
            transactions.append((
                id_, self.programme, member, cause, "purchase", cause, now, now, memo, chain, length, previous,
                self.heads[chain],
            ))  # fmt: skip
            entries += [(id_, account, lot, amount) for account, lot, amount in legs]
        yield "lot", (
            "id", "programme_id", "member_id", "origin", "remaining", "pending", "created_at", "activates_at",
            "expires_at",
        ), lots  # fmt: skip
        yield "ledger_transaction", (
            "id", "programme_id", "member_id", "cause", "kind", "origin", "occurred_at", "posted_at", "memo", "chain",
            "sequence", "previous", "hash",
        ), transactions  # fmt: skip
        yield "ledger_entry", ("transaction_id", "account", "lot_id", "amount"), entries
