"""Where a member stands: her level, and how far her goals are. What `/v1` and the chat show."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.levels import goals
from loyalty.levels.facts import Facts
from loyalty.levels.goals import ONCE, Past, Progress
from loyalty.programme import Programme
from loyalty.revisions import rules_of
from loyalty.rules.goals import AnyGoal, Badge, Challenge
from loyalty.rules.tiers import Level
from loyalty.store.sql import execute, table_of
from loyalty.tables import Award, Member, Standing


@dataclass(frozen=True, slots=True)
class LevelStatus:
    """A member's level, what counts for it, and what the next one takes."""

    measure: str
    level: Level | None
    value: int
    next: Level | None
    missing: int
    """Of the measure, to the next level."""
    since: datetime | None
    """When she came to it."""
    kept_until: datetime | None
    """While it is kept though it is not reached any more."""


@dataclass(frozen=True, slots=True)
class GoalStatus:
    """How far a goal is, and when it was reached: a badge once, a challenge in the time that runs, others last."""

    goal: AnyGoal
    progress: Progress
    reached_at: datetime | None

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do for it, for ever or in the time that runs."""
        return isinstance(self.goal, Badge | Challenge) and (self.reached_at is not None or not self.progress.missing)


@dataclass(frozen=True, slots=True)
class Status:
    """A member's level and goals at a moment. A programme without levels has no `level`."""

    level: LevelStatus | None
    badges: tuple[GoalStatus, ...]
    """Those of the programme, and held ones that it used to have."""
    milestones: tuple[GoalStatus, ...]
    challenges: tuple[GoalStatus, ...]
    """Those that run now for a member of her level."""
    streaks: tuple[GoalStatus, ...]


_AWARD, _MEMBER, _STANDING = table_of(Award), table_of(Member), table_of(Standing)
_WHO = (
    select(_MEMBER.c.joined_at, _STANDING.c.tier, _STANDING.c.since, _STANDING.c.due_at, _STANDING.c.rules)
    .outerjoin(_STANDING, _STANDING.c.member_id == _MEMBER.c.id)
    .where(_MEMBER.c.id == bindparam("member"))
)
_HELD = (_AWARD.c.member_id == bindparam("member")) & (_AWARD.c.state == "held")
_BADGES = (
    select(_AWARD.c.goal, _AWARD.c.revision, _AWARD.c.reached_at)
    .where(_HELD, _AWARD.c.goal.like("badge:%"))
    .order_by(_AWARD.c.reached_at, _AWARD.c.id)
)
_LAST = (
    select(_AWARD.c.goal, func.max(_AWARD.c.reached_at).label("reached_at"))
    .where(_HELD, _AWARD.c.goal.in_(bindparam("goals", expanding=True)))
    .group_by(_AWARD.c.goal)
)


def status(session: Session, programme: Programme, member: MemberId, *, now: datetime) -> Status:
    """A member's level and goals as of a moment, worked out from her past; whatever is due with time counts already."""
    if programme.goal_rules is None:
        return Status(None, (), (), (), ())
    session.flush()
    who = execute(session, _WHO, {"member": member}).one()
    facts = Facts(session, member, programme, now=now, joined_at=who.joined_at, since=now)
    past, last = facts.past(programme), _last(session, member, programme)
    badges = {row.goal: row for row in execute(session, _BADGES, {"member": member}).all()}
    held = {goal: row.reached_at for goal, row in badges.items()}
    return Status(
        _level(programme, facts, who),
        (
            *_statuses(programme.badges, past, held),
            *(_former(session, programme, row) for goal, row in badges.items() if goal not in _keys(programme.badges)),
        ),
        tuple(_statuses(programme.milestones, past, last)),
        tuple(_statuses(programme.challenges, past, last)),
        tuple(_statuses(programme.streaks, past, last)),
    )


def tier_of(session: Session, programme: Programme, member: MemberId, *, now: datetime) -> str | None:
    """A member's level: as it was worked out last, unless time or new rules may have changed it since."""
    if programme.tiers is None:
        return None
    session.flush()
    who = execute(session, _WHO, {"member": member}).one()
    if who.rules == programme.goal_rules and (who.due_at is None or who.due_at > now):
        tier: str | None = who.tier
        return tier
    state = Facts(session, member, programme, now=now, joined_at=who.joined_at, since=now).level(programme)
    return state.tier if state is not None else None


def _level(programme: Programme, facts: Facts, who: Any) -> LevelStatus | None:
    tiers, state = programme.tiers, facts.level(programme)
    if tiers is None or state is None:
        return None
    level = tiers.level(state.tier)
    return LevelStatus(
        tiers.measure, level, state.value, tiers.level(state.next), state.missing,
        who.since if state.tier == who.tier and level is not None else None,
        facts.meter(tiers, programme, facts.now).kept_until(facts.now),
    )  # fmt: skip


def _statuses(some: Iterable[AnyGoal], past: Past, reached: Mapping[str, datetime]) -> Iterator[GoalStatus]:
    for goal in some:
        at = reached.get(goal.key)
        progress = goals.progress(goal, past, after=at)
        if progress is not None:
            if at is not None and isinstance(goal, Challenge) and goals.time_of(goal, at, past.zone) != progress.period:
                at = None  # that was another time
            yield GoalStatus(goal, progress, at)


def _former(session: Session, programme: Programme, row: Any) -> GoalStatus:
    """A badge that the programme does not have any more and the member keeps."""
    goal = next(badge for badge in rules_of(session, programme, row.revision).badges if badge.key == row.goal)
    return GoalStatus(goal, Progress(goal, goal.target, goal.target, 0, ONCE), row.reached_at)


def _last(session: Session, member: MemberId, programme: Programme) -> dict[str, datetime]:
    """When goals that can be reached again were reached last."""
    if not (names := sorted(goal.key for goal in programme.goals if not isinstance(goal, Badge))):
        return {}
    return {row.goal: row.reached_at for row in execute(session, _LAST, {"member": member, "goals": names})}


def _keys(some: Iterable[AnyGoal]) -> set[str]:
    return {goal.key for goal in some}
