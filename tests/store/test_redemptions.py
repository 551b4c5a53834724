"""Redemption: hold, then confirm or void, each once, whoever asks however often at once."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from loyalty.codes import VOUCHER_SIGNS, read_code
from loyalty.due import Done, run_due
from loyalty.errors import Conflict, Refused
from loyalty.ids import MemberId, RedemptionId, RewardId
from loyalty.rewards import redemptions
from loyalty.rewards.redemptions import HOLD, Issued
from loyalty.rewards.stock import Taken
from loyalty.tables import Member, Redemption
from tests.store.fragile import fail_everywhere
from tests.store.helpers import Shop, points, reasons
from tests.store.rewards import (
    a_reward,
    everything,
    offers,
    reverses,
    state_of,
    stock_adds_up,
    taken,
    vouchers_of,
    with_points,
)

INSTANT = timedelta(microseconds=1)


async def test_a_hold_sets_the_points_of_the_reward_aside(shop: Shop) -> None:
    member = await with_points(shop, 50)
    redemption = await shop.holds(member, "croissant")
    assert await shop.points(member) == points(20, held=30)
    row = await shop.ask(lambda session: session.get_one(Redemption, redemption))
    assert (row.state, row.points, row.expires_at - row.created_at) == ("held", 30, HOLD)
    assert await vouchers_of(shop, member) == []


async def test_a_confirmed_hold_gives_a_voucher_and_the_points_are_redeemed(shop: Shop) -> None:
    member = await with_points(shop, 50)
    issued = await shop.confirms(await shop.holds(member, "croissant"))
    assert (issued.reward, issued.points, issued.available) == ("croissant", 30, 20)
    assert issued.expires_at == datetime(2026, 12, 21, 23, tzinfo=UTC)  # 30 days, to the end of the day in Rome
    assert await shop.points(member) == points(20, lifetime=50)
    (voucher,) = await vouchers_of(shop, member)
    assert (voucher.code, voucher.reward_name, voucher.status) == (issued.code, "Cornetto", "issued")
    assert read_code(issued.code) == issued.code
    assert len(issued.code) == VOUCHER_SIGNS + 1
    assert await shop.is_sound()


async def test_confirming_twice_gives_the_same_voucher(shop: Shop) -> None:
    member = await with_points(shop, 50)
    redemption = await shop.holds(member, "croissant")
    assert await shop.confirms(redemption) == await shop.confirms(redemption)
    assert len(await vouchers_of(shop, member)) == 1
    assert await shop.points(member) == points(20, lifetime=50)


async def test_a_voided_hold_gives_the_points_back_once(shop: Shop) -> None:
    member = await with_points(shop, 50)
    redemption = await shop.holds(member, "croissant")
    assert await shop.voids(redemption)
    assert not await shop.voids(redemption)
    assert await shop.points(member) == points(50)
    assert await shop.is_sound()


async def test_what_was_voided_cannot_be_confirmed(shop: Shop) -> None:
    member = await with_points(shop, 50)
    redemption = await shop.holds(member, "croissant")
    await shop.voids(redemption)
    with pytest.raises(Refused, match="voided before it was confirmed") as refused:
        await shop.confirms(redemption)
    assert refused.value.reason == "over"
    assert await shop.points(member) == points(50)
    assert await vouchers_of(shop, member) == []


async def test_what_was_confirmed_cannot_be_voided(shop: Shop) -> None:
    member = await with_points(shop, 50)
    redemption = await shop.holds(member, "croissant")
    await shop.confirms(redemption)
    assert not await shop.voids(redemption)
    assert await shop.points(member) == points(20, lifetime=50)
    assert len(await vouchers_of(shop, member)) == 1


async def test_the_same_key_is_the_same_redemption(shop: Shop) -> None:
    member = await with_points(shop, 50)
    first = await shop.holds(member, "espresso", key="chat:1")
    assert await shop.holds(member, "espresso", key="chat:1") == first
    assert await shop.points(member) == points(30, held=20)
    await shop.confirms(first)
    assert await shop.holds(member, "espresso", key="chat:1") == first
    assert await shop.points(member) == points(30, lifetime=50)


async def test_a_key_used_for_something_else_is_a_conflict(shop: Shop) -> None:
    member, other = await with_points(shop, 50), await with_points(shop, 50)
    await shop.holds(member, "espresso", key="chat:1")
    for who, reward in ((member, "croissant"), (other, "espresso")):
        with pytest.raises(Conflict, match="used for something else"):
            await shop.holds(who, reward, key="chat:1")
    assert await shop.points(other) == points(50)


async def test_too_few_points_are_refused_with_what_is_missing(shop: Shop) -> None:
    member = await with_points(shop, 25)
    with pytest.raises(Refused) as refused:
        await shop.holds(member, "croissant")
    assert (refused.value.reason, refused.value.facts) == ("points", {"missing": 5})
    assert await shop.points(member) == points(25)


async def test_a_refused_hold_leaves_nothing_even_if_its_caller_goes_on(shop: Shop) -> None:
    """As the chat does: it catches the refusal and answers in the same transaction."""
    member = await with_points(shop, 25)

    def work(session: Session) -> str:
        row = session.get_one(Member, member)
        try:
            redemptions.hold(session, shop.programme, row, RewardId("croissant"), key="chat:1", now=shop.now)
        except Refused as refusal:
            return refusal.reason
        return "held"

    assert await shop.do(work) == "points"
    assert await shop.ask(lambda session: session.scalar(select(func.count()).select_from(Redemption))) == 0
    shop.clock.forward(HOLD)
    assert (await shop.tick()).voided == 0
    await shop.buys(member, "5.00")
    await shop.holds(member, "croissant", key="chat:1")
    assert await shop.points(member) == points(0, held=30)


async def test_somebody_who_has_not_joined_cannot_redeem(shop: Shop) -> None:
    member = await shop.member(joined=False)
    await shop.buys(member, "50.00")
    with pytest.raises(Refused) as refused:
        await shop.holds(member, "espresso")
    assert refused.value.reason == "not_joined"
    assert await shop.points(member) == points(50)


async def test_a_reward_the_programme_does_not_have_is_gone(shop: Shop) -> None:
    member = await with_points(shop, 50)
    with pytest.raises(Refused) as refused:
        await shop.holds(member, "yacht")
    assert refused.value.reason == "gone"


async def test_a_reward_that_was_dropped_meanwhile_is_still_given_to_who_holds_it(shop: Shop) -> None:
    member = await with_points(shop, 50)
    redemption = await shop.holds(member, "espresso")
    others = tuple(reward for reward in shop.programme.rewards if reward.id != "espresso")
    shop.programme = shop.programme.model_copy(update={"rewards": others})
    issued = await shop.confirms(redemption)
    assert (issued.reward, issued.points, issued.expires_at) == ("espresso", 20, datetime(2026, 12, 21, 23, tzinfo=UTC))
    assert (await vouchers_of(shop, member))[0].reward_name == "espresso"


async def test_of_many_redemptions_at_once_exactly_the_affordable_ones_win(shop: Shop) -> None:
    member = await with_points(shop, 7 * 20 + 19)
    results = await asyncio.gather(*(shop.redeems(member, "espresso") for _ in range(50)), return_exceptions=True)
    assert reasons(results) == ["points"] * 43
    codes = {issued.code for issued in results if not isinstance(issued, BaseException)}
    assert len(codes) == 7
    assert await shop.points(member) == points(19, lifetime=159)
    assert await shop.is_sound()


async def test_of_many_holds_at_once_with_one_key_there_is_one(shop: Shop) -> None:
    member = await with_points(shop, 100)
    held = await asyncio.gather(*(shop.holds(member, "espresso", key="chat:1") for _ in range(20)))
    assert len(set(held)) == 1
    assert await shop.points(member) == points(80, held=20)


async def test_of_many_confirmations_at_once_all_get_the_same_voucher(shop: Shop) -> None:
    member = await with_points(shop, 50)
    redemption = await shop.holds(member, "espresso")
    issued = await asyncio.gather(*(shop.confirms(redemption) for _ in range(20)))
    assert len({one.code for one in issued}) == 1
    assert await shop.points(member) == points(30, lifetime=50)


async def test_of_confirming_and_voiding_at_once_exactly_one_wins(shop: Shop) -> None:
    for number in range(6):
        member = await with_points(shop, 20)
        redemption = await shop.holds(member, "espresso")
        calls: list[Awaitable[Issued | bool]] = []
        for _ in range(5):
            calls += [shop.confirms(redemption), shop.voids(redemption)]
        results = await asyncio.gather(*(calls if number % 2 else reversed(calls)), return_exceptions=True)
        over = reasons(results)
        given = {result.code for result in results if isinstance(result, Issued)}
        voided = [result for result in results if isinstance(result, bool)]
        assert (len(given), voided.count(True), len(over)) in {(1, 0, 0), (0, 1, 5)}
        assert await shop.points(member) == points(0 if given else 20, lifetime=20)
        assert len(await vouchers_of(shop, member)) == len(given)
    assert await shop.is_sound()


async def test_vouchers_are_listed_while_they_can_be_used_soonest_to_expire_first(shop: Shop) -> None:
    member = await with_points(shop, 500)
    for reward in ("mug", "breakfast", "espresso"):  # good for 90, 60 and 30 days
        await shop.redeems(member, reward)
    assert [voucher.reward_id for voucher in await vouchers_of(shop, member)] == ["espresso", "breakfast", "mug"]
    shop.clock.forward(timedelta(days=61))
    assert [voucher.reward_id for voucher in await vouchers_of(shop, member)] == ["mug"]


# ---- races and deaths


async def test_a_redemption_raced_by_confirmation_void_and_the_due_job_is_settled_once(shop: Shop) -> None:
    async def ticks() -> bool:
        return (await shop.tick()).voided == 1

    await offers(shop, a_reward("mug", stock=1))
    for round_ in range(6):
        member = await with_points(shop, 20)
        redemption = await shop.holds(member, "mug")
        shop.clock.forward(HOLD)
        calls: list[Awaitable[Issued | bool]] = []
        for _ in range(3):
            calls += [ticks(), shop.confirms(redemption), shop.voids(redemption)]
        results = await asyncio.gather(*(calls[round_ % 3 :] + calls[: round_ % 3]), return_exceptions=True)
        voided = results.count(True)
        assert set(reasons(list[object](results))) <= {"over"}
        assert (await state_of(shop, redemption), voided) in {("confirmed", 0), ("voided", 1)}
        assert await shop.points(member) == points(20 * voided, lifetime=20)
        assert await taken(shop, "mug") == Taken(1 - voided)
        if not voided:
            await reverses(shop, redemption)
    assert await stock_adds_up(shop)
    assert await shop.is_sound()


async def test_points_that_expire_and_are_spent_at_the_same_instant_are_one_of_both(shop: Shop) -> None:
    for round_ in range(6):
        member = await with_points(shop, 20)
        over = end_of_life(shop)
        calls: list[Awaitable[RedemptionId | Done]] = [
            run_due(shop.store, shop.programme, now=over),
            hold_at(shop, member, over - INSTANT),
        ]
        results = await asyncio.gather(*(calls if round_ % 2 else reversed(calls)), return_exceptions=True)
        refused = reasons(results)
        assert refused in ([], ["points"])
        assert await shop.points(member) == points(0, held=0 if refused else 20, lifetime=20)
    assert await shop.is_sound()


def end_of_life(shop: Shop) -> datetime:
    """When points expire that are earned now."""
    over = shop.programme.earning.expires_at(shop.now, shop.programme.zone)
    assert over is not None
    return over


async def hold_at(shop: Shop, member: MemberId, at: datetime) -> RedemptionId:
    return await shop.do(
        lambda session: redemptions.hold(
            session, shop.programme, session.get_one(Member, member), RewardId("espresso"), key=f"{member}", now=at
        )
    )


@pytest.mark.parametrize("step", ["hold", "confirm", "void", "reverse", "due"])
async def test_a_step_that_is_killed_anywhere_loses_and_doubles_nothing(shop: Shop, step: str) -> None:
    await offers(shop, a_reward("mug", stock=2, cost="1.00", per_member={"count": 2}))
    member = await with_points(shop, 50)
    redemption = await shop.holds(member, "mug")
    if step == "reverse":
        await shop.confirms(redemption)
    if step == "due":
        shop.clock.forward(HOLD)

    def work(session: Session) -> object:
        match step:
            case "hold":
                row = session.get_one(Member, member)
                return redemptions.hold(session, shop.programme, row, RewardId("mug"), key="k", now=shop.now)
            case "confirm":
                return redemptions.confirm(session, shop.programme, redemption, language="it", now=shop.now)
            case "void":
                return redemptions.void(session, shop.programme, redemption, now=shop.now)
            case "due":
                return redemptions.due(session, shop.programme, shop.now)
        return redemptions.reverse(
            session, shop.programme, redemption, author="key:till", reason="", allow_used=False, now=shop.now
        )

    await fail_everywhere(shop, work, lambda: everything(shop))
    expected = {
        "hold": (points(10, held=40, lifetime=50), Taken(2, 20_000)),
        "confirm": (points(30, lifetime=50), Taken(1, 10_000)),
        "void": (points(50), Taken()),
        "due": (points(50), Taken()),
        "reverse": (points(50), Taken()),
    }
    assert (await shop.points(member), await taken(shop, "mug")) == expected[step]
    assert await stock_adds_up(shop)
    assert await shop.is_sound()
