"""What members can reach by and by: badges, milestones, challenges, streaks, leaderboards."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from loyalty.rules.parts import Amount, Count, Dates, Gift, Measure, Part, Slug, SortedSet, Texts

Target = Annotated[int, Field(ge=1, le=10**9)]


class Goal(Part):
    """What all goals have: a name, something that is counted, perhaps a gift."""

    id: Slug
    name: Texts
    measure: Measure
    minimum: Amount = Decimal(0)
    """Orders worth less do not count (for the measures `orders` and `spend`)."""
    gift: Gift | None = None


class Badge(Goal):
    """A mark of honour, once reached for good (unless refunds undo it)."""

    target: Target
    sign: Annotated[str, Field(max_length=8)] = "🏅"


class Milestone(Goal):
    """Every so many, a gift: a free drink after each ten visits."""

    every: Target


class Challenge(Goal):
    """So many within a time: each week or month anew, or between two days."""

    target: Target
    each: Literal["week", "month"] | None = None
    dates: Dates | None = None
    tiers: SortedSet[Slug] = frozenset()

    @model_validator(mode="after")
    def _when(self) -> Self:
        if (self.each is None) == (self.dates is None):
            raise ValueError("say when: `each: week`, `each: month`, or `dates:`")
        return self


class Streak(Goal):
    """Something in each of so many days, weeks or months without a gap; then it begins again."""

    unit: Literal["day", "week", "month"]
    length: Annotated[int, Field(ge=2, le=1000)]


class Leaderboard(Part):
    """Who has most of something. Members take part only if they said so, under another name."""

    id: Slug
    name: Texts
    measure: Measure
    each: Literal["week", "month", "ever"] = "month"
    size: Count = 10
