"""What members can reach by and by: badges, milestones, challenges, streaks, leaderboards."""

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from loyalty.rules.parts import Amount, Count, Dates, Gift, Measure, Part, Slug, SortedSet, Texts

Target = Annotated[int, Field(ge=1, le=10**9)]
_MONTHS = "subscription_months"
"""The one measure that grows with time instead of with what somebody does."""


class Goal(Part):
    """What all goals have: a name, something that is counted, perhaps a gift."""

    id: Slug
    name: Texts
    measure: Measure
    minimum: Amount = Decimal(0)
    """Orders worth less do not count (for the measures `orders` and `spend`)."""
    gift: Gift | None = None

    kind: ClassVar[str]

    @property
    def key(self) -> str:
        """Its name among all goals, such as `badge:regular`."""
        return f"{self.kind}:{self.id}"

    def form(self) -> dict[str, Any]:
        """What decides when it is reached, and whether something is given for it; as JSON, without names and sizes."""
        counted = self.model_dump(mode="json", by_alias=True, exclude={"name", "sign", "gift"})
        return {**counted, "goal": self.key, "gift": self.gift is not None}

    @model_validator(mode="after")
    def _by_doing(self) -> Self:
        if self.measure == _MONTHS and self.kind in {"challenge", "streak"}:
            raise ValueError(f"{_MONTHS} pass by themselves: count them in a badge or a milestone")
        return self


class Badge(Goal):
    """A mark of honour, once reached for good (unless refunds undo it)."""

    kind = "badge"
    target: Target
    """How much of the measure it takes."""
    sign: Annotated[str, Field(max_length=8)] = "🏅"
    """Shown before its name."""


class Milestone(Goal):
    """Every so many, a gift: a free drink after each ten visits."""

    kind = "milestone"
    every: Target
    """How much of the measure it takes each time."""


class Challenge(Goal):
    """So many within a time: each week or month anew, or between two days."""

    kind = "challenge"
    target: Target
    """How much of the measure it takes within the time."""
    each: Literal["week", "month"] | None = None
    """It begins anew each week or month."""
    dates: Dates | None = None
    """It lasts from a day until a day."""
    tiers: SortedSet[Slug] = frozenset()
    """Who can take part; everybody if empty."""

    @model_validator(mode="after")
    def _when(self) -> Self:
        if (self.each is None) == (self.dates is None):
            raise ValueError("say when: `each: week`, `each: month`, or `dates:`")
        return self


class Streak(Goal):
    """Something in each of so many days, weeks or months without a gap; then it begins again."""

    kind = "streak"
    unit: Literal["day", "week", "month"]
    """In each day, week or month something must happen."""
    length: Annotated[int, Field(ge=2, le=1000)]
    """How many of them in a row."""


AnyGoal = Badge | Milestone | Challenge | Streak


class Leaderboard(Part):
    """Who has most of something. Members take part only if they said so, under another name."""

    id: Slug
    name: Texts
    measure: Measure
    each: Literal["week", "month", "ever"] = "month"
    """It begins anew each week or month, or never."""
    size: Count = 10
    """How many places are shown."""

    @model_validator(mode="after")
    def _by_doing(self) -> Self:
        if self.measure == _MONTHS and self.each != "ever":
            raise ValueError(f"{_MONTHS} pass by themselves: set `each: ever`")
        return self
