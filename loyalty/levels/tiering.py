"""Which level a member has at a moment: a pure function of her past.

A level is kept for `grace_days` after it is no longer reached. An order that is refunded was never there, so a level
that rested on it goes at once. Days of grace are of 24 hours; months and years are those of the programme's zone.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import takewhile
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from loyalty.orders.history import SUBSCRIPTION, Happening, History, Run, weight
from loyalty.rules.parts import period_start
from loyalty.rules.tiers import Tiers

_LONGEST_MONTH = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class TierState:
    """A level at a moment: what is counted now, the level it gives (or still gives), and how far the next one is."""

    tier: str | None
    value: int
    next: str | None
    missing: int
    """Of the measure, to the next level."""


class Meter:
    """What counts for the levels as time goes on, and the most of it lately.

    It is fed and asked in order of time; each happening is looked at a bounded number of times, however many there are.
    """

    def __init__(
        self, tiers: Tiers, zone: ZoneInfo, *, runs: tuple[Run, ...] = (), opening: Decimal = Decimal(0)
    ) -> None:
        """With `opening`, what was there before and never stops counting."""
        self._tiers, self._zone, self._runs = tiers, zone, runs
        self._grace = timedelta(days=tiers.grace_days)
        self._value = opening
        self._sure = _surely(tiers)
        self._waiting: deque[tuple[datetime, datetime, Decimal]] = deque()
        """What counts at least until the first moment; when it ends is worked out only then."""
        self._ending: list[tuple[datetime, Decimal]] = []
        self._peaks: deque[tuple[datetime, Decimal]] = deque()
        """Values that were, until when: only those that no later one was as great as."""

    def add(self, one: Happening) -> None:
        """Count a happening, which is not older than what was added or asked before."""
        if self._tiers.measure != SUBSCRIPTION and (amount := weight(self._tiers.measure, one)):
            self._pass(one.at)
            self._change(one.at, amount)
            if self._sure is not None:
                self._waiting.append((one.at + self._sure, one.at, amount))

    def state(self, at: datetime) -> TierState:
        """The level at a moment, which is not before what was added or asked before."""
        value, best = self._subscribed(at) if self._tiers.measure == SUBSCRIPTION else self._counted(at)
        level = self._tiers.reached(best)
        following = self._tiers.following(level.id if level else None)
        return TierState(
            level.id if level else None, value, following.id if following else None,
            max(following.from_ - value, 0) if following else 0,
        )  # fmt: skip

    def kept_until(self, at: datetime) -> datetime | None:
        """Until when the level of a moment is kept that is no longer reached; None if it is reached, or there is none.

        The moment is not before what was added or asked before.
        """
        state = self.state(at)
        level = self._tiers.level(state.tier)
        if level is None or state.value >= level.from_:
            return None
        if self._tiers.measure == SUBSCRIPTION:
            lasted = (run for run in self._runs if run.months(_last(run, at), self._zone) >= level.from_)
            return max(run.ended_at for run in lasted if run.ended_at is not None) + self._grace
        return max(until for until, value in self._peaks if value >= level.from_) + self._grace

    def _counted(self, at: datetime) -> tuple[int, int]:
        self._pass(at)
        begin = at - self._grace
        while self._peaks and self._peaks[0][0] <= begin:
            self._peaks.popleft()
        best = max(self._value, self._peaks[0][1]) if self._peaks else self._value
        return int(self._value), int(best)

    def _subscribed(self, at: datetime) -> tuple[int, int]:
        begin = at - self._grace
        value = max((run.months(at, self._zone) for run in self._runs), default=0)
        lately = (run.months(last, self._zone) for run in self._runs if (last := _last(run, at)) >= begin)
        return value, max([value, *lately])

    def _pass(self, moment: datetime) -> None:
        """Let time go by: what is over by then counts no more."""
        while self._waiting and self._waiting[0][0] <= moment:
            _, at, amount = self._waiting.popleft()
            heapq.heappush(self._ending, (_end(self._tiers, at, self._zone), amount))
        while self._ending and self._ending[0][0] <= moment:
            end, amount = heapq.heappop(self._ending)
            self._change(end, -amount)

    def _change(self, moment: datetime, amount: Decimal) -> None:
        if self._grace:
            while self._peaks and self._peaks[-1][1] <= self._value:
                self._peaks.pop()
            self._peaks.append((moment, self._value))
        self._value += amount


def tier_at(tiers: Tiers, history: History, at: datetime, zone: ZoneInfo) -> TierState:
    """The level of a member at a moment. `history` reaches back at least as far as `reads_from` says."""
    meter = Meter(tiers, zone, runs=history.runs)
    for one in history.happenings:
        if one.at <= at:
            meter.add(one)
    return meter.state(at)


def reads_from(tiers: Tiers, at: datetime, zone: ZoneInfo) -> datetime | None:
    """How far back one must read to know the level at a moment; None: everything."""
    begin = at - timedelta(days=tiers.grace_days)
    if tiers.measure == SUBSCRIPTION:
        return at
    if tiers.months is not None:
        return begin - relativedelta(months=tiers.months) - _LONGEST_MONTH
    return period_start("year", begin, zone) if tiers.calendar == "year" else None


def changes_at(tiers: Tiers, history: History, at: datetime, zone: ZoneInfo) -> datetime | None:
    """The next moment after `at` when time alone changes what counts or what is still kept; None if it never does."""
    ends = _ends_of_months(history.runs, at, zone)
    found: datetime | None = None
    if tiers.measure != SUBSCRIPTION:
        ends = _ends(tiers, history, at, zone)
        ahead = takewhile(lambda one: one.at > at, reversed(history.happenings))  # others' clocks may run ahead
        found = min((one.at for one in ahead if weight(tiers.measure, one)), default=None)
    grace = timedelta(days=tiers.grace_days)
    for earliest, end in ends:
        if found is not None and earliest >= found:
            break
        found = min((one for one in (found, end, end + grace) if one is not None and one > at), default=None)
    return found


def _ends(tiers: Tiers, history: History, at: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """When happenings stop counting, after a moment that rises and is known without much ado."""
    if (sure := _surely(tiers)) is None:
        return
    longest = timedelta(days=31 * (tiers.months or 12) + 1 + tiers.grace_days)
    for one in history.happenings:
        if weight(tiers.measure, one) and one.at + longest > at:
            yield one.at + sure, _end(tiers, one.at, zone)


def _ends_of_months(runs: tuple[Run, ...], at: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    for run in runs:
        full = run.after(run.months(at, zone) + 1, zone)
        if run.ended_at is None or full < run.ended_at:
            yield at, full
        if run.ended_at is not None:
            yield at, run.ended_at


def _surely(tiers: Tiers) -> timedelta | None:
    """How long at least something counts, which is quick to know; None: for ever."""
    if tiers.months is not None:
        return timedelta(days=28 * tiers.months - 1)
    return timedelta(0) if tiers.calendar is not None else None


def _end(tiers: Tiers, moment: datetime, zone: ZoneInfo) -> datetime:
    """When something that happened at a moment stops counting, by months or the calendar."""
    local = moment.astimezone(zone)
    end = local + relativedelta(months=tiers.months) if tiers.months else datetime(local.year + 1, 1, 1, tzinfo=zone)
    return end.astimezone(UTC)


def _last(run: Run, at: datetime) -> datetime:
    """The last moment up to `at` at which a subscription ran."""
    return at if run.ended_at is None or run.ended_at > at else run.ended_at - timedelta(microseconds=1)
