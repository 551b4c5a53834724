"""Which level a member has at a moment: a pure function of her past.

A level is kept for `grace_days` after it is no longer reached. An order that is refunded was never there, so a level
that rested on it goes at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from loyalty.history import History, Run, weight
from loyalty.rules.parts import period_start
from loyalty.rules.tiers import Tiers

SUBSCRIPTION = "subscription_months"
_LONGEST_MONTH = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class TierState:
    """A level at a moment: what is counted now, the level it gives (or still gives), and how far the next one is."""

    tier: str | None
    value: int
    next: str | None
    missing: int
    """Of the measure, to the next level."""


def tier_at(tiers: Tiers, history: History, at: datetime, zone: ZoneInfo) -> TierState:
    """The level of a member at a moment. `history` reaches back at least as far as `reads_from` says."""
    begin = at - timedelta(days=tiers.grace_days)
    if tiers.measure == SUBSCRIPTION:
        value = max((run.months(at) for run in history.runs), default=0)
        best = max([value, *(run.months(_last(run, at)) for run in history.runs if _last(run, at) >= begin)])
    else:
        value, best = _counted(tiers, history, begin, at, zone)
    level = tiers.reached(best)
    following = tiers.following(level.id if level else None)
    return TierState(
        level.id if level else None, value, following.id if following else None,
        max(following.from_ - value, 0) if following else 0,
    )  # fmt: skip


def reads_from(tiers: Tiers, at: datetime, zone: ZoneInfo) -> datetime | None:
    """How far back one must read to know the level at a moment; None: everything."""
    begin = at - timedelta(days=tiers.grace_days)
    if tiers.months is not None:
        return begin - relativedelta(months=tiers.months) - _LONGEST_MONTH
    return period_start("year", begin, zone) if tiers.calendar == "year" else None


def changes_at(tiers: Tiers, history: History, at: datetime, zone: ZoneInfo) -> datetime | None:
    """The next moment after `at` when time alone changes what counts or what is still kept; None if it never does."""
    turns = list(_turns(tiers, history, at, zone))
    turns += [moment + timedelta(days=tiers.grace_days) for moment in turns]
    return min((moment for moment in turns if moment > at), default=None)


def _counted(tiers: Tiers, history: History, begin: datetime, at: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """What counts at a moment, and the most that counted at any time since `begin`."""
    steps: list[tuple[datetime, Decimal]] = []
    for one in history.happenings:
        if (amount := weight(tiers.measure, one)) and one.at <= at:
            steps.append((one.at, amount))
            end = _end(tiers, one.at, zone)
            if end is not None and end <= at:
                steps.append((end, -amount))
    running = best = Decimal(0)
    for number, (moment, amount) in enumerate(steps := sorted(steps)):
        running += amount
        lasts_until = steps[number + 1][0] if number + 1 < len(steps) else None
        if lasts_until is None or (lasts_until > begin and lasts_until > moment):
            best = max(best, running)
    return int(running), int(best)


def _end(tiers: Tiers, moment: datetime, zone: ZoneInfo) -> datetime | None:
    """When something that happened at a moment stops counting."""
    if tiers.months is not None:
        return moment.astimezone(zone) + relativedelta(months=tiers.months)
    begin = period_start("year", moment, zone) if tiers.calendar == "year" else None
    return begin.replace(year=begin.year + 1) if begin is not None else None


def _turns(tiers: Tiers, history: History, at: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    if tiers.measure != SUBSCRIPTION:
        yield from (end for one in history.happenings if (end := _end(tiers, one.at, zone)) is not None)
        return
    for run in history.runs:
        yield run.started_at + relativedelta(months=run.months(at) + 1)
        if run.ended_at is not None:
            yield run.ended_at


def _last(run: Run, at: datetime) -> datetime:
    """The last moment up to `at` at which a subscription ran."""
    return at if run.ended_at is None or run.ended_at > at else run.ended_at - timedelta(microseconds=1)
