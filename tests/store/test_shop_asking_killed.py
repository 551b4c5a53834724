"""kill -9 while two processes ask a shop and make codes in it: every order counts once, every code is there once."""

import asyncio
import random
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from loyalty.books.audit import audit
from loyalty.books.overview import points_of
from loyalty.clock import SystemClock
from loyalty.ids import MemberId, new_id
from loyalty.store import open_store
from loyalty.tables import Purchase, Voucher
from service.shops.apis.coding import Coder
from service.shops.apis.reconcile import Reconciler
from service.shops.apis.tables import ShopCode
from service.shops.worker import work_off
from simulator.shops import StandInShopify
from tests.shop_fixtures import DOMAIN, order
from tests.store.helpers import set_up_member
from tests.store.shop_asker import shop_asker, shopify_at
from tests.store.shop_worker import context_of

PHONE = "+393331234567"
KILLS, ORDERS, CODES = 4, 60, 40


def put_codes(session: Session, member: MemberId, programme: str) -> None:
    """Vouchers whose codes a shop is to have."""
    now = SystemClock().now()
    later = now + timedelta(days=30)
    for number in range(CODES):
        voucher = Voucher(
            id=new_id(), programme_id=programme, member_id=member, redemption_id=None, origin=f"goal:{number}",
            code=f"CODE{number:04}", reward_id="ten-off", reward_name="Ten", kind="product", value=None, minimum=0,
            cost=0, status="issued", uses=1, used=0, created_at=now, valid_from=None, expires_at=later, used_at=None,
        )  # fmt: skip
        session.add(voucher)
        session.flush()
        session.add(ShopCode(
            id=new_id(), programme_id=programme, voucher_id=voucher.id, source="shopify", shop=DOMAIN, state="wanted",
            terms={"percent": "10", "amount": None, "minimum": "0", "products": []}, starts_at=now, expires_at=later,
            attempts=0, next_try_at=now, error=None, created_at=now, updated_at=now,
        ))  # fmt: skip
    session.flush()


@pytest.mark.timeout(110)
async def test_every_order_counts_once_and_every_code_is_made_though_who_asks_is_killed(database: str) -> None:
    store, dice, shop = open_store(database), random.Random(11), StandInShopify()
    context = context_of(store)
    (programme,) = context.programmes.values()
    now = context.clock.now()
    member = await store.write(lambda session: set_up_member(session, programme, now, phone=PHONE, joined=False))
    await store.write(lambda session: put_codes(session, member, programme.id))
    for number in range(1, ORDERS + 1):
        at = (now - timedelta(hours=5) + timedelta(minutes=number)).isoformat()
        shop.orders[number] = order(number, created_at=at, updated_at=at)
    async with TestServer(shop.application()) as server:
        url = str(server.make_url("")).rstrip("/")
        for _ in range(KILLS):
            processes = [shop_asker(database, url) for _ in range(2)]
            begun = len(shop.calls)
            for process in processes:
                await asyncio.to_thread(process.start)
            async with asyncio.timeout(30):
                while len(shop.calls) < begun + 6:  # noqa: ASYNC110 -- other processes do it
                    await asyncio.sleep(0.002)
            await asyncio.sleep(dice.uniform(0, 0.15))
            for process in processes:
                process.kill()
                await asyncio.to_thread(process.join)
        later = context.clock.now() + timedelta(hours=3)
        await Reconciler(store, shopify_at(url)).run(later)
        await work_off(context, later)
        await Coder(store, context.clock, shopify_at(url)).work(later)

    def look(session: Session) -> tuple[int, int, tuple[str, ...], set[str]]:
        orders = session.scalar(select(func.count()).select_from(Purchase)) or 0
        states = set(session.scalars(select(ShopCode.state)))
        return orders, points_of(session, member).available, audit(session).findings, states

    assert await store.read(look) == (ORDERS, 42 * ORDERS, (), {"made"})
    assert shop.live() == {f"CODE{number:04}" for number in range(CODES)}
    assert {code.ends for code in shop.codes.values()} == {0}
    await store.close()
