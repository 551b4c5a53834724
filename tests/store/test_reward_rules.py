"""What rewards are bound to: levels, days, limits, stock and budget; refusals that leave nothing behind."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from loyalty.errors import Refused
from loyalty.ids import MemberId, RewardId
from loyalty.rewards import redemptions
from loyalty.rewards.redemptions import HOLD
from loyalty.rewards.stock import Taken
from loyalty.tables import Member
from tests.store.helpers import Shop, points, reasons
from tests.store.rewards import (
    LEVELS,
    a_reward,
    everything,
    offers,
    promotes,
    reverses,
    stock_adds_up,
    taken,
    vouchers_of,
    with_points,
)

INSTANT = timedelta(microseconds=1)
MUG = a_reward("mug")


async def refusal(shop: Shop, member: MemberId, reward: str = "mug") -> tuple[str, dict[str, int | str]]:
    """Why a reward is refused, which leaves nothing behind even if the caller goes on in the same transaction."""
    before = await everything(shop)

    def work(session: Session) -> Refused:
        row = session.get_one(Member, member)
        with pytest.raises(Refused) as refused:
            redemptions.hold(session, shop.programme, row, RewardId(reward), key="chat:0", now=shop.now)
        session.flush()
        return refused.value

    refused = await shop.do(work)
    assert await everything(shop) == before
    return refused.reason, refused.facts


async def test_a_reward_for_a_level_needs_that_level(shop: Shop) -> None:
    await offers(shop, MUG, a_reward("watch", tiers=["gold", "silver"]), tiers=LEVELS)
    member = await with_points(shop, 50)
    assert await refusal(shop, member, "watch") == ("tier", {"needs": "silver"})
    await promotes(shop, member, "platinum")
    assert await refusal(shop, member, "watch") == ("tier", {"needs": "silver"})
    await promotes(shop, member, "gold")
    await shop.holds(member, "watch")


async def test_what_is_only_given_cannot_be_chosen(shop: Shop) -> None:
    await offers(shop, MUG, a_reward("cake", gift_only=True))
    assert await refusal(shop, await with_points(shop, 50), "cake") == ("gone", {})


async def test_a_reward_can_be_had_on_its_days_in_the_programmes_zone(shop: Shop) -> None:
    await offers(shop, a_reward("mug", dates={"from": "2026-12-01", "until": "2026-12-24"}))
    member = await with_points(shop, 50)
    shop.clock.instant = datetime(2026, 11, 30, 23, tzinfo=UTC) - INSTANT  # before midnight in Rome
    assert await refusal(shop, member) == ("not_now", {"begins": "2026-12-01"})
    shop.clock.forward(INSTANT)
    await shop.holds(member, "mug")
    shop.clock.instant = datetime(2026, 12, 24, 23, tzinfo=UTC)
    assert await refusal(shop, member) == ("not_now", {})


@pytest.mark.parametrize(
    ("every", "again"),
    [
        ("day", "2026-11-22"), ("week", "2026-11-23"), ("month", "2026-12-01"), ("year", "2027-01-01"),
    ],
)  # fmt: skip
async def test_a_limit_begins_anew_with_its_period(shop: Shop, every: str, again: str) -> None:
    await offers(shop, a_reward("mug", per_member={"count": 2, "every": every}))
    member, other = await with_points(shop, 100), await with_points(shop, 100)
    for _ in range(2):
        await shop.redeems(member, "mug")
    midnight = f"{again}T00:00:00+01:00"
    assert await refusal(shop, member) == ("limit", {"again_at": midnight})
    await shop.holds(other, "mug")
    shop.clock.instant = datetime.fromisoformat(midnight) - INSTANT
    assert (await refusal(shop, member))[0] == "limit"
    shop.clock.forward(INSTANT)
    await shop.holds(member, "mug")


async def test_a_limit_for_ever_does_not_begin_anew(shop: Shop) -> None:
    await offers(shop, a_reward("mug", per_member={}))
    member = await with_points(shop, 100)
    await shop.redeems(member, "mug")
    shop.clock.forward(timedelta(days=300))
    assert await refusal(shop, member) == ("limit", {"period": "ever"})


async def test_what_was_voided_or_reversed_does_not_count_for_the_limit(shop: Shop) -> None:
    await offers(shop, a_reward("mug", per_member={}))
    member = await with_points(shop, 100)
    await shop.voids(await shop.holds(member, "mug"))
    redemption = await shop.holds(member, "mug")
    await shop.confirms(redemption)
    assert (await refusal(shop, member))[0] == "limit"
    await reverses(shop, redemption)
    await shop.holds(member, "mug")


async def test_of_many_holds_at_once_no_more_succeed_than_the_limit_allows(shop: Shop) -> None:
    await offers(shop, a_reward("mug", per_member={"count": 3, "every": "day"}))
    member = await with_points(shop, 1000)
    results = await asyncio.gather(*(shop.holds(member, "mug") for _ in range(20)), return_exceptions=True)
    assert reasons(results) == ["limit"] * 17
    assert await shop.points(member) == points(940, held=60)


# ---- stock and budget


async def test_what_has_run_out_is_refused_before_points_are_looked_at(shop: Shop) -> None:
    await offers(shop, a_reward("mug", stock=1), a_reward("cup", 30, cost="2.00", budget="3.99"))
    member, poor = await with_points(shop, 500), await with_points(shop, 5)
    for reward in ("mug", "cup"):
        await shop.redeems(member, reward)
        for who in (member, poor):
            assert await refusal(shop, who, reward) == ("sold_out", {})
    assert await stock_adds_up(shop)


async def test_too_few_points_take_nothing_from_the_stock(shop: Shop) -> None:
    await offers(shop, a_reward("mug", stock=1))
    assert await refusal(shop, await with_points(shop, 5)) == ("points", {"missing": 15})
    assert await taken(shop, "mug") == Taken()


async def test_a_hold_takes_of_the_stock_and_a_void_gives_it_back(shop: Shop) -> None:
    await offers(shop, a_reward("mug", stock=1, cost="2.50"))
    member = await with_points(shop, 100)
    redemption = await shop.holds(member, "mug")
    assert await taken(shop, "mug") == Taken(1, 25_000)
    for _ in range(2):
        await shop.voids(redemption)
    assert await taken(shop, "mug") == Taken()
    await shop.redeems(member, "mug")
    assert await taken(shop, "mug") == Taken(1, 25_000)


async def test_a_forgotten_hold_gives_the_stock_back_once(shop: Shop) -> None:
    await offers(shop, a_reward("mug", stock=4), a_reward("cup", stock=4))
    members = [await with_points(shop, 100) for _ in range(4)]
    for member in members:
        for reward in ("mug", "cup"):
            await shop.holds(member, reward)
    shop.clock.forward(HOLD)
    done = await asyncio.gather(*(shop.tick() for _ in range(3)))
    assert sum(one.voided for one in done) == 8
    assert (await taken(shop, "mug"), await taken(shop, "cup")) == (Taken(), Taken())
    assert [await shop.points(member) for member in members] == [points(100)] * 4


async def test_more_forgotten_holds_than_a_batch_are_voided_to_the_end(shop: Shop) -> None:
    await offers(shop, a_reward("mug", 1, stock=redemptions.BATCH + 5))
    member = await with_points(shop, 200)
    for _ in range(redemptions.BATCH + 5):
        await shop.holds(member, "mug")
    shop.clock.forward(HOLD)
    assert (await shop.tick()).voided == redemptions.BATCH + 5
    assert await taken(shop, "mug") == Taken()


async def test_the_cost_is_that_of_the_hold(shop: Shop) -> None:
    await offers(shop, a_reward("mug", cost="2.50", budget="5.00"))
    member = await with_points(shop, 100)
    first, second = await shop.holds(member, "mug"), await shop.holds(member, "mug")
    await offers(shop, a_reward("mug", cost="4.00", budget="9.00"))
    await shop.voids(first)
    await shop.confirms(second)
    assert await taken(shop, "mug") == Taken(1, 25_000)
    (voucher,) = await vouchers_of(shop, member)
    assert voucher.cost == Decimal("2.50")
    assert await stock_adds_up(shop)


async def test_of_many_who_want_the_last_at_once_one_gets_it(shop: Shop) -> None:
    await offers(shop, a_reward("mug", stock=3))
    members = [await with_points(shop, 20) for _ in range(30)]
    results = await asyncio.gather(*(shop.redeems(member, "mug") for member in members), return_exceptions=True)
    assert reasons(results) == ["sold_out"] * 27
    assert await taken(shop, "mug") == Taken(3)
    assert sorted([(await shop.points(member)).available for member in members]) == [0] * 3 + [20] * 27
    assert await stock_adds_up(shop)
    assert await shop.is_sound()


async def test_who_loses_the_last_one_to_another_keeps_her_points_even_if_her_caller_goes_on(shop: Shop) -> None:
    await offers(shop, a_reward("mug", stock=5))
    members = [await with_points(shop, 20) for _ in range(40)]

    async def tries(member: MemberId) -> str:
        def work(session: Session) -> str:
            row = session.get_one(Member, member)
            try:
                redemptions.hold(session, shop.programme, row, RewardId("mug"), key=f"k:{member}", now=shop.now)
            except Refused as refused:
                return refused.reason
            return "held"

        return await shop.do(work)

    outcomes = await asyncio.gather(*(tries(member) for member in members))
    assert sorted(outcomes) == ["held"] * 5 + ["sold_out"] * 35
    for member, outcome in zip(members, outcomes, strict=True):
        assert await shop.points(member) == (points(0, held=20) if outcome == "held" else points(20))
    assert await stock_adds_up(shop)
    assert await shop.is_sound()


async def test_of_many_at_once_none_exceeds_the_budget(shop: Shop) -> None:
    await offers(shop, a_reward("mug", cost="1.10", budget="5.00"), a_reward("cup", cost="1.00", budget="2.00"))
    members = [await with_points(shop, 40) for _ in range(10)]
    results = await asyncio.gather(
        *(shop.holds(member, reward) for member in members for reward in ("mug", "cup")), return_exceptions=True
    )
    assert reasons(results) == ["sold_out"] * 14
    assert (await taken(shop, "mug"), await taken(shop, "cup")) == (Taken(4, 44_000), Taken(2, 20_000))


# ---- terms


async def test_the_terms_of_the_voucher_are_those_of_the_confirmation(shop: Shop) -> None:
    await offers(shop, a_reward("mug"))
    member = await with_points(shop, 100)
    redemption = await shop.holds(member, "mug")
    await offers(
        shop,
        a_reward("mug", 90, kind="percentage", value="12.5", minimum="30.00", uses=2, voucher_days=5),
    )
    issued = await shop.confirms(redemption)
    await offers(shop, MUG)
    (voucher,) = await vouchers_of(shop, member)
    assert (voucher.kind, voucher.value, voucher.minimum, voucher.uses) == (
        "percentage", Decimal("12.5"), Decimal("30.00"), 2,
    )  # fmt: skip
    assert issued.expires_at == datetime(2026, 11, 26, 23, tzinfo=UTC)
    assert issued.points == 20  # what was set aside, not what it costs by now
    assert await shop.points(member) == points(80, lifetime=100)
