"""Goals as pure functions: when they are reached, how far one is, in whatever zone and at whatever turn of the year."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from loyalty.levels.goals import Past, Progress, Reached, begins, ends_at, level_reached, progress, reached
from loyalty.orders.history import Happening, History, Run, weight
from loyalty.programme import LANGUAGES
from loyalty.rules.goals import AnyGoal, Badge, Challenge, Leaderboard, Milestone, Streak
from loyalty.rules.tiers import Tiers
from tests.unit.helpers_hypothesis import patiently

ROME, CAIRO = ZoneInfo("Europe/Rome"), ZoneInfo("Africa/Cairo")
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
NAMES = dict.fromkeys(LANGUAGES, "x")
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


def a(kind: type[Any], measure: str = "orders", **more: object) -> Any:
    return kind.model_validate({"id": "x", "name": NAMES, "measure": measure, **more})


def at(*when: int, zone: ZoneInfo = ROME) -> datetime:
    """A moment of a day in the programme's zone."""
    return datetime(*when, tzinfo=zone).astimezone(UTC)  # type: ignore[misc,arg-type]  # year, month, day …


def order(when: datetime, spend: str = "10.00", points: int = 0) -> Happening:
    return Happening(when, "order", f"{when}", spend=Decimal(spend), points=points)


def past(*happenings: Happening, now: datetime | None = None, zone: ZoneInfo = ROME, **more: Any) -> Past:
    last = max((one.at for one in happenings), default=NOW)
    return Past(History.of(happenings, more.pop("runs", ())), now or last, zone, **more)


def orders(*moments: datetime, **more: Any) -> Past:
    return past(*(order(when) for when in moments), **more)


def periods(goal: AnyGoal, known: Past) -> list[str]:
    return [one.period for one in reached(goal, known)]


def told(goal: AnyGoal, known: Past, *, after: datetime | None = None) -> tuple[int, int, int]:
    """What is there, what is needed and what is missing."""
    found = progress(goal, known, after=after)
    assert found is not None
    return found.have, found.need, found.missing


# Badges and milestones


def test_a_badge_is_reached_by_what_makes_it_enough_and_once() -> None:
    days = [NOW - number * DAY for number in range(5, 0, -1)]
    assert reached(a(Badge, target=3), orders(*days)) == [Reached("1", days[2])]
    assert reached(a(Badge, target=6), orders(*days)) == []
    assert told(a(Badge, target=6), orders(*days)) == (5, 6, 1)
    assert told(a(Badge, target=3), orders(*days)) == (5, 3, 0)


def test_money_counts_to_the_cent() -> None:
    known = past(order(NOW - 2 * DAY, "49.99"), order(NOW - DAY, "50.00"), order(NOW, "0.01"))
    assert reached(a(Badge, "spend", target=100), known) == [Reached("1", NOW)]


def test_orders_below_the_minimum_do_not_count() -> None:
    known = past(order(NOW - 2 * DAY, "4.99"), order(NOW - DAY, "5.00"), order(NOW, "5.01"))
    assert reached(a(Badge, target=2, minimum="5.00"), known) == [Reached("1", NOW)]
    assert told(a(Badge, "spend", target=100, minimum="5.00"), known) == (10, 100, 90)


def test_what_lies_ahead_does_not_count_yet() -> None:
    known = orders(NOW - DAY, NOW + INSTANT, now=NOW)
    assert reached(a(Badge, target=2), known) == []
    assert told(a(Badge, target=2), known) == (1, 2, 1)


def test_a_milestone_comes_again_and_again_and_names_the_amount() -> None:
    days = [NOW - number * DAY for number in range(7, 0, -1)]
    assert reached(a(Milestone, every=3), orders(*days)) == [Reached("3", days[2]), Reached("6", days[5])]
    assert told(a(Milestone, every=3), orders(*days)) == (1, 3, 2)


def test_one_order_may_reach_several_milestones() -> None:
    known = past(order(NOW - DAY, "90.00"), order(NOW, "230.00"))
    assert periods(a(Milestone, "spend", every=100), known) == ["100", "200", "300"]
    found = progress(a(Milestone, "spend", every=100), known)
    assert found is not None
    assert (found.have, found.missing, found.period) == (20, 80, "400")


def test_another_distance_gives_no_milestone_twice() -> None:
    days = [NOW - number * DAY for number in range(40, 0, -1)]
    assert set(periods(a(Milestone, every=20), orders(*days))) <= set(periods(a(Milestone, every=10), orders(*days)))


def test_what_was_before_the_history_counts_for_badges_and_milestones() -> None:
    known = orders(NOW - DAY, NOW, before=lambda _measure, _minimum: Decimal(8))
    assert periods(a(Badge, target=10), known) == ["1"]
    assert periods(a(Badge, target=8), known) == []  # that was before
    assert periods(a(Milestone, every=3), known) == ["9"]
    assert told(a(Milestone, every=3), known) == (1, 3, 2)


# Subscriptions


def test_months_of_a_subscription_are_reached_by_themselves() -> None:
    began = at(2026, 1, 31)
    known = past(now=at(2026, 4, 30), runs=(Run(began),))
    badge, milestone = a(Badge, "subscription_months", target=3), a(Milestone, "subscription_months", every=1)
    assert reached(badge, known) == [Reached("1", at(2026, 4, 30))]
    assert [one.at for one in reached(milestone, known)] == [at(2026, 2, 28), at(2026, 3, 31), at(2026, 4, 30)]
    assert told(a(Badge, "subscription_months", target=12), known) == (3, 12, 9)


def test_a_subscription_that_ended_in_time_does_not_reach_a_month() -> None:
    badge = a(Badge, "subscription_months", target=1)
    run = Run(at(2026, 1, 15), at(2026, 2, 15))
    assert reached(badge, past(now=NOW, runs=(run,))) == []
    longer = Run(run.started_at, at(2026, 2, 15) + INSTANT)
    assert reached(badge, past(now=NOW, runs=(longer,))) == [Reached("1", at(2026, 2, 15))]


def test_a_later_subscription_does_not_reach_again_what_an_earlier_one_did() -> None:
    milestone = a(Milestone, "subscription_months", every=2)
    runs = (Run(at(2025, 1, 1), at(2025, 6, 1)), Run(at(2026, 9, 1)))
    known = past(now=at(2026, 11, 21), runs=runs)
    assert periods(milestone, known) == ["2", "4"]
    found = progress(milestone, known)
    assert found is not None
    assert (found.period, found.missing) == ("6", 4)


@pytest.mark.parametrize("kind", [Challenge, Streak])
def test_months_that_pass_by_themselves_are_no_challenge(kind: type[Challenge | Streak]) -> None:
    more = {"target": 1, "each": "week"} if kind is Challenge else {"unit": "month", "length": 3}
    with pytest.raises(ValidationError, match="count them in a badge or a milestone"):
        a(kind, "subscription_months", **more)
    with pytest.raises(ValidationError, match="set `each: ever`"):
        a(Leaderboard, "subscription_months", each="month")


# Challenges


def test_a_weekly_challenge_counts_from_monday_to_sunday_also_over_new_year() -> None:
    challenge = a(Challenge, target=2, each="week")
    same_week = orders(at(2026, 12, 31, 12), at(2027, 1, 3, 23, 59))
    assert periods(challenge, same_week) == ["2026-W53"]
    assert periods(challenge, orders(at(2027, 1, 3, 23, 59), at(2027, 1, 4, 0, 1))) == []
    assert ends_at(challenge, at(2026, 12, 31, 12), ROME) == at(2027, 1, 4)


def test_a_monthly_challenge_goes_by_the_days_of_the_programmes_zone() -> None:
    challenge = a(Challenge, target=2, each="month")
    late = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)  # December in Rome
    assert periods(challenge, orders(late, at(2026, 12, 5))) == ["2026-12"]
    assert periods(challenge, orders(late, at(2026, 12, 5), zone=ZoneInfo("UTC"))) == []


def test_a_challenge_is_open_again_in_the_next_month() -> None:
    challenge = a(Challenge, target=2, each="month")
    days = [at(2026, 10, 3), at(2026, 10, 4), at(2026, 10, 5), at(2026, 11, 1), at(2026, 11, 2)]
    assert periods(challenge, orders(*days)) == ["2026-10", "2026-11"]
    assert progress(challenge, orders(*days, now=at(2026, 11, 10))) == Progress(
        challenge, 2, 2, 0, "2026-11", at(2026, 12, 1).astimezone(ROME)
    )
    assert told(challenge, orders(*days, now=at(2026, 12, 1))) == (0, 2, 2)


def test_a_challenge_between_two_days_includes_both_of_them() -> None:
    challenge = a(Challenge, target=1, dates={"from": "2026-12-01", "until": "2026-12-24"})
    first, last = at(2026, 12, 1), at(2026, 12, 25)
    for moment, inside in ((first - INSTANT, False), (first, True), (last - INSTANT, True), (last, False)):
        assert bool(reached(challenge, orders(moment))) is inside
        assert (progress(challenge, orders(moment)) is not None) is inside
    assert periods(challenge, orders(first)) == ["2026-12-01/2026-12-24"]
    assert ends_at(challenge, first, ROME) == last


def test_a_challenge_without_a_first_day_counts_all_that_was_before() -> None:
    challenge = a(Challenge, target=3, dates={"until": "2026-12-24"})
    known = orders(at(2026, 12, 2), before=lambda _measure, _minimum: Decimal(2))
    assert periods(challenge, known) == ["../2026-12-24"]


def test_a_challenge_without_a_first_day_that_was_reached_before_is_not_reached_again() -> None:
    challenge = a(Challenge, target=3, dates={"until": "2026-12-24"})
    for there, again in ((2, True), (3, False), (4, False)):
        known = orders(at(2026, 12, 2), at(2026, 12, 3), before=lambda _measure, _minimum, n=there: Decimal(n))
        assert bool(reached(challenge, known)) is again


def test_a_challenge_for_a_level_is_reached_once_there_is_enough_and_the_member_has_the_level() -> None:
    challenge = a(Challenge, target=2, each="month", tiers=["gold"])
    days = [at(2026, 11, day) for day in (1, 2, 3, 4)]

    def level_at(moment: datetime) -> str | None:
        return "gold" if moment >= days[2] else None

    assert reached(challenge, orders(*days, level_at=level_at)) == [Reached("2026-11", days[2])]
    assert reached(challenge, orders(*days)) == []
    assert progress(challenge, orders(*days)) is None
    assert progress(challenge, orders(*days, level_at=level_at)) is not None


# Streaks


def test_a_streak_is_reached_without_a_gap_and_begins_again() -> None:
    streak = a(Streak, unit="day", length=3)
    days = [at(2026, 11, day, 12) for day in range(1, 8)]
    assert periods(streak, orders(*days)) == ["2026-11-03", "2026-11-06"]
    assert told(streak, orders(*days)) == (1, 3, 2)
    assert periods(streak, orders(*days[:2], *days[3:])) == ["2026-11-06"]


def test_several_orders_in_a_day_are_one_day() -> None:
    streak = a(Streak, unit="day", length=2)
    assert periods(streak, orders(at(2026, 11, 1, 8), at(2026, 11, 1, 9), at(2026, 11, 1, 23))) == []


def test_a_streak_lives_until_the_end_of_the_following_day() -> None:
    streak = a(Streak, unit="day", length=5)
    days = [at(2026, 11, 1, 12), at(2026, 11, 2, 12)]
    ending = at(2026, 11, 4)
    for now, have in ((at(2026, 11, 2, 13), 2), (ending - INSTANT, 2), (ending, 0)):
        found = progress(streak, orders(*days, now=now))
        assert found is not None
        assert (found.have, found.ends_at) == (have, ending if have else None)


@pytest.mark.parametrize("clocks_change", [date(2026, 10, 25), date(2027, 3, 28)])
def test_a_day_is_a_day_when_the_clocks_change(clocks_change: date) -> None:
    streak = a(Streak, unit="day", length=3)
    days = [clocks_change + number * DAY for number in (-1, 0, 1)]
    for hour in (0, 2, 23):
        moments = [at(day.year, day.month, day.day, hour, 30) for day in days]
        assert periods(streak, orders(*moments)) == [str(days[2])]


def test_a_day_is_a_day_where_it_begins_at_one_oclock() -> None:
    streak = a(Streak, unit="day", length=3)
    days = [datetime(2026, 4, day, 12, tzinfo=UTC) for day in (23, 24, 25)]  # no midnight on the 24th in Cairo
    assert periods(streak, orders(*days, zone=CAIRO)) == ["2026-04-25"]


def test_weeks_in_a_row_go_over_new_year() -> None:
    streak = a(Streak, unit="week", length=3)
    assert periods(streak, orders(at(2026, 12, 21), at(2027, 1, 3, 23), at(2027, 1, 4))) == ["2027-W01"]
    assert periods(streak, orders(at(2026, 12, 21), at(2027, 1, 4), at(2027, 1, 11))) == []


def test_months_in_a_row_go_over_new_year() -> None:
    streak = a(Streak, unit="month", length=3)
    assert periods(streak, orders(at(2026, 11, 30), at(2026, 12, 31, 23), at(2027, 1, 1))) == ["2027-01"]


def test_a_streak_begins_after_the_one_before() -> None:
    streak = a(Streak, unit="day", length=2)
    days = [at(2026, 11, day, 12) for day in (1, 2, 3, 4)]
    assert [one.at for one in reached(streak, orders(*days), after=days[0])] == [days[2]]
    assert told(streak, orders(*days), after=days[0]) == (1, 2, 1)


# Levels


def levels(*starts: int, measure: str = "points", **more: object) -> Tiers:
    named = [{"id": f"level{start}", "name": NAMES, "from": start, "gift": {"points": 1}} for start in starts]
    return Tiers.model_validate({"measure": measure, "levels": named, **more})


def test_a_level_is_reached_first_by_the_order_that_makes_it_enough() -> None:
    tiers = levels(0, 100, 200)
    known = past(*(order(NOW + number * DAY, points=60) for number in range(4)))
    assert level_reached(tiers, tiers.levels[1], known, None) == Reached("1", NOW + DAY)
    assert level_reached(tiers, tiers.levels[2], known, None) == Reached("1", NOW + 3 * DAY)


def test_a_level_that_begins_at_nothing_is_reached_by_joining() -> None:
    tiers = levels(0, 100)
    assert level_reached(tiers, tiers.levels[0], past(now=NOW), NOW - DAY) == Reached("1", NOW - DAY)
    assert level_reached(tiers, tiers.levels[0], past(now=NOW), None) is None


def test_what_stopped_to_count_reaches_no_level() -> None:
    tiers = levels(100, months=1)
    known = past(order(NOW - 40 * DAY, points=60), order(NOW, points=60))
    assert level_reached(tiers, tiers.levels[0], known, None) is None
    assert level_reached(levels(100), tiers.levels[0], known, None) == Reached("1", NOW)


def test_a_level_is_reached_by_months_of_a_subscription() -> None:
    tiers = levels(0, 6, measure="subscription_months")
    known = past(now=at(2026, 7, 1), runs=(Run(at(2026, 1, 1)),))
    assert level_reached(tiers, tiers.levels[1], known, None) == Reached("1", at(2026, 7, 1))


# Whatever happens


moments = st.datetimes(datetime(2026, 9, 25), datetime(2027, 4, 5)).map(  # noqa: DTZ001 -- made aware at once
    lambda naive: naive.replace(tzinfo=UTC)
)
happenings = st.lists(
    st.builds(
        lambda when, spend, name: (
            Happening(when, "order", f"{when}", spend=spend, points=int(spend))
            if name is None
            else Happening(when, "activity", f"{when}", name, points=5)
        ),
        st.one_of(moments, st.integers(0, 60).map(lambda days: NOW + days * DAY / 2)),
        st.decimals("0.01", 60, places=2),
        st.sampled_from([None, None, "review"]),
    ),
    max_size=60,
    unique_by=lambda one: one.key,
)
zones = st.sampled_from([ROME, CAIRO, ZoneInfo("America/New_York"), ZoneInfo("Pacific/Kiritimati")])
measures = st.sampled_from(["orders", "spend", "points", "activity:review"])
targets = st.integers(1, 40)
minima = st.sampled_from([Decimal(0), Decimal("20.00")])


@st.composite
def any_goal(draw: st.DrawFn) -> AnyGoal:
    common: dict[str, Any] = {"measure": draw(measures), "minimum": draw(minima)}
    match draw(st.sampled_from(["badge", "milestone", "each", "dates", "streak"])):
        case "badge":
            goal: AnyGoal = a(Badge, target=draw(targets), **common)
        case "milestone":
            goal = a(Milestone, every=draw(targets), **common)
        case "each":
            goal = a(Challenge, target=draw(targets), each=draw(st.sampled_from(["week", "month"])), **common)
        case "dates":
            dates = draw(st.sampled_from([("2026-10-10", "2027-01-10"), (None, "2027-01-10"), ("2026-12-01", None)]))
            goal = a(Challenge, target=draw(targets), dates=dict(zip(("from", "until"), dates, strict=True)), **common)
        case _:
            unit = draw(st.sampled_from(["day", "week", "month"]))
            goal = a(Streak, unit=unit, length=draw(st.integers(2, 4)), **common)
    return goal


@given(any_goal(), happenings, zones, moments)
@patiently(400)
def test_a_part_of_the_past_and_a_sum_are_as_good_as_all_of_it(
    goal: AnyGoal, found: list[Happening], zone: ZoneInfo, since: datetime
) -> None:
    """What is reached from a moment on needs no more of the past than `begins` says, and what there was before."""
    now = datetime(2027, 5, 1, tzinfo=UTC)
    whole = Past(History.of(found), now, zone)
    expected = reached(goal, whole)
    begin = begins(goal, since, zone)

    def before(measure: str, minimum: Decimal) -> Decimal:
        earlier = (one for one in found if one.at < begin)
        return sum((weight(measure, one, minimum=minimum) for one in earlier), Decimal(0))

    part = Past(History.of(one for one in found if one.at >= begin), now, zone, before)
    last = max((one.at for one in expected if one.at < since), default=None)
    after = last if isinstance(goal, Streak) else None
    assert [one for one in reached(goal, part, after=after) if one.at >= since] == [
        one for one in expected if one.at >= since
    ]


@given(any_goal(), happenings, zones, moments)
@patiently(200)
def test_progress_agrees_with_what_is_reached(
    goal: AnyGoal, found: list[Happening], zone: ZoneInfo, now: datetime
) -> None:
    known = Past(History.of(found), now, zone)
    did, next_ = reached(goal, known), progress(goal, known)
    if next_ is None:
        return
    assert 0 <= next_.missing <= next_.need
    if isinstance(goal, Badge | Challenge):
        assert (not next_.missing) is (next_.period in {one.period for one in did})
    else:
        assert 0 <= next_.have < next_.need


def units(unit: Literal["day", "week", "month"], found: Iterable[Happening], zone: ZoneInfo) -> list[int]:
    """The numbers of the days, weeks or months in which something happened, as plainly as can be."""
    days = {one.at.astimezone(zone).date() for one in found}
    number = {
        "day": lambda day: day.toordinal(),
        "week": lambda day: (day.toordinal() - 1) // 7,
        "month": lambda day: day.year * 12 + day.month,
    }
    return sorted({number[unit](day) for day in days})


@given(st.sampled_from(["day", "week", "month"]), st.integers(2, 4), happenings, zones)
@patiently(200)
def test_streaks_are_as_many_as_runs_without_a_gap_hold(
    unit: Literal["day", "week", "month"], length: int, found: list[Happening], zone: ZoneInfo
) -> None:
    numbers = units(unit, (one for one in found if one.kind == "order"), zone)
    expected, run = 0, 0
    for number in numbers:
        run = run % length + 1 if number - 1 in numbers else 1
        expected += run == length
    assert len(reached(a(Streak, unit=unit, length=length), past(*found, zone=zone))) == expected
