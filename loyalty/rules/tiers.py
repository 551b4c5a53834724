"""Levels of membership: what they are reached by, how long they are kept, what they bring."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from loyalty.rules.parts import Factor, Gift, Measure, Part, Slug, Texts, distinct


class Level(Part):
    """One level."""

    id: Slug
    name: Texts
    from_: Annotated[int, Field(alias="from", ge=0, le=10**9)]
    """From this much of the measure on."""
    factor: Factor = Decimal(1)
    """So many times the usual points for orders of members at this level."""
    benefits: tuple[Texts, ...] = ()
    """What else it brings, as members read it."""
    gift: Gift | None = None
    """Given once, when the level is first reached."""


class Tiers(Part):
    """The levels of a programme."""

    measure: Measure
    """What is counted. With neither `months` nor `calendar` it counts for ever."""
    months: Annotated[int, Field(ge=1, le=120)] | None = None
    """Count what happened in the last so many months."""
    calendar: Literal["year"] | None = None
    """Count what happened since the year began, in the programme's zone."""
    grace_days: Annotated[int, Field(ge=0, le=3650)] = 0
    """How long a level is kept after it is no longer reached."""
    levels: Annotated[tuple[Level, ...], Field(min_length=1), AfterValidator(distinct)]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        starts = [level.from_ for level in self.levels]
        if starts != sorted(set(starts)):
            raise ValueError("levels must rise: each `from` greater than the one before")
        if self.months is not None and self.calendar is not None:
            raise ValueError("count the last months or the calendar year, not both")
        return self

    def form(self) -> dict[str, Any]:
        """What decides who has which level, and for which something is given; as JSON."""
        levels = [self.level_form(level) for level in self.levels]
        return {"months": self.months, "calendar": self.calendar, "grace_days": self.grace_days, "levels": levels}

    def level_form(self, level: Level) -> dict[str, Any]:
        """What decides when a level is reached first, and whether something is given for it; as JSON."""
        return {
            "goal": f"tier:{level.id}", "measure": self.measure, "months": self.months, "calendar": self.calendar,
            "from": level.from_, "gift": level.gift is not None,
        }  # fmt: skip

    def level(self, id_: str | None) -> Level | None:
        """The level with this id."""
        return next((level for level in self.levels if level.id == id_), None)

    def reached(self, value: int) -> Level | None:
        """The highest level that a value reaches."""
        return next((level for level in reversed(self.levels) if value >= level.from_), None)

    def following(self, id_: str | None) -> Level | None:
        """The level above; the lowest for somebody who has none."""
        place = next((number for number, level in enumerate(self.levels) if level.id == id_), -1)
        return self.levels[place + 1] if place + 1 < len(self.levels) else None
