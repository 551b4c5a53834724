"""Reversal of what was confirmed: by a person, with a reason, once; points, stock and voucher go with it."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import pytest
from sqlalchemy import select

from loyalty.errors import Refused
from loyalty.ids import MemberId, RedemptionId
from loyalty.rewards.redemptions import GRACE, HOLD, Issued
from loyalty.rewards.stock import Taken
from loyalty.rewards.vouchers import Use
from loyalty.tables import Redemption, Trail
from tests.store.helpers import Shop, points, reasons
from tests.store.rewards import (
    a_reward,
    consumes,
    offers,
    reverses,
    state_of,
    stock_adds_up,
    taken,
    with_points,
)


async def redeemed(shop: Shop, member: MemberId, reward: str = "mug") -> tuple[RedemptionId, Issued]:
    redemption = await shop.holds(member, reward)
    return redemption, await shop.confirms(redemption)


async def trail(shop: Shop) -> list[Trail]:
    return await shop.ask(lambda session: list(session.scalars(select(Trail))))


async def test_a_reversal_gives_points_and_stock_back_and_leaves_a_trail(shop: Shop) -> None:
    await offers(shop, a_reward("mug", stock=1, cost="2.00"))
    member = await with_points(shop, 50)
    redemption, issued = await redeemed(shop, member)
    assert [await reverses(shop, redemption) for _ in range(2)] == [True, False]
    assert await shop.points(member) == points(50)
    assert await taken(shop, "mug") == Taken()
    with pytest.raises(Refused) as refused:
        await consumes(shop, issued.code)
    assert refused.value.reason == "revoked"
    row = await shop.ask(lambda session: session.get_one(Redemption, redemption))
    assert (row.state, row.settled_at) == ("reversed", shop.now)
    assert [(one.actor, one.action, one.subject, one.detail) for one in await trail(shop)] == [
        (
            "key:till", "redemption.reversed", member,
            {"redemption": redemption, "points": 20, "used": 0, "reason": "the machine was broken"},
        )
    ]  # fmt: skip
    assert await stock_adds_up(shop)
    assert await shop.is_sound()


async def test_a_used_voucher_is_reversed_only_if_that_is_said(shop: Shop) -> None:
    member = await with_points(shop, 50)
    redemption, issued = await redeemed(shop, member, "espresso")
    await consumes(shop, issued.code)
    with pytest.raises(Refused) as refused:
        await reverses(shop, redemption)
    assert refused.value.reason == "used"
    assert await shop.points(member) == points(30, lifetime=50)
    assert await reverses(shop, redemption, allow_used=True)
    assert await shop.points(member) == points(50)
    assert (await trail(shop))[0].detail["used"] == 1
    assert await stock_adds_up(shop)


async def test_a_redemption_whose_voucher_expired_can_be_reversed(shop: Shop) -> None:
    member = await with_points(shop, 50)
    redemption, _ = await redeemed(shop, member, "espresso")
    shop.clock.forward(timedelta(days=60))
    await shop.tick()
    assert await reverses(shop, redemption)
    assert await shop.points(member) == points(50)


async def test_points_that_expired_meanwhile_come_back_for_a_month(shop: Shop) -> None:
    member = await with_points(shop, 20)
    redemption, _ = await redeemed(shop, member, "espresso")
    shop.clock.forward(timedelta(days=400))
    await shop.tick()
    await reverses(shop, redemption)
    assert await shop.points(member) == points(20)
    shop.clock.forward(GRACE)
    await shop.tick()
    assert await shop.points(member) == points(20)
    shop.clock.forward(timedelta(days=1))
    await shop.tick()
    assert await shop.points(member) == points(0, lifetime=20)
    assert await shop.is_sound()


async def test_only_what_was_confirmed_is_reversed(shop: Shop) -> None:
    member = await with_points(shop, 50)
    held = await shop.holds(member, "espresso")
    for expected in ("held", "over"):
        with pytest.raises(Refused) as refused:
            await reverses(shop, held)
        assert refused.value.reason == expected
        await shop.voids(held)
    assert await trail(shop) == []
    assert await shop.points(member) == points(50)


async def test_what_was_reversed_is_neither_confirmed_nor_voided(shop: Shop) -> None:
    member = await with_points(shop, 50)
    redemption, _ = await redeemed(shop, member, "espresso")
    await reverses(shop, redemption)
    with pytest.raises(Refused, match="was reversed"):
        await shop.confirms(redemption)
    assert not await shop.voids(redemption)
    shop.clock.forward(HOLD)
    assert (await shop.tick()).voided == 0
    assert await shop.points(member) == points(50)


async def test_of_many_reversals_at_once_one_counts(shop: Shop) -> None:
    await offers(shop, a_reward("mug", stock=5))
    member = await with_points(shop, 50)
    redemption, _ = await redeemed(shop, member)
    assert (await asyncio.gather(*(reverses(shop, redemption) for _ in range(20)))).count(True) == 1
    assert await shop.points(member) == points(50)
    assert await taken(shop, "mug") == Taken()
    assert len(await trail(shop)) == 1


async def test_reversing_and_using_at_once_one_wins(shop: Shop) -> None:
    member = await with_points(shop, 200)
    for round_ in range(6):
        redemption, issued = await redeemed(shop, member, "espresso")
        calls: list[Awaitable[bool | Use]] = [reverses(shop, redemption), consumes(shop, issued.code)]
        results = await asyncio.gather(*(calls if round_ % 2 else reversed(calls)), return_exceptions=True)
        used = any(isinstance(one, Use) for one in results)
        assert reasons(results) == ["used" if used else "revoked"]
        assert await state_of(shop, redemption) == ("confirmed" if used else "reversed")
    assert await stock_adds_up(shop)
    assert await shop.is_sound()
