"""Levels and goals in the store: given once, taken back with what they were for, never lost to a changed file."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.levels import progress, recount
from loyalty.levels.facts import Facts
from loyalty.orders.history import count, read_history
from loyalty.orders.openings import total_before
from loyalty.orders.purchases import OrderChange
from loyalty.rewards import vouchers
from loyalty.tables import Activity, Award, Member, Standing, Transaction, Voucher
from tests.store import goals
from tests.store.goals import DAY, a_goal, aims, held, level, levels, looks, nothing_differs, status
from tests.store.helpers import Shop, a_key, euros, points, variant


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """The café without anything that can be reached."""
    shop.programme = goals.aiming(shop.programme)
    return shop


FREE_DRINK = a_goal("ten", every=10, gift={"reward": "cappuccino"})


async def buys(shop: Shop, member: MemberId, times: int, amount: str = "1.00") -> list[str]:
    """So many orders, a minute apart. Returns their keys."""
    keys = [a_key() for _ in range(times)]
    for key in keys:
        await shop.buys(member, amount, key=key)
        shop.clock.forward(timedelta(minutes=1))
    return keys


# What is given


async def test_a_programme_without_goals_keeps_nothing_of_them(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "10.00")
    assert await looks(shop, member) == ()
    assert await level(shop, member) is None


async def test_a_badge_gives_its_points_once(shop: Shop) -> None:
    await aims(shop, badges=[a_goal("regular", target=3, gift={"points": 50})])
    member = await shop.member()
    await buys(shop, member, 2)
    assert await shop.points(member) == points(2)
    await buys(shop, member, 3)
    assert await shop.points(member) == points(55)
    assert await held(shop, member) == {("badge:regular", "1")}
    await looks(shop, member)
    assert await shop.points(member) == points(55)
    given = select(Transaction).where(Transaction.kind == "goal")
    row = await shop.ask(lambda session: session.scalars(given).one())
    assert row.memo == {"goal": "badge:regular", "period": "1"}
    assert row.origin is not None
    assert row.origin.startswith("award:")
    assert await nothing_differs(shop)


async def test_a_free_drink_after_each_ten_visits(shop: Shop) -> None:
    await aims(shop, milestones=[FREE_DRINK])
    member = await shop.member()
    await buys(shop, member, 19)
    assert await goals.vouchers(shop, member) == ["issued"]
    await buys(shop, member, 1)
    assert await goals.vouchers(shop, member) == ["issued", "issued"]
    assert await held(shop, member) == {("milestone:ten", "10"), ("milestone:ten", "20")}
    assert await nothing_differs(shop)


async def test_what_was_reached_is_told(shop: Shop) -> None:
    await aims(
        shop, badges=[a_goal("first", "activity:review", target=1, gift={"points": 5})],
        tiers=levels("points", starts={"base": 0, "gold": 10}),
    )  # fmt: skip
    member = await shop.member()
    assert await looks(shop, member) == ()
    purchase = a_key()
    await shop.do(lambda session: _only_record(session, shop, member, purchase))
    told = await looks(shop, member, since=shop.now)
    assert [(one.what, one.goal) for one in told] == [("level_up", "tier:gold"), ("reached", "badge:first")]
    assert [one.given.points for one in told if one.given is not None] == [5]
    assert await looks(shop, member) == ()


def _only_record(session: Session, shop: Shop, member: MemberId, key: str) -> None:
    """An activity that was written down, but not looked at yet."""
    session.add(
        Activity(
            id=key, programme_id=shop.programme.id, member_id=member, key=key, name="review", occurred_at=shop.now,
            recorded_at=shop.now, revision=shop.programme.revision, points=15, content_hash="",
        )
    )  # fmt: skip
    session.flush()


async def test_a_monthly_challenge_can_be_done_each_month(shop: Shop) -> None:
    await aims(shop, challenges=[a_goal("three", target=3, each="month", gift={"points": 50})])
    member = await shop.member()
    await buys(shop, member, 4)
    assert await shop.points(member) == points(54)
    shop.clock.instant = datetime(2026, 11, 30, 22, 59, tzinfo=UTC)  # the last minute of November in Rome
    await buys(shop, member, 3)
    assert await held(shop, member) == {("challenge:three", "2026-11")}
    await buys(shop, member, 1)
    assert await held(shop, member) == {("challenge:three", "2026-11"), ("challenge:three", "2026-12")}
    assert await nothing_differs(shop)


async def test_gifts_for_orders_wait_as_long_as_the_points_of_an_order(shop: Shop) -> None:
    rule = shop.programme.earning.purchase.model_copy(update={"pending_days": 14})
    shop.programme = variant(shop.programme, purchase=rule)
    await aims(
        shop, badges=[a_goal("first", target=1, gift={"points": 50, "reward": "espresso"})],
        streaks=[a_goal("reviewer", "activity:review", unit="day", length=2, gift={"points": 7})],
    )  # fmt: skip
    member = await shop.member()
    await shop.buys(member, "10.00")
    assert await shop.points(member) == points(pending=60)
    assert await goals.vouchers(shop, member) == ["waiting"]
    await shop.does(member, "review")
    shop.clock.forward(DAY)
    await shop.does(member, "review")
    assert await shop.points(member) == points(37, pending=60)
    shop.clock.forward(14 * DAY)
    await shop.tick()
    assert await shop.points(member) == points(97)
    assert await goals.vouchers(shop, member) == ["issued"]


async def test_parallel_orders_reach_a_milestone_once(shop: Shop) -> None:
    await aims(shop, milestones=[a_goal("five", every=5, gift={"points": 100})])
    member = await shop.member()
    await asyncio.gather(*(shop.buys(member, "1.00") for _ in range(12)))
    assert await shop.points(member) == points(212)
    assert await held(shop, member) == {("milestone:five", "5"), ("milestone:five", "10")}
    assert await nothing_differs(shop)


# What is taken back


async def test_a_refund_takes_a_badge_and_its_gift_back_and_another_order_brings_them_again(shop: Shop) -> None:
    await aims(shop, badges=[a_goal("regular", target=3, gift={"points": 50})])
    member = await shop.member()
    first, *_ = await buys(shop, member, 3)
    await shop.refunds(first, "1.00")
    assert await held(shop, member) == set()
    assert await shop.points(member) == points(2)
    await buys(shop, member, 1)
    assert await held(shop, member) == {("badge:regular", "1")}
    assert await shop.points(member) == points(53)
    assert await shop.do(lambda session: session.scalars(select(Award.changes)).one()) == 3
    assert await nothing_differs(shop)


async def test_a_refund_that_leaves_enough_takes_nothing(shop: Shop) -> None:
    await aims(shop, badges=[a_goal("regular", target=3, gift={"points": 50})])
    member = await shop.member()
    first, *_ = await buys(shop, member, 4)
    await shop.refunds(first, "1.00")
    assert await held(shop, member) == {("badge:regular", "1")}
    assert await shop.points(member) == points(53)
    assert await nothing_differs(shop)


async def test_an_unused_voucher_is_taken_back_and_a_used_one_stays(shop: Shop) -> None:
    await aims(shop, milestones=[a_goal("two", every=2, gift={"reward": "espresso"})])
    member = await shop.member()
    first, second, third, _ = await buys(shop, member, 4)
    assert await goals.vouchers(shop, member) == ["issued", "issued"]
    await shop.refunds(third, "1.00")
    assert await goals.vouchers(shop, member) == ["issued", "revoked"]
    code = await shop.ask(lambda session: session.scalars(select(Voucher.code).where(Voucher.status == "issued")).one())
    await shop.do(
        lambda session: vouchers.consume(
            session, shop.programme, code, key="till/1", place=None, amount=None, now=shop.now
        )
    )
    await shop.refunds(first, "1.00")
    await shop.refunds(second, "1.00")
    assert await held(shop, member) == set()
    assert await goals.vouchers(shop, member) == ["used", "revoked"]
    await buys(shop, member, 1)  # what was used is not given again …
    assert await held(shop, member) == {("milestone:two", "2")}
    assert await goals.vouchers(shop, member) == ["used", "revoked"]
    await buys(shop, member, 2)  # … and what was revoked is
    assert await goals.vouchers(shop, member) == ["used", "issued"]
    assert await nothing_differs(shop)


async def test_a_cancelled_order_was_never_there(shop: Shop) -> None:
    await aims(shop, challenges=[a_goal("big", "spend", target=100, each="week", gift={"points": 20})])
    member = await shop.member()
    order = a_key()
    await shop.buys(member, "120.00", key=order)
    assert await shop.points(member) == points(140)
    await shop.changes(OrderChange("edit", a_key(), order, euros("99.00"), shop.now))
    assert await shop.points(member) == points(99)
    await shop.changes(OrderChange("edit", a_key(), order, euros("101.00"), shop.now + timedelta(seconds=1)))
    assert await shop.points(member) == points(121)
    await shop.changes(OrderChange("cancellation", a_key(), order, euros("0"), shop.now))
    assert await shop.points(member) == points(0)
    assert await nothing_differs(shop)


async def test_late_news_that_shifts_a_streak_gives_nothing_twice(shop: Shop) -> None:
    await aims(shop, streaks=[a_goal("daily", unit="day", length=3, gift={"reward": "espresso"})])
    member = await shop.member()
    shop.clock.forward(6 * DAY)
    for back in (5, 4, 3, 2):
        await shop.buys(member, "1.00", at=shop.now - back * DAY)
    assert await goals.vouchers(shop, member) == ["issued"]
    before = await held(shop, member)
    await shop.buys(member, "1.00", at=shop.now - 6 * DAY)
    after = await held(shop, member)
    assert len(before) == len(after) == 1
    assert before != after
    assert await goals.vouchers(shop, member) == ["issued"]
    assert await nothing_differs(shop)


# Levels


GOLD = {"base": 0, "silver": 50, "gold": 100}


async def test_a_level_is_reached_and_its_gift_given_once(shop: Shop) -> None:
    await aims(shop, tiers=levels("spend", starts=GOLD, gifts={"gold": 30}, months=1))
    member = await shop.member()
    assert await level(shop, member) == ("base", 0)
    await shop.buys(member, "60.00")
    assert await level(shop, member) == ("silver", 60)
    await shop.buys(member, "40.00")
    assert await level(shop, member) == ("gold", 100)
    assert await shop.points(member) == points(130)
    shop.clock.forward(40 * DAY)
    assert (await shop.tick()).progressed == 1
    assert await level(shop, member) == ("base", 0)
    await shop.buys(member, "100.00")
    assert await level(shop, member) == ("gold", 100)
    assert await shop.points(member) == points(230)
    assert await nothing_differs(shop)


async def test_a_level_that_rested_on_a_refunded_order_goes_with_its_gift_at_once(shop: Shop) -> None:
    await aims(shop, tiers=levels("spend", starts=GOLD, gifts={"gold": 30}, grace_days=90))
    member = await shop.member()
    order = a_key()
    await shop.buys(member, "60.00")
    await shop.buys(member, "40.00", key=order)
    await shop.refunds(order, "0.01")
    assert await level(shop, member) == ("silver", 99)
    assert await shop.points(member) == points(99)
    assert await nothing_differs(shop)


async def test_a_level_is_kept_for_its_days_of_grace_and_then_lost(shop: Shop) -> None:
    await aims(shop, tiers=levels("spend", starts=GOLD, months=1, grace_days=10))
    member = await shop.member()
    await shop.buys(member, "100.00")
    over = datetime(2026, 12, 21, 10, tzinfo=UTC)
    for now, expected in (
        (over - timedelta(microseconds=1), ("gold", 100)),
        (over, ("gold", 0)),
        (over + 10 * DAY - timedelta(microseconds=1), ("gold", 0)),
        (over + 10 * DAY, ("base", 0)),
    ):
        shop.clock.instant = now
        await shop.tick()
        assert await level(shop, member) == expected
        found = (await status(shop, member)).level
        assert found is not None
        assert found.level is not None
        assert found.level.id == expected[0]
        assert found.kept_until == (over + 10 * DAY if expected == ("gold", 0) else None)
        assert await nothing_differs(shop)
    assert (await shop.tick()).progressed == 0


async def test_a_status_needs_no_tick_to_be_right(shop: Shop) -> None:
    await aims(shop, tiers=levels("spend", starts=GOLD, months=1))
    member = await shop.member()
    await shop.buys(member, "100.00")
    shop.clock.forward(40 * DAY)
    assert await level(shop, member) == ("gold", 100)

    def tier(session: Session) -> str | None:
        return progress.tier_of(session, shop.programme, member, now=shop.now)

    assert await shop.ask(tier) == "base"
    assert await nothing_differs(shop)
    await shop.tick()
    assert await shop.ask(tier) == "base"


async def test_an_order_with_a_time_ahead_counts_when_it_is_there(shop: Shop) -> None:
    await aims(
        shop, badges=[a_goal("first", target=1, gift={"points": 5})], tiers=levels("spend", starts=GOLD)
    )  # fmt: skip
    member = await shop.member()
    await shop.buys(member, "100.00", at=shop.now + timedelta(hours=5))
    assert await held(shop, member) == set()
    assert await level(shop, member) == ("base", 0)
    shop.clock.forward(timedelta(hours=5))
    assert (await shop.tick()).progressed == 1
    assert await held(shop, member) == {("badge:first", "1")}
    assert await level(shop, member) == ("gold", 100)
    assert await nothing_differs(shop)


# Rules that change


async def test_a_badge_that_is_held_stays_when_the_file_asks_for_more(shop: Shop) -> None:
    await aims(shop, badges=[a_goal("regular", target=3, gift={"points": 50})])
    member = await shop.member()
    first, *_ = await buys(shop, member, 3)
    await aims(shop, badges=[a_goal("regular", target=10, gift={"points": 500})])
    await shop.tick()
    assert await held(shop, member) == {("badge:regular", "1")}
    assert await shop.points(member) == points(53)
    await shop.refunds(first, "1.00")  # it is judged by what it was given for
    assert await held(shop, member) == set()
    assert await shop.points(member) == points(2)
    await buys(shop, member, 1)
    assert await shop.points(member) == points(53)
    assert await nothing_differs(shop)


async def test_a_badge_stays_when_the_file_has_it_no_more(shop: Shop) -> None:
    await aims(shop, badges=[a_goal("regular", target=3, gift={"points": 50})])
    member = await shop.member()
    await buys(shop, member, 3)
    await aims(shop, badges=[a_goal("other", target=100)])
    await shop.tick()
    assert await held(shop, member) == {("badge:regular", "1")}
    badges = (await status(shop, member)).badges
    assert [(one.goal.id, one.done) for one in badges] == [("other", False), ("regular", True)]
    await aims(shop)
    await shop.buys(member, "1.00")
    assert await held(shop, member) == {("badge:regular", "1")}


async def test_a_new_badge_is_held_for_the_past_without_its_gift(shop: Shop) -> None:
    member = await shop.member()
    await buys(shop, member, 5)
    await aims(shop, badges=[a_goal("regular", target=3, gift={"points": 50}), a_goal("more", target=6)])
    assert (await shop.tick()).progressed == 1
    assert await held(shop, member) == {("badge:regular", "1")}
    assert await shop.points(member) == points(5)
    await buys(shop, member, 1)  # what she did before counts
    assert await held(shop, member) == {("badge:regular", "1"), ("badge:more", "1")}
    assert await shop.points(member) == points(6)
    assert await nothing_differs(shop)


async def test_a_new_milestone_goes_on_from_what_there_was(shop: Shop) -> None:
    member = await shop.member()
    await buys(shop, member, 27)
    await aims(shop, milestones=[FREE_DRINK])
    await shop.tick()
    assert await held(shop, member) == set()
    await buys(shop, member, 3)
    assert await held(shop, member) == {("milestone:ten", "30")}
    assert await goals.vouchers(shop, member) == ["issued"]
    assert await nothing_differs(shop)


async def test_a_new_challenge_counts_the_month_that_runs_and_no_month_before(shop: Shop) -> None:
    here, there = await shop.member(), await shop.member()
    shop.clock.instant = datetime(2026, 10, 5, 10, tzinfo=UTC)
    await buys(shop, here, 3)
    shop.clock.instant = datetime(2026, 11, 21, 10, tzinfo=UTC)
    await buys(shop, here, 2)
    await buys(shop, there, 3)
    await aims(shop, challenges=[a_goal("three", target=3, each="month", gift={"points": 50})])
    await shop.tick()
    await buys(shop, here, 1)
    assert await held(shop, here) == {("challenge:three", "2026-11")}
    assert await shop.points(here) == points(56)
    assert await held(shop, there) == {("challenge:three", "2026-11")}  # done, but before there was something for it
    assert await shop.points(there) == points(3)
    assert await nothing_differs(shop)


async def test_an_order_of_before_that_is_told_late_is_no_reason_for_a_gift(shop: Shop) -> None:
    await aims(shop, badges=[a_goal("regular", target=2, gift={"points": 50})])
    member = await shop.member()
    yesterday = shop.now - DAY
    await shop.buys(member, "1.00", at=yesterday)
    await shop.buys(member, "1.00", at=yesterday)
    assert await held(shop, member) == {("badge:regular", "1")}
    assert await shop.points(member) == points(2)
    assert await nothing_differs(shop)


async def test_who_does_something_before_the_tick_is_looked_at_by_the_new_rules_at_once(shop: Shop) -> None:
    member = await shop.member()
    await buys(shop, member, 5)
    await aims(shop, badges=[a_goal("regular", target=3)])
    await shop.does(member, "review")
    assert await held(shop, member) == {("badge:regular", "1")}
    assert (await shop.tick()).progressed == 0


async def test_new_rules_are_applied_once_to_everybody_also_by_two_processes(shop: Shop) -> None:
    members = [await shop.member() for _ in range(5)]
    for member in members:
        await buys(shop, member, 2)
    await aims(shop, badges=[a_goal("regular", target=2)])
    done = await asyncio.gather(shop.tick(), shop.tick())
    assert sum(one.progressed for one in done) == 5
    assert (await shop.tick()).progressed == 0
    for member in members:
        assert await held(shop, member) == {("badge:regular", "1")}
    await aims(shop, badges=[a_goal("regular", target=2, gift={"points": 5})])
    assert (await shop.tick()).progressed == 5
    assert await nothing_differs(shop)


async def test_texts_and_the_size_of_gifts_are_no_reason_to_look_at_everybody(shop: Shop) -> None:
    await aims(shop, badges=[a_goal("regular", target=2, gift={"points": 5})])
    member = await shop.member()
    await shop.tick()
    await aims(shop, badges=[{**a_goal("regular", target=2, gift={"points": 6}), "sign": "*"}])
    assert (await shop.tick()).progressed == 0
    await buys(shop, member, 2)
    assert await shop.points(member) == points(8)


async def test_a_streak_by_other_rules_begins_where_the_one_before_left_off(shop: Shop) -> None:
    await aims(shop, streaks=[a_goal("daily", unit="day", length=2, gift={"points": 10})])
    member = await shop.member()
    for _ in range(4):
        await shop.buys(member, "1.00")
        shop.clock.forward(DAY)
    two = {("streak:daily", "2026-11-22"), ("streak:daily", "2026-11-24")}
    assert await held(shop, member) == two
    await aims(shop, streaks=[a_goal("daily", unit="day", length=3, gift={"points": 20})])
    await shop.tick()
    assert await held(shop, member) == two
    for _ in range(3):
        await shop.buys(member, "1.00")
        shop.clock.forward(DAY)
    assert await held(shop, member) == two | {("streak:daily", "2026-11-27")}
    assert await shop.points(member) == points(7 + 40)
    await aims(shop, streaks=[a_goal("daily", unit="day", length=2, gift={"points": 10})])
    await shop.tick()
    assert await held(shop, member) == two | {("streak:daily", "2026-11-27")}
    assert await nothing_differs(shop)


# What it costs, and the proof


async def test_an_order_reads_as_little_for_a_member_of_many_years(shop: Shop) -> None:
    await aims(
        shop, milestones=[FREE_DRINK], badges=[a_goal("rich", "spend", target=10**6)],
        challenges=[a_goal("three", target=3, each="month")], tiers=levels("points", starts=GOLD),
    )  # fmt: skip
    member = await shop.member()
    shop.clock.instant = datetime(2026, 1, 5, 10, tzinfo=UTC)
    await buys(shop, member, 60)
    shop.clock.instant = datetime(2026, 11, 21, 10, tzinfo=UTC)
    await buys(shop, member, 4)

    def read(session: Session) -> tuple[int, int]:
        here = Facts(session, member, shop.programme, now=shop.now, joined_at=None, since=shop.now)
        whole = Facts(session, member, shop.programme, now=shop.now, joined_at=None, since=None)
        return len(here.history.happenings), len(whole.history.happenings)

    assert await shop.ask(read) == (4, 64)
    found = await status(shop, member)
    assert found.milestones[0].progress.have == 4
    assert found.badges[0].progress.have == 64
    assert found.challenges[0].progress.have == 4
    assert found.level is not None
    assert found.level.value == 64


async def test_a_status_takes_as_many_statements_for_everybody(shop: Shop) -> None:
    await aims(
        shop, milestones=[FREE_DRINK], badges=[a_goal(f"b{number}", target=number) for number in (1, 2, 3)],
        challenges=[a_goal("three", target=3, each="month")], tiers=levels("points", starts=GOLD, months=12),
        streaks=[a_goal("daily", unit="day", length=2)],
    )  # fmt: skip
    new, old = await shop.member(), await shop.member()
    for _ in range(30):
        await buys(shop, old, 1)
        shop.clock.forward(DAY)

    async def questions(member: MemberId) -> int:
        return len(
            await goals.asked(shop, lambda session: progress.status(session, shop.programme, member, now=shop.now))
        )

    few, many = await questions(new), await questions(old)
    assert 1 < few == many < 12


@pytest.mark.parametrize("measure", ["orders", "spend", "points", "activity:review", "referrals", "quizzes"])
@pytest.mark.parametrize("minimum", ["0", "2.50"])
async def test_what_was_before_is_added_up_as_it_would_be_counted(shop: Shop, measure: str, minimum: str) -> None:
    member, now = await shop.member(), shop.now
    for hours, amount in enumerate(("2.49", "2.50", "19.99", "0.01", "1.00", "3.33")):
        await shop.buys(member, amount, at=now - timedelta(hours=hours), key=f"order {amount}")
    await shop.refunds("order 19.99", "17.49")
    await shop.refunds("order 3.33", "3.33")
    for hours in range(3):
        shop.clock.instant = now - timedelta(hours=hours)
        await shop.does(member, "review")

    def both(session: Session) -> tuple[int, int]:
        moment, least = now - timedelta(minutes=90), Decimal(minimum)
        total = total_before(session, member, moment, measure, minimum=least)
        earlier = [one for one in read_history(session, member).happenings if one.at < moment]
        return int(total), count(measure, earlier, minimum=least)

    summed, counted = await shop.ask(both)
    assert summed == counted
    assert counted or measure in {"referrals", "quizzes"}


async def test_what_was_altered_by_hand_is_found(shop: Shop) -> None:
    await aims(
        shop, badges=[a_goal("one", target=1), a_goal("two", target=2)], tiers=levels("spend", starts=GOLD)
    )  # fmt: skip
    member = await shop.member()
    await shop.buys(member, "60.00")
    await shop.do(lambda session: session.execute(update(Standing).values(tier="gold")).close())
    await shop.do(lambda session: session.execute(update(Award).values(goal="badge:two")).close())
    found = await shop.ask(lambda session: list(recount.differences(session, shop.programme, now=shop.now)))
    assert len(found) == 3
    assert "kept as gold" in found[0]
    assert "badge:one (1) is not there" in found[1] + found[2]
    assert "badge:two (1) is held" in found[1] + found[2]
    await looks(shop, member)
    assert await nothing_differs(shop)


async def test_somebody_who_was_erased_is_left_alone(shop: Shop) -> None:
    await aims(shop, badges=[a_goal("regular", target=1, gift={"points": 5})])
    member = await shop.member()
    order = a_key()
    await shop.buys(member, "1.00", key=order)
    await shop.do(lambda session: session.execute(update(Member).values(erased_at=shop.now)).close())
    await shop.refunds(order, "1.00")
    assert await held(shop, member) == {("badge:regular", "1")}
    await aims(shop, badges=[a_goal("other", target=1)])
    assert (await shop.tick()).progressed == 0
