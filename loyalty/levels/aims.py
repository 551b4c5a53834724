"""Everything that can be reached and is kept as an award: goals, and levels that give something.

docs/decisions/0008-levels-and-goals.md says what counts for somebody who was there before a goal was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from loyalty.levels import goals
from loyalty.levels.facts import Facts
from loyalty.levels.goals import Reached
from loyalty.programme import Programme
from loyalty.revisions import revisions_of
from loyalty.rules.goals import AnyGoal, Challenge, Milestone, Streak
from loyalty.rules.parts import Gift
from loyalty.rules.tiers import Level

_BY_ORDERS = frozenset({"orders", "spend", "points"})


@dataclass(frozen=True, slots=True)
class Aim:
    """Something that can be reached, by the rules of one revision."""

    rules: Programme
    what: AnyGoal | Level

    @property
    def key(self) -> str:
        """Its name, such as `badge:regular` or `tier:gold`."""
        return f"tier:{self.what.id}" if isinstance(self.what, Level) else self.what.key

    @property
    def gift(self) -> Gift | None:
        """What is given for it."""
        return self.what.gift

    @property
    def is_streak(self) -> bool:
        """Whether it begins again each time it is reached."""
        return isinstance(self.what, Streak)

    def form(self) -> Mapping[str, Any]:
        """What decides when it is reached, and for which period."""
        if isinstance(self.what, Level):
            assert self.rules.tiers is not None  # it is one of its levels
            return {**self.rules.tiers.level_form(self.what), "timezone": self.rules.timezone}
        return {**self.what.form(), "timezone": self.rules.timezone}

    def reached(self, facts: Facts, *, after: datetime | None = None) -> list[Reached]:
        """When it was reached, as far as the facts go back; a streak counts from `after` on."""
        past = facts.past(self.rules)
        if isinstance(self.what, Level):
            assert self.rules.tiers is not None  # it is one of its levels
            first = goals.level_reached(self.rules.tiers, self.what, past, facts.joined_at)
            return [first] if first is not None else []
        return goals.reached(self.what, past, after=after)

    def waits_until(self, at: datetime) -> datetime | None:
        """Until when a gift for it waits: what orders brought, as long as the points of an order do."""
        days = self.rules.earning.purchase.pending_days
        return at + timedelta(days=days) if days and self._measure in _BY_ORDERS else None

    @property
    def _measure(self) -> str:
        if not isinstance(self.what, Level):
            return self.what.measure
        assert self.rules.tiers is not None  # it is one of its levels
        return self.rules.tiers.measure


def aims_of(rules: Programme) -> dict[str, Aim]:
    """Everything that can be reached in a programme, by its name."""
    levels = rules.tiers.levels if rules.tiers is not None else ()
    aims = [Aim(rules, what) for what in (*rules.goals, *(level for level in levels if level.gift is not None))]
    return {aim.key: aim for aim in aims}


class Introductions:
    """Since when a programme has had its aims in the form they have. Read when it is asked for, once a session."""

    def __init__(self, session: Session, programme: Programme) -> None:
        self._session, self._programme = session, programme

    def since(self, aim: Aim) -> datetime:
        """When the rules were written down that had it first in this form. Raises `LookupError` if none were."""
        name = "introductions", self._programme.id, self._programme.revision
        if name not in self._session.info:
            found = revisions_of(self._session, self._programme.id)
            self._session.info[name] = [(since, aims_of(rules)) for since, rules in found]
        form = aim.form()
        known: list[tuple[datetime, dict[str, Aim]]] = self._session.info[name]
        for since, aims in known:
            if (same := aims.get(aim.key)) is not None and same.form() == form:
                return since
        raise LookupError(f"programme {self._programme.id}: {aim.key} is in no revision that was written down")

    def counts(self, aim: Aim, one: Reached) -> bool:
        """Whether it is kept that an aim was reached then.

        Badges, levels and streaks were there for everybody's past; milestones and the times of challenges that were
        over before the aim was there are not made up for.
        """
        if isinstance(aim.what, Milestone):
            return one.at >= self.since(aim)
        if isinstance(aim.what, Challenge):
            end = goals.ends_at(aim.what, one.at, aim.rules.zone)
            return end is None or end > self.since(aim)
        return True

    def gives(self, aim: Aim, reached_at: datetime) -> bool:
        """Whether there is a gift for reaching it then: never for what was reached before it was there."""
        return aim.gift is not None and reached_at >= self.since(aim)
