"""Vouchers whose codes were used in an online shop: once, whatever is told how often, late, or of whom."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.clock import FixedClock
from loyalty.codes import VOUCHER_SIGNS, new_code
from loyalty.errors import Refused
from loyalty.ids import MemberId
from loyalty.people.members import Ref, find_member
from loyalty.programme import Programme
from loyalty.rewards import vouchers
from loyalty.tables import News, Voucher, VoucherUse
from service.context import Context
from service.shops.posting import USED_TWICE
from service.shops.worker import work_off
from tests.service.conftest import ANNA
from tests.service.shop_asking import SOURCES, alarms, asked
from tests.service.shops import Desk, ShopDesk, connected
from tests.store.rewards import a_reward, offering

TEN = {"percent": "10", "minimum": "20.00"}


@pytest.fixture
def rewarding(cafe: Programme) -> Programme:
    more = {"gift_only": True, "voucher_days": 30, "shop_code": TEN}
    names = dict.fromkeys(("en", "it", "es", "fr", "ar"), "Ten")
    return offering(cafe, {"id": "ten-off", "points": 20, "name": names, **more}, a_reward("coffee"))


@pytest.fixture
async def desk(context: Context, rewarding: Programme) -> AsyncIterator[ShopDesk]:
    plain = rewarding.model_copy(update={"badges": (), "milestones": (), "challenges": (), "streaks": ()})
    async with Desk(connected(replace(context, programmes={plain.id: plain}))) as desk:
        yield desk


async def given(desk: ShopDesk, origin: str = "goal:1") -> str:
    """The code of a voucher of Anna's."""

    def work(session: Session) -> str:
        member = find_member(session, desk.programme.id, (Ref.phone(ANNA),))
        assert member is not None
        reward = desk.programme.reward("ten-off")
        assert reward is not None
        voucher = vouchers.issue(
            session, desk.programme, MemberId(member.id), reward, origin=origin, language="it",
            now=desk.context.clock.now(),
        )  # fmt: skip
        return voucher.code

    return await desk.context.store.write(work)


async def voucher(desk: ShopDesk, code: str) -> tuple[str, int, int]:
    """Its status, its uses, and how often that it was used is news."""

    def look(session: Session) -> tuple[str, int, int]:
        found = session.scalars(select(Voucher).where(Voucher.code == code)).one()
        uses = session.scalars(select(VoucherUse).where(VoucherUse.voucher_id == found.id)).all()
        news = session.scalars(select(News).where(News.kind == "voucher.used")).all()
        return found.status, len(uses), len(news)

    return await desk.context.store.read(look)


@pytest.mark.parametrize("source", SOURCES)
async def test_an_order_that_used_the_code_uses_the_voucher_once(desk: ShopDesk, source: str) -> None:
    code, now = await given(desk), desk.context.clock.now()
    async with asked(source) as shop:
        used: dict[str, Any] = (
            {"discount_codes": [{"code": code, "amount": "4.25", "type": "percentage"}]}
            if source == "shopify"
            else {"coupon_lines": [{"code": code.lower(), "discount": "4.25"}]}
        )
        first = shop.state(1, now - timedelta(hours=2), paid=False, **used)
        paid = shop.state(1, now - timedelta(hours=1), **used)
        for told in (first, paid, first, paid):
            await desk.delivers(shop.webhook(told))
            assert await voucher(desk, code) == ("used", 1, 1)
        assert await alarms(desk.context.store) == []
        await desk.delivers(shop.webhook(shop.state(2, now - timedelta(hours=1), **used)))
    assert await voucher(desk, code) == ("used", 1, 1)
    assert await alarms(desk.context.store) == [USED_TWICE]


async def test_a_use_that_is_heard_of_late_counts_though_the_voucher_has_expired(
    desk: ShopDesk, clock: FixedClock
) -> None:
    code = await given(desk)
    async with asked("shopify") as shop:
        told = shop.state(1, clock.now(), discount_codes=[{"code": code}])
        clock.forward(timedelta(days=40))
        await desk.context.store.write(lambda session: vouchers.expire(session, desk.programme, clock.now()))
        await desk.delivers(shop.webhook(told))
    assert await voucher(desk, code) == ("used", 1, 1)


@pytest.mark.parametrize("how", ["cancelled", "voided", "note", "unknown", "nobody"])
async def test_orders_that_hold_no_code_use_no_voucher(desk: ShopDesk, how: str) -> None:
    code, now = await given(desk), desk.context.clock.now()
    codes: dict[str, Any] = {"discount_codes": [{"code": code}]}
    async with asked("shopify") as shop:
        match how:
            case "cancelled":
                codes["cancelled_at"] = now.isoformat()
            case "voided":
                codes["financial_status"] = "voided"
            case "note":
                codes = {"note_attributes": [{"name": "ref", "value": code}]}
            case "unknown":
                codes = {"discount_codes": [{"code": new_code(VOUCHER_SIGNS)}, {"code": "SUMMER"}, {"code": None}]}
            case _:
                codes = {}
        await desk.delivers(shop.webhook(shop.state(1, now - timedelta(hours=1), **codes)))
    assert await voucher(desk, code) == ("issued", 0, 0)


async def test_a_guests_order_uses_the_voucher_too(desk: ShopDesk) -> None:
    code, now = await given(desk), desk.context.clock.now()
    async with asked("shopify") as shop:
        guest: dict[str, Any] = {"customer": None, "billing_address": None, "discount_codes": [{"code": code}]}
        await desk.delivers(shop.webhook(shop.state(1, now - timedelta(hours=1), **guest)))
    assert await voucher(desk, code) == ("used", 1, 1)


@pytest.mark.parametrize("number", range(4))
async def test_a_till_and_a_shop_at_once_use_it_once(desk: ShopDesk, number: int) -> None:
    code, now = await given(desk), desk.context.clock.now()

    def at_the_till(session: Session) -> object:
        return vouchers.consume(session, desk.programme, code, key="till-1/1", place="till 1", amount=None, now=now)

    async with asked("shopify") as shop:
        told = [shop.state(id_, now - timedelta(hours=1), discount_codes=[{"code": code}]) for id_ in (1, 2)]
        for state in told:
            await desk.post(shop.webhook(state))
        both = [desk.context.store.write(at_the_till), work_off(desk.context, now)]
        results = await asyncio.gather(*(both if number % 2 else reversed(both)), return_exceptions=True)
    refused = [one for one in results if isinstance(one, BaseException)]
    assert all(isinstance(one, Refused) and one.reason == "used" for one in refused)
    assert await voucher(desk, code) == ("used", 1, 1)
    assert await alarms(desk.context.store) == [USED_TWICE] * (1 if refused else 2)
    assert [state for state, _ in await desk.states()] == ["done", "done"]
