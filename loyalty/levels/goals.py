"""When goals are reached, and how far one is: pure functions of what a member did.

Badges and milestones count all that there was; a milestone goes by the amount (`10`, `20` …), so that changing `every`
gives nothing twice. Challenges count within their time. A streak wants something in each day, week or month; after so
many it begins again. All days, weeks and months are those of the programme's zone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import assert_never
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from loyalty.levels.tiering import Meter
from loyalty.orders.history import SUBSCRIPTION, Happening, History, Run, weight
from loyalty.rules.goals import AnyGoal, Badge, Challenge, Goal, Milestone, Streak
from loyalty.rules.parts import Period, end_of_day, period_of, period_start
from loyalty.rules.tiers import Level, Tiers

EVER = datetime(1970, 1, 2, tzinfo=UTC)
"""Before anything that is known of anybody."""
ONCE = "1"
"""The period of what is reached once and for all."""
_NONE = Decimal(0)
_LENGTH = {"day": relativedelta(days=1), "week": relativedelta(weeks=1), "month": relativedelta(months=1)}


def nothing_before(_measure: str, _minimum: Decimal) -> Decimal:
    """For a history that goes back to the beginning."""
    return _NONE


def no_level(_at: datetime) -> str | None:
    """For programmes without levels."""
    return None


@dataclass(frozen=True, slots=True)
class Past:
    """What goals are judged by."""

    history: History
    """What happened after `now` does not count."""
    now: datetime
    zone: ZoneInfo
    before: Callable[[str, Decimal], Decimal] = nothing_before
    """How much of a measure there was before the history begins, in orders of so much at least."""
    level_at: Callable[[datetime], str | None] = no_level
    """The member's level at a moment."""

    def steps(self, goal: Goal) -> Iterator[tuple[Happening, Decimal]]:
        """What counts for a goal, and how much."""
        for one in self.history.happenings:
            if one.at <= self.now and (amount := weight(goal.measure, one, minimum=goal.minimum)):
                yield one, amount


@dataclass(frozen=True, slots=True)
class Reached:
    """That a goal was reached: for which period or amount, and when."""

    period: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a goal is now."""

    goal: AnyGoal
    have: int
    need: int
    missing: int
    period: str
    """What it would be reached for next."""
    ends_at: datetime | None = None
    """When a challenge is over; until when a streak must be continued."""


def reached(goal: AnyGoal, past: Past, *, after: datetime | None = None) -> list[Reached]:
    """When a goal was reached within a history, in order of time.

    With `after`, a streak begins anew when the day, week or month of that moment is over.
    """
    match goal:
        case Badge():
            return [Reached(ONCE, at) for amount, at in _amounts(goal, past, goal.target) if amount == goal.target]
        case Milestone():
            return [Reached(str(amount), at) for amount, at in _amounts(goal, past, goal.every)]
        case Challenge():
            return list(_within(goal, past))
        case Streak():
            return _Units(goal, past, after).full
    assert_never(goal)


def progress(goal: AnyGoal, past: Past, *, after: datetime | None = None) -> Progress | None:
    """How far a goal is now; None for a challenge that is over, has not begun, or is for members of other levels."""
    match goal:
        case Badge():
            return _progress(goal, _total(goal, past), goal.target, ONCE)
        case Milestone():
            return _next_time(goal, past)
        case Challenge():
            return _challenge(goal, past)
        case Streak():
            return _streak(goal, past, after)
    assert_never(goal)


def level_reached(tiers: Tiers, level: Level, past: Past, joined_at: datetime | None) -> Reached | None:
    """When a level was reached first within a history; one that begins at nothing is reached by joining."""
    if not level.from_:
        return Reached(ONCE, joined_at) if joined_at is not None and joined_at <= past.now else None
    if tiers.measure == SUBSCRIPTION:
        return next((Reached(ONCE, at) for _, at in _months(past, level.from_)), None)
    endless = tiers.months is None and tiers.calendar is None
    opening = past.before(tiers.measure, _NONE) if endless else _NONE
    meter = Meter(tiers, past.zone, opening=opening)
    if opening >= level.from_:
        return None
    for one in past.history.happenings:
        if one.at > past.now:
            break
        meter.add(one)
        if meter.state(one.at).value >= level.from_:
            return Reached(ONCE, one.at)
    return None


def begins(goal: AnyGoal, moment: datetime, zone: ZoneInfo) -> datetime:
    """How far back one must read to know what is reached from a moment on, given what there was before that."""
    match goal:
        case Challenge(each="week" | "month" as each):
            return _start(each, moment, zone)
        case Challenge(dates=dates) if dates is not None and dates.first is not None:
            end, first = ends_at(goal, moment, zone), dates.first
            if end is None or moment < end:
                return min(moment, datetime(first.year, first.month, first.day, tzinfo=zone))
        case Challenge(dates=dates, tiers=tiers) if dates is not None and tiers:
            return EVER  # a sum does not say which level she had when there was enough
        case Streak(unit=unit, length=length):
            return _start(unit, moment, zone) - _LENGTH[unit] * length
    return moment


def ends_at(goal: AnyGoal, at: datetime, zone: ZoneInfo) -> datetime | None:
    """When the time of a challenge is over that a moment lies in; None for what has no end."""
    match goal:
        case Challenge(each="week" | "month" as each):
            return _start(each, at, zone) + _LENGTH[each]
        case Challenge(dates=dates) if dates is not None and dates.last is not None:
            last = dates.last
            return end_of_day(datetime(last.year, last.month, last.day, tzinfo=zone))
    return None


def time_of(goal: Challenge, at: datetime, zone: ZoneInfo) -> str | None:
    """The name of the time of a challenge that a moment lies in, such as `2026-W47` or `2026-12-01/2026-12-24`."""
    if goal.dates is None:
        return period_of(goal.each or "ever", at, zone)
    if not goal.dates.holds(at.astimezone(zone).date()):
        return None
    return f"{goal.dates.first or '..'}/{goal.dates.last or '..'}"


def _amounts(goal: Goal, past: Past, every: int) -> Iterator[tuple[int, datetime]]:
    """When each multiple of an amount was there for the first time."""
    if goal.measure == SUBSCRIPTION:
        yield from _months(past, every)
        return
    running = past.before(goal.measure, goal.minimum)
    for one, amount in past.steps(goal):
        multiple = int(running // every)
        running += amount
        while (multiple := multiple + 1) * every <= running:
            yield multiple * every, one.at


def _months(past: Past, every: int) -> list[tuple[int, datetime]]:
    """When a subscription had run for each multiple of so many months for the first time."""
    first: dict[int, datetime] = {}
    for run in past.history.runs:
        months = every
        while _lasted(run, at := run.after(months, past.zone), past.now):
            first[months] = min(at, first.get(months, at))
            months += every
    return sorted(first.items(), key=lambda one: (one[1], one[0]))


def _lasted(run: Run, at: datetime, now: datetime) -> bool:
    return at <= now and (run.ended_at is None or at < run.ended_at)


def _total(goal: Goal, past: Past) -> int:
    if goal.measure == SUBSCRIPTION:
        return max((run.months(past.now, past.zone) for run in past.history.runs), default=0)
    return int(past.before(goal.measure, goal.minimum) + sum((amount for _, amount in past.steps(goal)), _NONE))


def _next_time(goal: Milestone, past: Past) -> Progress:
    have = _total(goal, past)
    following = have - have % goal.every + goal.every
    if goal.measure == SUBSCRIPTION:  # what an earlier subscription reached is not reached again by a later one
        following = max([following, *(amount + goal.every for amount, _ in _months(past, goal.every))])
    missing = following - have
    return Progress(goal, max(goal.every - missing, 0), goal.every, missing, str(following))


def _within(goal: Challenge, past: Past) -> Iterator[Reached]:
    """When a challenge was reached in each of its times: once there is enough and the member has the level for it."""
    period, running, done = "", _NONE, False
    for one, amount in past.steps(goal):
        name = time_of(goal, one.at, past.zone)
        if name is None:
            continue
        if name != period:  # what the opening reached alone was reached by what came before this history
            period, running = name, _opening(goal, past)
            done = running >= goal.target and not goal.tiers
        running += amount
        if not done and running >= goal.target and (not goal.tiers or past.level_at(one.at) in goal.tiers):
            done = True
            yield Reached(period, one.at)


def _challenge(goal: Challenge, past: Past) -> Progress | None:
    period = time_of(goal, past.now, past.zone)
    if period is None or (goal.tiers and past.level_at(past.now) not in goal.tiers):
        return None
    counted = (amount for one, amount in past.steps(goal) if time_of(goal, one.at, past.zone) == period)
    have = int(_opening(goal, past) + sum(counted, _NONE))
    return _progress(goal, have, goal.target, period, ends_at(goal, past.now, past.zone))


def _opening(goal: Challenge, past: Past) -> Decimal:
    """What a challenge without a first day had before the history begins."""
    endless = goal.dates is not None and goal.dates.first is None
    return past.before(goal.measure, goal.minimum) if endless else _NONE


class _Units:
    """The days, weeks or months in which something was done, as runs without a gap."""

    def __init__(self, goal: Streak, past: Past, after: datetime | None) -> None:
        self.full: list[Reached] = []
        self.run = 0
        """How many of the latest run there are."""
        self.following: datetime | None = None
        """Where the unit begins that would continue it."""
        used = None if after is None else _start(goal.unit, after, past.zone)
        last: datetime | None = None
        for one, _ in past.steps(goal):
            begin = _start(goal.unit, one.at, past.zone)
            if begin == last or (used is not None and begin <= used):
                continue
            self.run = self.run + 1 if begin == self.following else 1
            last, self.following = begin, begin + _LENGTH[goal.unit]
            if self.run == goal.length:
                self.full.append(Reached(period_of(goal.unit, one.at, past.zone), one.at))
                self.run = 0


def _streak(goal: Streak, past: Past, after: datetime | None) -> Progress:
    units = _Units(goal, past, after)
    period = period_of(goal.unit, past.now, past.zone)
    until = units.following + _LENGTH[goal.unit] if units.run and units.following is not None else None
    if until is None or until <= past.now:
        return _progress(goal, 0, goal.length, period)
    return _progress(goal, units.run, goal.length, period, until)


def _progress(goal: AnyGoal, have: int, need: int, period: str, ends_at: datetime | None = None) -> Progress:
    return Progress(goal, have, need, max(need - have, 0), period, ends_at)


def _start(unit: Period, moment: datetime, zone: ZoneInfo) -> datetime:
    begin = period_start(unit, moment, zone)
    assert begin is not None  # only `ever` has no beginning
    return begin
