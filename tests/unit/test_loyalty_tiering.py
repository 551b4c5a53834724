"""Levels at any moment, beside an evaluation at every moment that matters."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.levels.tiering import Meter, TierState, changes_at, reads_from, tier_at
from loyalty.orders.history import SUBSCRIPTION, Happening, History, Run
from loyalty.rules.tiers import Tiers
from tests.made_up import NAMES, SPECIAL
from tests.recomputed import Fact, counted, ends, months_later, weight
from tests.unit.helpers_hypothesis import patiently

ROME = ZoneInfo("Europe/Rome")
ZONES = st.sampled_from([ROME, ZoneInfo("America/New_York"), ZoneInfo("Asia/Beirut"), ZoneInfo("UTC")])
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)

moments = st.one_of(
    st.sampled_from(SPECIAL),
    st.sampled_from([month_end for month_end in SPECIAL if month_end.month in {1, 2, 3}]),
    st.integers(0, 800).map(lambda days: NOW - timedelta(days=days)),
    st.integers(0, 800 * 24 * 60).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    st.integers(0, 48).map(lambda hours: datetime(2026, 1, 29, tzinfo=UTC) + timedelta(hours=3 * hours)),
)
happenings = st.lists(
    st.builds(
        Happening,
        at=moments,
        kind=st.sampled_from(["order", "order", "activity", "referral", "quiz"]),
        key=st.uuids().map(str),
        name=st.sampled_from(["review", "newsletter"]),
        spend=st.integers(0, 5000).map(lambda cents: Decimal(cents) / 100),
        points=st.integers(0, 30),
    ),
    max_size=8,
)


def levels(measure: str, *starts: int, **said: Any) -> Tiers:
    found = [{"id": f"level-{start}", "name": NAMES, "from": start} for start in starts]
    return Tiers.model_validate({"measure": measure, "levels": found, **said})


windows: st.SearchStrategy[dict[str, Any]] = st.sampled_from([{}, {"months": 1}, {"months": 12}, {"calendar": "year"}])
tiers = st.builds(
    lambda measure, grace, window: levels(measure, 2, 20, 60, grace_days=grace, **window),
    st.sampled_from(["points", "spend", "orders", "activity:review", "referrals", "quizzes"]),
    st.sampled_from([0, 0, 1, 30]),
    windows,
)
runs = st.lists(
    st.builds(
        lambda began, days, instants: Run(began, None if days is None else began + timedelta(days=days) + instants),
        st.one_of(moments, st.just(NOW + timedelta(days=5))),
        st.one_of(st.none(), st.integers(-3, 400)),
        st.sampled_from([timedelta(0), INSTANT, -INSTANT]),
    ),
    max_size=3,
)


def weights(rules: Tiers, past: Sequence[Happening]) -> list[tuple[datetime, Fraction]]:
    """What each happening adds; referrals and quizzes are counted here, orders and activities by the recomputation."""
    found: list[tuple[datetime, Fraction]] = []
    for one in past:
        fact = Fact(one.at, one.kind, one.name, Fraction(one.spend), one.points)
        other = {"referrals": one.kind == "referral", "quizzes": one.kind == "quiz"}.get(rules.measure)
        found.append((one.at, weight(rules.measure, fact) if other is None else Fraction(other)))
    return found


def state(rules: Tiers, value: int, best: int) -> TierState:
    """What follows from what counts now, and the most of it lately."""
    reached = [level for level in rules.levels if level.from_ <= best]
    above = [level for level in rules.levels if level.from_ > best]
    return TierState(
        reached[-1].id if reached else None, value, above[0].id if above else None,
        max(above[0].from_ - value, 0) if above else 0,
    )  # fmt: skip


def expected(rules: Tiers, past: Sequence[Happening], at: datetime, zone: ZoneInfo) -> TierState:
    known = [(moment, amount) for moment, amount in weights(rules, past) if moment <= at]
    since = at - timedelta(days=rules.grace_days)
    looked_at = [at, since, *(moment for moment, _ in known if since < moment)]
    best = max(counted(rules, known, moment, zone) for moment in looked_at)
    return state(rules, int(counted(rules, known, at, zone)), int(best))


def subscribed(run: Run, at: datetime, zone: ZoneInfo) -> int:
    """Whole months by counting them one by one."""
    if at < run.started_at or (run.ended_at is not None and at >= run.ended_at):
        return 0
    began, months = run.started_at.astimezone(zone), 0
    while months_later(began, months + 1).astimezone(UTC) <= at:
        months += 1
    return months


def expected_of_runs(rules: Tiers, all_runs: Sequence[Run], at: datetime, zone: ZoneInfo) -> TierState:
    since = at - timedelta(days=rules.grace_days)
    ended = [run.ended_at - INSTANT for run in all_runs if run.ended_at is not None and since < run.ended_at <= at]
    best = max((subscribed(run, moment, zone) for run in all_runs for moment in (at, since, *ended)), default=0)
    return state(rules, max((subscribed(run, at, zone) for run in all_runs), default=0), best)


def turns(rules: Tiers, history: History, zone: ZoneInfo) -> list[datetime]:
    """Every moment at which anything could change, and the moments just beside it."""
    found = [one.at for one in history.happenings]
    found += [end for one in history.happenings if (end := ends(rules, one.at, zone)) is not None]
    for run in history.runs:
        found += [months_later(run.started_at.astimezone(zone), months).astimezone(UTC) for months in range(30)]
        found += [] if run.ended_at is None else [run.ended_at]
    found += [moment + timedelta(days=rules.grace_days) for moment in found]
    return sorted({moment + instants for moment in found for instants in (-INSTANT, timedelta(0), INSTANT)})


@given(tiers, happenings, moments, ZONES)
@patiently(150)
def test_a_level_is_what_an_evaluation_of_every_moment_says(
    rules: Tiers, past: list[Happening], at: datetime, zone: ZoneInfo
) -> None:
    history = History.of(past)
    for moment in (at, *(turn for turn in turns(rules, history, zone) if turn <= NOW)):
        assert tier_at(rules, history, moment, zone) == expected(rules, past, moment, zone)


@given(tiers, happenings, ZONES)
@patiently(100)
def test_what_happened_before_the_window_need_not_be_read(rules: Tiers, past: list[Happening], zone: ZoneInfo) -> None:
    history = History.of(past)
    for at in turns(rules, history, zone):
        since = reads_from(rules, at, zone)
        recent = History.of(one for one in past if since is None or one.at >= since)
        assert tier_at(rules, recent, at, zone) == tier_at(rules, history, at, zone)


@given(tiers, happenings, ZONES)
@patiently(100)
def test_a_meter_that_is_asked_all_the_way_says_the_same(rules: Tiers, past: list[Happening], zone: ZoneInfo) -> None:
    """As it judges one order after the other, each by what was before."""
    meter, before = Meter(rules, zone), list[Happening]()
    for one in History.of(past).happenings:
        assert meter.state(one.at) == expected(rules, before, one.at, zone)
        meter.add(one)
        before.append(one)


@given(happenings, ZONES, st.sampled_from(["points", "spend", "orders", "activity:review"]), st.sampled_from([0, 30]))
@patiently(100)
def test_what_counts_for_ever_can_be_opened_with_its_sum(
    past: list[Happening], zone: ZoneInfo, measure: str, grace: int
) -> None:
    rules = levels(measure, 2, 20, 60, grace_days=grace)
    ordered = History.of(past).happenings
    opening = sum((Decimal(int(amount * 100)) / 100 for _, amount in weights(rules, ordered[:3])), Decimal(0))
    meter = Meter(rules, zone, opening=opening)
    for one in ordered[3:]:
        meter.add(one)
    assert meter.state(NOW) == expected(rules, past, NOW, zone)


@given(runs, moments, ZONES, st.sampled_from([0, 1, 30]))
@patiently(150)
def test_a_level_of_subscription_months_is_what_counting_them_says(
    all_runs: list[Run], at: datetime, zone: ZoneInfo, grace: int
) -> None:
    rules = levels(SUBSCRIPTION, 1, 6, 12, grace_days=grace)
    history = History.of((), all_runs)
    for moment in (at, *(turn for turn in turns(rules, history, zone) if turn <= NOW)):
        assert tier_at(rules, history, moment, zone) == expected_of_runs(rules, all_runs, moment, zone)


@given(tiers, happenings, runs, moments, ZONES, st.booleans())
@patiently(150)
def test_nothing_changes_by_time_alone_before_it_is_said_to(
    rules: Tiers, past: list[Happening], all_runs: list[Run], at: datetime, zone: ZoneInfo, subscription: bool
) -> None:
    if subscription:
        rules = levels(SUBSCRIPTION, 1, 6, 12, grace_days=rules.grace_days)
    history = History.of(past, all_runs)
    until = changes_at(rules, history, at, zone)
    assert until is None or until > at
    now = tier_at(rules, history, at, zone)
    for moment in turns(rules, history, zone):
        if at < moment and (until is None or moment < until):
            assert tier_at(rules, history, moment, zone) == now


@given(tiers, happenings, moments, ZONES)
@patiently(100)
def test_who_looks_only_when_something_changes_sees_every_level(
    rules: Tiers, past: list[Happening], at: datetime, zone: ZoneInfo
) -> None:
    """Work that is done when it is due, and from then to the next time: as if one had always looked."""
    history = History.of(past)
    seen, moment = tier_at(rules, history, at, zone), changes_at(rules, history, at, zone)
    while moment is not None:
        assert tier_at(rules, history, moment - INSTANT, zone) == seen
        seen, moment = tier_at(rules, history, moment, zone), changes_at(rules, history, moment, zone)
    assert tier_at(rules, history, datetime(2040, 1, 1, tzinfo=UTC), zone) == seen


@given(tiers, happenings, moments, ZONES)
@patiently(100)
def test_a_level_that_is_kept_is_lost_when_it_is_said_to_be(
    rules: Tiers, past: list[Happening], at: datetime, zone: ZoneInfo
) -> None:
    known = History.of(one for one in past if one.at <= at)
    meter = Meter(rules, zone)
    for one in known.happenings:
        meter.add(one)
    now, until = tier_at(rules, known, at, zone), meter.kept_until(at)
    level = rules.level(now.tier)
    assert (until is None) is (level is None or now.value >= level.from_)
    if until is not None:
        assert tier_at(rules, known, until - INSTANT, zone).tier == now.tier
        assert tier_at(rules, known, until, zone).tier != now.tier


# By example


def order(at: str, spend: int = 10) -> Happening:
    return Happening(datetime.fromisoformat(at), "order", at, spend=Decimal(spend), points=spend)


@pytest.mark.parametrize(
    ("bought", "kept_until"),
    [
        ("2026-01-31T12:00:00+01:00", "2026-02-28T12:00:00+01:00"),
        ("2028-01-31T12:00:00+01:00", "2028-02-29T12:00:00+01:00"),
        ("2026-09-25T02:30:00+02:00", "2026-10-25T02:30:00+02:00"),  # it is half past two twice: the first time
        ("2026-02-28T02:30:00+01:00", "2026-03-28T02:30:00+01:00"),
        ("2026-03-01T02:30:00+01:00", "2026-04-01T02:30:00+02:00"),  # by the clock, not so many hours later
    ],
)
def test_a_month_is_one_of_the_calendar(bought: str, kept_until: str) -> None:
    rules, history = levels("orders", 1, months=1), History.of([order(bought)])
    until = datetime.fromisoformat(kept_until)
    assert tier_at(rules, history, until - INSTANT, ROME).tier == "level-1"
    assert tier_at(rules, history, until, ROME) == TierState(None, 0, "level-1", 1)
    assert changes_at(rules, history, until - INSTANT, ROME) == until


def test_a_calendar_year_ends_at_midnight_in_the_programmes_zone() -> None:
    rules, history = levels("orders", 1, calendar="year"), History.of([order("2026-01-01T00:00:00+01:00")])
    midnight = datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert tier_at(rules, history, midnight - INSTANT, ROME).tier == "level-1"
    assert tier_at(rules, history, midnight, ROME).tier is None
    assert changes_at(rules, history, NOW, ROME) == midnight


def test_a_level_is_kept_for_the_days_of_grace_and_no_instant_longer() -> None:
    """Over the day on which the clocks go back: days of grace have 24 hours each."""
    rules = levels("orders", 1, months=1, grace_days=3)
    history = History.of([order("2026-09-23T12:00:00+02:00")])
    lost = datetime(2026, 10, 23, 10, tzinfo=UTC)
    over = lost + timedelta(days=3)
    assert tier_at(rules, history, over - INSTANT, ROME) == TierState("level-1", 0, None, 0)
    assert tier_at(rules, history, over, ROME).tier is None
    assert (changes_at(rules, history, lost - INSTANT, ROME), changes_at(rules, history, lost, ROME)) == (lost, over)
    assert changes_at(rules, history, over, ROME) is None


def test_grace_keeps_the_best_of_several_levels_that_went_one_after_the_other() -> None:
    rules = levels("spend", 10, 50, 90, months=1, grace_days=10)
    history = History.of([order("2026-09-01T12:00:00+02:00", 50), order("2026-09-05T12:00:00+02:00", 45)])
    found = [tier_at(rules, history, datetime(2026, 10, day, 12, tzinfo=UTC), ROME).tier for day in (1, 6, 12, 16)]
    assert found == ["level-90", "level-90", "level-10", None]


def test_what_an_order_of_the_same_instant_undid_was_never_there() -> None:
    """One order ends to count in the instant in which another begins: never were both there, nor neither."""
    rules = levels("spend", 10, 20, months=1, grace_days=5)
    history = History.of([order("2026-09-10T12:00:00+02:00"), order("2026-10-10T12:00:00+02:00")])
    at = datetime(2026, 10, 10, 10, tzinfo=UTC)
    assert tier_at(rules, history, at, ROME) == TierState("level-10", 10, "level-20", 10)


def test_a_subscription_counts_whole_months_while_it_runs() -> None:
    rules = levels(SUBSCRIPTION, 1, 12, grace_days=7)
    run = Run(datetime.fromisoformat("2025-08-31T23:30:00+02:00"), datetime.fromisoformat("2026-09-10T08:00:00+02:00"))
    history = History.of((), [run])
    a_year = datetime.fromisoformat("2026-08-31T23:30:00+02:00")
    assert tier_at(rules, history, datetime.fromisoformat("2025-09-30T23:30:00+02:00"), ROME).value == 1
    assert tier_at(rules, history, datetime.fromisoformat("2026-02-28T23:30:00+01:00"), ROME).value == 6
    assert tier_at(rules, history, a_year - INSTANT, ROME) == TierState("level-1", 11, "level-12", 1)
    assert tier_at(rules, history, a_year, ROME) == TierState("level-12", 12, None, 0)
    assert run.ended_at is not None
    assert tier_at(rules, history, run.ended_at, ROME) == TierState("level-12", 0, None, 0)
    assert tier_at(rules, history, run.ended_at + timedelta(days=7), ROME).tier is None
    assert changes_at(rules, history, a_year, ROME) == run.ended_at


def test_an_order_of_clocks_that_run_ahead_counts_when_its_time_has_come() -> None:
    rules, history = levels("orders", 1), History.of([order("2026-11-21T20:00:00+00:00")])
    assert tier_at(rules, history, NOW, ROME).tier is None
    assert changes_at(rules, history, NOW, ROME) == datetime(2026, 11, 21, 20, tzinfo=UTC)
