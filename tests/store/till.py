"""A till that reports orders without end and prints the key of each one that was acknowledged.

`python -m tests.store.till DATABASE PROGRAMME MEMBER ROUND`; `test_killed` kills it.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path

from sqlalchemy.orm import Session

from loyalty.files.reading import read_programme
from loyalty.ids import MemberId
from loyalty.money import Money
from loyalty.orders.purchases import Outcome, PurchaseReport, record_purchase
from loyalty.programme import Programme
from loyalty.store import Store, open_store
from loyalty.tables import Member

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
WORKERS = 8
"""So many orders are on their way at a time, so that commits have several of them."""


async def post(store: Store, programme: Programme, member: MemberId, key: str) -> Outcome:
    """Report the order with this key."""
    report = PurchaseReport(key, Money(Decimal("3.00"), "EUR"), NOW)

    def work(session: Session) -> Outcome:
        return record_purchase(session, programme, session.get_one(Member, member), report, now=NOW)

    return await store.write(work)


async def sell(database: str, programme: Programme, member: MemberId, round_: str) -> None:
    store = open_store(database)
    numbers = count()

    async def work() -> None:
        for number in numbers:
            key = f"round-{round_}/{number:06}"
            await post(store, programme, member, key)
            os.write(sys.stdout.fileno(), f"{key}\n".encode())

    await asyncio.gather(*(work() for _ in range(WORKERS)))


if __name__ == "__main__":
    _, database, programme, member, round_ = sys.argv
    asyncio.run(sell(database, read_programme(Path(programme)), MemberId(member), round_))
