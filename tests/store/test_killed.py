"""kill -9 at any moment: what was acknowledged is there, once, and the ledger is sound."""

import asyncio
import random
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.books.audit import audit
from loyalty.books.overview import points_of
from loyalty.ids import MemberId
from loyalty.programme import Programme
from loyalty.store import Store, open_store
from loyalty.tables import Transaction
from tests.store import till
from tests.store.helpers import set_up_member

ROOT = Path(__file__).parents[2]
PROGRAMME = ROOT / "programmes" / "cafe.yml"
ROUNDS = 5
AGAIN = 5
"""So many of the last acknowledged orders are reported again."""


async def sold_until_killed(database: str, member: MemberId, round_: int) -> list[str]:
    """The keys a till had acknowledged when it was killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.store.till", database, str(PROGRAMME), member, str(round_), cwd=ROOT, stdout=PIPE
    )
    assert process.stdout is not None
    told = b"".join([await process.stdout.readline() for _ in range(random.randint(1, 60))])
    await asyncio.sleep(random.uniform(0, 0.02))
    process.kill()
    told += await process.stdout.read()  # what it had said, but we had not heard yet
    await process.wait()
    return told.decode().splitlines()


async def causes(store: Store) -> Counter[str]:
    query = select(Transaction.cause).where(Transaction.kind == "purchase")
    return Counter(await store.read(lambda session: session.scalars(query).all()))


@pytest.mark.timeout(110)
async def test_what_was_acknowledged_before_a_kill_is_in_the_ledger_once(sqlite_database: str, cafe: Programme) -> None:
    store = open_store(sqlite_database)
    member = await store.write(lambda session: set_up_member(session, cafe, till.NOW, joined=False))
    acknowledged: list[str] = []
    for round_ in range(ROUNDS):
        acknowledged += await sold_until_killed(sqlite_database, member, round_)

        posted = await causes(store)
        assert set(posted.values()) == {1}
        assert {f"purchase:{key}" for key in acknowledged} <= set(posted)
        assert len(set(acknowledged)) == len(acknowledged)

        def look(session: Session) -> tuple[tuple[str, ...], int]:
            return audit(session).findings, points_of(session, member).available

        assert await store.read(look) == ((), 3 * len(posted))

        outcomes = [await till.post(store, cafe, member, key) for key in acknowledged[-AGAIN:]]
        assert [(outcome.repeated, outcome.points) for outcome in outcomes] == [(True, 3)] * len(outcomes)
        assert await causes(store) == posted
    await store.close()
