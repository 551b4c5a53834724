"""What is known of a member, read as far back as her levels, goals and leaderboards need it and no further.

What there was before that is added up by the database, so an order costs much the same for a member of many years.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.levels import tiering
from loyalty.levels.goals import Past, begins
from loyalty.levels.tiering import Meter, TierState
from loyalty.orders.history import SUBSCRIPTION, History, read_history
from loyalty.orders.openings import total_before
from loyalty.programme import Programme
from loyalty.rules.goals import Leaderboard
from loyalty.rules.parts import period_start
from loyalty.rules.tiers import Tiers

_NONE = Decimal(0)
_SUBSCRIPTIONS = "subscription"
_KINDS = {
    "points": ("order", "activity"), "spend": ("order",), "orders": ("order",), "referrals": ("referral",),
    "quizzes": ("quiz",), "activity": ("activity",), SUBSCRIPTION: (_SUBSCRIPTIONS,),
}  # fmt: skip
"""What a measure is counted by."""


class Facts:
    """A member's past as some programmes (or revisions of one) look at it, as of `now`."""

    def __init__(
        self, session: Session, member: MemberId, programme: Programme, *, now: datetime,
        joined_at: datetime | None, since: datetime | None, earlier: Iterable[Programme] = (),
        boards: tuple[Leaderboard, ...] = (),
    ) -> None:  # fmt: skip
        """`since` is the earliest moment from which something may have changed; None: all of the past is read.

        `earlier` are revisions of the programme by which something is judged, `boards` those she takes part in.
        """
        programmes = (programme, *earlier)
        self.now, self.joined_at, self.since = now, joined_at, since
        self._session, self._member = session, member
        self._kinds = _kinds((*_measures(programme), *(board.measure for board in boards)))
        kinds = self._kinds | {kind for rules in programmes for kind in _kinds(_measures(rules))}
        self._begin: datetime | None = None
        if since is not None:
            moment = min(since, now)
            starts = [begin for rules in programmes for begin in _goals_begin(rules, moment, now)]
            starts += [counts_from(board, moment, now, programme.zone) for board in boards]
            self._begin = min((moment, *starts))
        self.history: History = read_history(session, member, since=self._begin, kinds=kinds)
        self._before: dict[tuple[str, Decimal], Decimal] = {}

    def before(self, measure: str, minimum: Decimal = _NONE) -> Decimal:
        """How much of a measure there was before what was read."""
        if self._begin is None or measure == SUBSCRIPTION:
            return _NONE
        key = measure, minimum
        if key not in self._before:
            self._before[key] = total_before(self._session, self._member, self._begin, measure, minimum=minimum)
        return self._before[key]

    def past(self, rules: Programme) -> Past:
        """The past as the goals of a programme are judged by it."""

        def level_at(at: datetime) -> str | None:
            return self.meter(rules.tiers, rules, at).state(at).tier if rules.tiers is not None else None

        return Past(self.history, self.now, rules.zone, self.before, level_at)

    def level(self, rules: Programme) -> TierState | None:
        """The member's level; None if the programme has none."""
        return self.meter(rules.tiers, rules, self.now).state(self.now) if rules.tiers is not None else None

    def meter(self, tiers: Tiers, rules: Programme, at: datetime) -> Meter:
        """What counts for levels, up to a moment."""
        endless = tiers.months is None and tiers.calendar is None
        opening = self.before(tiers.measure) if endless else _NONE
        meter = Meter(tiers, rules.zone, runs=self.history.runs, opening=opening)
        for one in self.history.happenings:
            if one.at > at:
                break
            meter.add(one)
        return meter

    def changes_at(self, rules: Programme) -> datetime | None:
        """When time alone changes her level, or what counts for her goals and places, next.

        `rules` are the present ones.
        """
        ahead = (one.at for one in self.history.happenings if one.at > self.now and one.kind in self._kinds)
        turns = [next(ahead, None)]
        for run in self.history.runs if _SUBSCRIPTIONS in self._kinds else ():
            turns += [run.started_at, run.after(run.months(self.now, rules.zone) + 1, rules.zone), run.ended_at]
        if rules.tiers is not None:
            turns.append(tiering.changes_at(rules.tiers, self.history, self.now, rules.zone))
        return min((turn for turn in turns if turn is not None and turn > self.now), default=None)


def counts_from(board: Leaderboard, moment: datetime, now: datetime, zone: ZoneInfo) -> datetime:
    """How far back one must read to know the scores that something may have changed since a moment.

    Scores are kept for the week or month that runs and for the one before it.
    """
    begin = period_start(board.each, now, zone)
    if begin is None:
        return moment
    if moment < begin:
        begin = period_start(board.each, begin - timedelta(microseconds=1), zone) or begin
    return begin


def _goals_begin(rules: Programme, moment: datetime, now: datetime) -> Iterator[datetime]:
    for goal in rules.goals:
        yield begins(goal, moment, rules.zone)
    if rules.tiers is not None:
        for at in (moment, now):
            yield tiering.reads_from(rules.tiers, at, rules.zone) or at


def _kinds(measures: Iterable[str]) -> frozenset[str]:
    return frozenset(kind for measure in measures for kind in _KINDS[measure.partition(":")[0]])


def _measures(rules: Programme) -> Iterator[str]:
    yield from (goal.measure for goal in rules.goals)
    if rules.tiers is not None:
        yield rules.tiers.measure
