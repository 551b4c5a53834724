"""kill -9 while deliveries of shops are worked off by two processes: nothing is lost, nothing is done twice."""

import asyncio
import json
import random
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from loyalty.books.audit import audit
from loyalty.books.overview import points_of
from loyalty.clock import SystemClock
from loyalty.store import open_store
from loyalty.tables import Purchase
from service.shops import inbox
from service.shops.tables import ShopDelivery
from service.shops.worker import work_off
from tests.shop_fixtures import DOMAIN, order, refund
from tests.store.helpers import set_up_member
from tests.store.shop_worker import context_of, shop_worker

PHONE = "+393331234567"
KILLS, ORDERS = 3, 40


def deliver(session: Session, begun: int) -> None:
    """Orders of 42.50, of each of which 10.00 is given back, told twice and the refund first."""
    now = SystemClock().now()
    placed = (now - timedelta(hours=1)).isoformat()
    for number in range(begun + 1, begun + ORDERS + 1):
        back = refund(number, "10.00", of=number, at=placed)
        whole = order(number, created_at=placed, updated_at=placed)
        partly = {**whole, "financial_status": "partially_refunded", "refunds": [back], "updated_at": now.isoformat()}
        told = [("refunds/create", back), ("orders/updated", partly), ("orders/paid", whole), ("refunds/create", back)]
        for step, (topic, body) in enumerate(told):
            raw = json.dumps(body).encode()
            assert inbox.store_delivery(session, "shopify", DOMAIN, topic, f"{number}-{step}", raw, now)


@pytest.mark.timeout(110)
async def test_what_was_stored_is_worked_off_once_though_workers_are_killed(database: str) -> None:
    store, dice = open_store(database), random.Random(7)
    context = context_of(store)
    (programme,) = context.programmes.values()
    now = context.clock.now()
    member = await store.write(lambda session: set_up_member(session, programme, now, phone=PHONE, joined=False))
    waiting = select(func.count()).select_from(ShopDelivery).where(ShopDelivery.state == "waiting")
    for kill in range(KILLS):
        await store.write(lambda session, kill=kill: deliver(session, kill * ORDERS))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        begun = await store.read(lambda session: session.scalar(waiting))
        processes = [shop_worker(database) for _ in range(2)]
        for process in processes:
            await asyncio.to_thread(process.start)
        async with asyncio.timeout(30):
            while await store.read(lambda session: session.scalar(waiting)) == begun:  # noqa: ASYNC110 -- another process does it
                await asyncio.sleep(0.005)
        await asyncio.sleep(dice.uniform(0, 0.1))
        for process in processes:
            process.kill()
            await asyncio.to_thread(process.join)
    await work_off(context, context.clock.now() + timedelta(hours=3))

    def look(session: Session) -> tuple[set[str], int, int, tuple[str, ...]]:
        states = set(session.scalars(select(ShopDelivery.state)))
        orders = session.scalar(select(func.count()).select_from(Purchase)) or 0
        return states, orders, points_of(session, member).available, audit(session).findings

    assert await store.read(look) == ({"done"}, KILLS * ORDERS, 32 * KILLS * ORDERS, ())
    await store.close()
