"""Awards: which aims a member reached, given and taken back by the difference to what she has.

An award that is held is judged by the rules it was given under, so changing a file takes nothing away. What reached
it may be refunded: then it is undone and its gift taken back, and given again if what happened makes it hold again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby

from sqlalchemy import bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session

from loyalty.books.points import Books
from loyalty.ids import Cause, MemberId, new_id
from loyalty.levels.aims import Aim, Introductions, aims_of
from loyalty.levels.facts import Facts
from loyalty.levels.goals import Reached
from loyalty.programme import Programme
from loyalty.revisions import rules_of
from loyalty.rewards import gifts
from loyalty.rewards.gifts import Given
from loyalty.store.sql import execute, table_of
from loyalty.tables import Award as Row

HELD, UNDONE = "held", "undone"
_LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Award:
    """That an aim was reached for a period, by the rules of a revision."""

    id: str
    goal: str
    period: str
    state: str
    revision: str
    reached_at: datetime
    changes: int = 0

    @property
    def held(self) -> bool:
        """Whether it was not undone."""
        return self.state == HELD


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of an award; `was` is empty for a new one."""

    was: Award | None
    award: Award


_ROW = table_of(Row)
_COLUMNS = (
    _ROW.c.id, _ROW.c.goal, _ROW.c.period, _ROW.c.state, _ROW.c.revision, _ROW.c.reached_at, _ROW.c.changes,
)  # fmt: skip
_ALL = select(*_COLUMNS).where(_ROW.c.member_id == bindparam("member"))
_SINCE = _ALL.where(
    or_(
        _ROW.c.reached_at >= bindparam("since"),
        _ROW.c.state == UNDONE,
        _ROW.c.goal.in_(bindparam("lasting", expanding=True)),
    )
)
_BEGUN = (
    select(_ROW.c.goal, func.max(_ROW.c.reached_at).label("reached_at"))
    .where(
        _ROW.c.member_id == bindparam("member"), _ROW.c.goal.in_(bindparam("streaks", expanding=True)),
        _ROW.c.state == HELD, _ROW.c.reached_at < bindparam("since"),
    )
    .group_by(_ROW.c.goal)
)  # fmt: skip
_INSERT = insert(_ROW)
_KEEP = (
    update(_ROW)
    .where(_ROW.c.id == bindparam("award"))
    .values({name: bindparam(f"new_{name}") for name in ("period", "state", "revision", "reached_at", "changes")})
)


def streaks_begun(
    session: Session, member: MemberId, streaks: Iterable[str], since: datetime
) -> dict[str, datetime]:  # fmt: skip
    """When streaks were awarded last before a moment, and began again."""
    if not (names := sorted(streaks)):
        return {}
    rows = execute(session, _BEGUN, {"member": member, "streaks": names, "since": since})
    return {row.goal: row.reached_at for row in rows}


class Awards:
    """A member's awards that may change: all, or those that can if nothing changed before `since`."""

    def __init__(self, session: Session, programme: Programme, member: MemberId, since: datetime | None) -> None:
        self._programme, self._since = programme, since
        self._introductions = Introductions(session, programme)
        self._present = aims_of(programme)
        self.known = _read(session, member, self._present, since)
        """As they are kept."""
        revisions = {
            revision: rules_of(session, programme, revision) for revision in {award.revision for award in self.known}
        }
        self.rules = tuple(revisions.values())
        """The rules under which they were given."""
        self._aims = {revision: aims_of(rules) for revision, rules in revisions.items()}
        self._aims[programme.revision] = self._present
        self._goals = sorted({award.goal for award in self.known} | self._present.keys())
        streaks = [goal for goal in self._goals if goal.startswith("streak:")]
        self._begun = {} if since is None else streaks_begun(session, member, streaks, since)

    def changes(self, facts: Facts) -> list[Change]:
        """What is to change, so that she has what she reached; what is taken back comes first."""
        found = [change for goal in self._goals for change in self._of(goal, facts)]
        return sorted(found, key=lambda change: (change.award.held, change.award.reached_at, change.award.goal))

    def make(self, books: Books, change: Change) -> Given | None:
        """Make a change: keep the award and give or take back its gift. Returns what was given, if something was."""
        was, award = change.was, change.award
        old = self._gift(was) if was is not None else None
        new = self._gift(award)
        changes, given = award.changes, None
        origin, memo = f"award:{award.id}", {"goal": award.goal, "period": award.period}
        if was is not None and old is not None and (new is None or old.gift != new.gift):
            changes += 1
            gifts.take_away(
                books, old.rules, origin=origin, cause=Cause(f"{origin}:{changes}"), kind="goal", memo=memo
            )  # fmt: skip
        if new is not None and new.gift is not None and (old is None or old.gift != new.gift):
            changes += 1
            given = gifts.give(
                books, new.rules, new.gift, origin=origin, cause=Cause(f"{origin}:{changes}"), kind="goal",
                occurred_at=award.reached_at, activates_at=new.waits_until(award.reached_at), memo=memo,
            )  # fmt: skip
        _keep(books, replace(award, changes=changes), new=was is None)
        return given

    def _gift(self, award: Award) -> Aim | None:
        """The aim of an award, if it gives (or gave) something for it."""
        aim = self._aim(award)
        return aim if award.held and self._introductions.gives(aim, award.reached_at) else None

    def _aim(self, award: Award) -> Aim:
        return self._aims[award.revision][award.goal]

    def _of(self, goal: str, facts: Facts) -> Iterator[Change]:
        mine = sorted((award for award in self.known if award.goal == goal), key=lambda one: (one.reached_at, one.id))
        last, begun, after = None, self._begun.get(goal), self._begun.get(goal)
        standing: dict[str, Award] = {}
        for form, segment in groupby(mine, key=lambda award: self._aim(award).form()):
            awards, last = list(segment), form
            begun = after  # a streak by other rules begins where the one before left off
            reached = self._reached(self._aim(awards[0]), facts, begun)
            held = [now for award in awards if (now := self._judged(award, reached)) is not None]
            standing |= {award.period: award for award in held}
            after = max([after, *(award.reached_at for award in held)], key=lambda at: at or _LONG_AGO)
        present, new = self._present.get(goal), []
        if present is not None:
            same = last is not None and last == present.form()
            reached = self._reached(present, facts, begun if same else after)
            new = [one for period, one in reached.items() if period not in standing]
            new = [one for one in new if self._introductions.counts(present, one)]
        for award in mine:
            if award.period in standing and award != standing[award.period]:
                yield Change(award, standing[award.period])
        yield from self._exchanged([award for award in mine if award.period not in standing], new, present)

    def _reached(self, aim: Aim, facts: Facts, after: datetime | None) -> dict[str, Reached]:
        """When an aim was reached, by period, as far as something may have changed."""
        found = aim.reached(facts, after=after)
        return {one.period: one for one in found if self._since is None or one.at >= self._since}

    def _judged(self, award: Award, reached: Mapping[str, Reached]) -> Award | None:
        """An award as it is now by the rules it was given under; None if it does not hold."""
        if award.held and self._since is not None and award.reached_at < self._since:
            return award
        one = reached.get(award.period)
        if one is None:
            return None
        if (award.held and award.reached_at == one.at) or self._introductions.counts(self._aim(award), one):
            return replace(award, state=HELD, reached_at=one.at)
        return None

    def _exchanged(self, fallen: list[Award], new: list[Reached], present: Aim | None) -> Iterator[Change]:
        """What was reached by the present rules, in the place of awards that do not hold where there are some."""
        for one in new:
            assert present is not None  # something was reached by it
            was = next((award for award in fallen if award.period == one.period), None)
            if was is None and present.is_streak:  # late news shifted it: it is the same award, on another day
                alike = (award for award in fallen if award.held and self._aim(award).form() == present.form())
                was = next(alike, None)
            revision = present.rules.revision
            if was is None:
                yield Change(None, Award(new_id(), present.key, one.period, HELD, revision, one.at))
            else:
                fallen.remove(was)
                yield Change(was, replace(was, period=one.period, state=HELD, revision=revision, reached_at=one.at))
        yield from (Change(award, replace(award, state=UNDONE)) for award in fallen if award.held)


def _read(session: Session, member: MemberId, present: Mapping[str, Aim], since: datetime | None) -> list[Award]:
    if since is None:
        rows = execute(session, _ALL, {"member": member})
    else:
        lasting = sorted(key for key in present if key.startswith("tier:"))
        rows = execute(session, _SINCE, {"member": member, "since": since, "lasting": lasting})
    return [
        Award(row.id, row.goal, row.period, row.state, row.revision, row.reached_at, row.changes) for row in rows.all()
    ]


def _keep(books: Books, award: Award, *, new: bool) -> None:
    values = {
        "period": award.period, "state": award.state, "revision": award.revision, "reached_at": award.reached_at,
        "changes": award.changes,
    }  # fmt: skip
    if new:
        row = {"id": award.id, "programme_id": books.programme, "member_id": books.member, "goal": award.goal}
        execute(books.session, _INSERT, row | values)
    else:
        named = {f"new_{name}": value for name, value in values.items()}
        execute(books.session, _KEEP, {"award": award.id, **named})
