"""Subscriptions: news in any order and any number, levels by their length, and the orders that rest on those."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from sqlalchemy import select

from loyalty.errors import Conflict, Invalid
from loyalty.ids import MemberId
from loyalty.tables import Subscription
from tests.store.goals import DAY, a_goal, aiming, aims, held, level, levels, nothing_differs, status, subscribes
from tests.store.helpers import Shop, points

BEGAN = datetime(2026, 6, 1, 8, tzinfo=UTC)
STARTS = {"new": 0, "half": 6, "year": 12}


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """A shop whose levels are reached by the length of a subscription."""
    shop.programme = aiming(shop.programme, tiers=levels("subscription_months", starts=STARTS))
    return shop


async def known(shop: Shop, member: MemberId) -> list[tuple[datetime, datetime | None]]:
    query = select(Subscription.started_at, Subscription.ended_at).where(Subscription.member_id == member)
    return [(row[0], row[1]) for row in await shop.ask(lambda session: session.execute(query).all())]


async def test_a_level_comes_with_the_months_by_itself(shop: Shop) -> None:
    member = await shop.member()
    assert await subscribes(shop, member, "box", BEGAN)
    assert await level(shop, member) == ("new", 5)
    found = (await status(shop, member)).level
    assert found is not None
    assert found.next is not None
    assert (found.next.id, found.missing, found.measure) == ("half", 1, "subscription_months")
    for now, expected in (
        (datetime(2026, 12, 1, 9, tzinfo=UTC) - timedelta(microseconds=1), ("new", 5)),
        (datetime(2026, 12, 1, 9, tzinfo=UTC), ("half", 6)),  # ten o'clock in Rome, as it began
        (datetime(2027, 6, 1, 8, tzinfo=UTC), ("year", 12)),
    ):
        shop.clock.instant = now
        await shop.tick()
        assert await level(shop, member) == expected
    assert await nothing_differs(shop)


async def test_a_subscription_that_ended_gives_no_level_once_its_grace_is_over(shop: Shop) -> None:
    await aims(shop, tiers=levels("subscription_months", starts=STARTS, grace_days=30))
    member = await shop.member()
    await subscribes(shop, member, "box", BEGAN - 60 * DAY)
    assert await level(shop, member) == ("half", 7)
    ended = shop.now
    await subscribes(shop, member, "box", BEGAN - 60 * DAY, ended)
    assert await level(shop, member) == ("half", 0)
    found = (await status(shop, member)).level
    assert found is not None
    assert found.kept_until == ended + 30 * DAY
    shop.clock.forward(30 * DAY)
    await shop.tick()
    assert await level(shop, member) == ("new", 0)
    assert await nothing_differs(shop)


async def test_news_in_any_order_and_twice_end_the_same(shop: Shop) -> None:
    told = [
        (BEGAN, None, shop.now - timedelta(hours=3)),
        (BEGAN, shop.now - timedelta(hours=2), shop.now - timedelta(hours=2)),
        (BEGAN, None, shop.now - timedelta(hours=1)),
        (BEGAN, shop.now - DAY, shop.now - timedelta(hours=1)),
    ]  # the last two at one moment: that it ended counts
    for number, order in enumerate(permutations(told)):
        member = await shop.member()
        for started_at, ended_at, told_at in (*order, *order):
            await subscribes(shop, member, f"box/{number}", started_at, ended_at, told_at=told_at)
        assert await known(shop, member) == [(BEGAN, shop.now - DAY)]
        assert await level(shop, member) == ("new", 0)
    assert await nothing_differs(shop)


async def test_the_same_news_again_are_no_news(shop: Shop) -> None:
    member = await shop.member()
    assert await subscribes(shop, member, "box", BEGAN)
    assert not await subscribes(shop, member, "box", BEGAN)
    assert not await subscribes(shop, member, "box", BEGAN - DAY, told_at=shop.now - DAY)
    assert await known(shop, member) == [(BEGAN, None)]


async def test_orders_of_a_level_that_turns_out_later_are_judged_again(shop: Shop) -> None:
    tiers = levels("subscription_months", starts=STARTS)
    tiers["levels"][1]["factor"] = "2"
    await aims(shop, tiers=tiers)
    member = await shop.member()
    await shop.buys(member, "10.00")
    assert await shop.points(member) == points(10)
    await subscribes(shop, member, "box", BEGAN - 60 * DAY)
    assert await shop.points(member) == points(20)
    await subscribes(shop, member, "box", BEGAN, told_at=shop.now + timedelta(minutes=1))
    assert await shop.points(member) == points(10)
    assert await nothing_differs(shop)


async def test_a_badge_for_a_year_comes_by_itself_and_goes_if_it_was_not_one(shop: Shop) -> None:
    await aims(shop, badges=[a_goal("faithful", "subscription_months", target=12, gift={"points": 100})])
    member = await shop.member()
    await subscribes(shop, member, "box", BEGAN)
    shop.clock.instant = datetime(2027, 6, 1, 8, tzinfo=UTC)
    assert (await shop.tick()).progressed == 1
    assert await held(shop, member) == {("badge:faithful", "1")}
    assert await shop.points(member) == points(100)
    shop.clock.forward(DAY)
    await subscribes(shop, member, "box", BEGAN, datetime(2027, 5, 31, tzinfo=UTC))
    assert await held(shop, member) == set()
    assert await shop.points(member) == points(0)
    assert await nothing_differs(shop)


async def test_a_subscription_that_begins_next_week_counts_from_then_on(shop: Shop) -> None:
    member = await shop.member()
    await subscribes(shop, member, "box", shop.now + 7 * DAY)
    assert await level(shop, member) == ("new", 0)
    shop.clock.forward(7 * DAY + 200 * DAY)
    await shop.tick()
    assert await level(shop, member) == ("half", 6)
    assert await nothing_differs(shop)


async def test_what_cannot_be_is_refused(shop: Shop) -> None:
    member, other = await shop.member(), await shop.member()
    with pytest.raises(Invalid, match="ended_at lies before started_at"):
        await subscribes(shop, member, "box", BEGAN, BEGAN - DAY)
    with pytest.raises(Invalid, match="told_at lies in the future"):
        await subscribes(shop, member, "box", BEGAN, told_at=shop.now + 2 * DAY)
    assert await known(shop, member) == []
    await subscribes(shop, member, "box", BEGAN)
    with pytest.raises(Conflict, match="another member's"):
        await subscribes(shop, other, "box", BEGAN)
    assert await known(shop, other) == []
