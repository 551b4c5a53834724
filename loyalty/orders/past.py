"""What happened before an event, as the rules of one revision look at it. It grows event by event, in order of time.

Sums are kept as it grows, so that judging an event takes the same time however much there was before it.
"""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal

from loyalty.levels.tiering import Meter, reads_from
from loyalty.orders.history import SUBSCRIPTION, Happening, Run
from loyalty.orders.openings import Opening
from loyalty.orders.worth import Before, Done
from loyalty.programme import Programme
from loyalty.rules.parts import period_of, period_start

_MONTH = timedelta(days=33)
"""Longer than any month in any zone."""


def depends_on_past(programme: Programme) -> bool:
    """Whether what an event is worth depends on what the member did before."""
    return counts_days(programme) or counts_orders(programme) or counts_ever(programme) or looks_at_tiers(programme)


def counts_days(rules: Programme) -> bool:
    """Whether it matters what was earned or done in the same day or month."""
    caps = rules.earning.caps
    return (
        caps.day is not None
        or caps.month is not None
        or any(rule.a_day or rule.a_month for rule in rules.earning.activities.values())
    )


def counts_orders(rules: Programme) -> bool:
    """Whether it matters how many orders there were."""
    return any(bonus.when.order is not None or bonus.when.every is not None for bonus in rules.earning.bonuses)


def counts_ever(rules: Programme) -> bool:
    """Whether it matters how often an activity was ever done."""
    return any(rule.ever for rule in rules.earning.activities.values())


def looks_at_tiers(rules: Programme) -> bool:
    """Whether it matters which level the member had."""
    return rules.tiers is not None and (
        any(level.factor > 1 for level in rules.tiers.levels)
        or any(bonus.when.tiers for bonus in rules.earning.bonuses)
    )


def lasting_measure(rules: Programme) -> str | None:
    """What levels count that matter here and never stops counting: its sum is enough, nothing is read for it."""
    if not looks_at_tiers(rules) or rules.tiers is None or rules.tiers.measure == SUBSCRIPTION:
        return None
    return rules.tiers.measure if rules.tiers.months is None and rules.tiers.calendar is None else None


def looks_back_to(rules: Programme, at: datetime) -> datetime:
    """From when on happenings must be known one by one to judge what happened at a moment."""
    found = [at]
    if counts_days(rules):
        month = period_start("month", at, rules.zone)
        assert month is not None  # only `ever` has no beginning
        found.append(month)
    if rules.tiers is not None and looks_at_tiers(rules):
        found.append(reads_from(rules.tiers, at, rules.zone) or at)
    return min(found)


class Past:
    """A member's past up to a moment, as the rules of a revision look at it."""

    def __init__(self, rules: Programme, opening: Opening, runs: tuple[Run, ...], *, judged_from: datetime) -> None:
        """What is judged is not older than `judged_from`."""
        self._rules = rules
        self._recent = judged_from - _MONTH
        self._orders = opening.orders
        self._points: Counter[str] = Counter()
        """By day and by month."""
        self._done: Counter[tuple[str, str]] = Counter({("ever", name): times for name, times in opening.done.items()})
        """By period and activity."""
        self._days = counts_days(rules)
        self._meter: Meter | None = None
        if rules.tiers is not None and looks_at_tiers(rules):
            total = opening.totals.get(rules.tiers.measure, Decimal(0)) if lasting_measure(rules) else Decimal(0)
            self._meter = Meter(rules.tiers, rules.zone, runs=runs, opening=total)

    def add(self, one: Happening) -> None:
        """Count a happening as past; it is not older than what was added before."""
        if self._meter is not None:
            self._meter.add(one)
        self._orders += one.kind == "order"
        earned = one.kind == "activity" and one.points > 0
        if earned:
            self._done["ever", one.name] += 1
        if self._days and one.at >= self._recent:
            for period in (period_of("day", one.at, self._rules.zone), period_of("month", one.at, self._rules.zone)):
                self._points[period] += one.points
                if earned:
                    self._done[period, one.name] += 1

    def before(self, at: datetime) -> Before:
        """What matters of it for something that happened at a moment."""
        tier = self._meter.state(at).tier if self._meter is not None else None
        if not self._days:
            return Before(self._orders, tier)
        zone = self._rules.zone
        today, month = self._points[period_of("day", at, zone)], self._points[period_of("month", at, zone)]
        return Before(self._orders, tier, today, month)

    def done(self, name: str, at: datetime) -> Done:
        """How often an activity earned points before a moment."""
        ever = self._done["ever", name]
        if not self._days:
            return Done(ever=ever)
        zone = self._rules.zone
        return Done(self._done[period_of("day", at, zone), name], self._done[period_of("month", at, zone), name], ever)
