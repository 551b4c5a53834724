"""What members agree to when they join, and when somebody of the business is there for them."""

from datetime import datetime, time, timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from loyalty.rules.parts import WEEKDAYS, ClockTime, Day, Part, SortedSet, Texts


class Terms(Part):
    """What members agree to when they join."""

    version: Annotated[str, Field(min_length=1, max_length=40)]
    """The name of this wording, such as 2026-11; kept with each consent. Change it when the texts change."""
    text: Texts
    """What joining means, in a sentence or two."""
    link: Annotated[str, Field(pattern=r"^https://[^\s/]+/\S+$", max_length=500)] | None = None
    """Where the whole terms can be read, such as `https://example.com/club/terms`."""


class Shift(Part):
    """Some hours of some weekdays, in the programme's zone."""

    days: SortedSet[Day] = frozenset(WEEKDAYS)
    """On which weekdays."""
    begin: ClockTime
    """From then on somebody is there."""
    end: ClockTime
    """From then on nobody is."""

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if not self.days:
            raise ValueError("days names no day")
        if self.begin >= self.end:
            raise ValueError("ends before it begins; hours past midnight are two shifts")
        return self


class Staff(Part):
    """People of the business who talk to customers in the chat. Without it, the bot says how else they are reached."""

    quiet_hours: Annotated[int, Field(ge=1, le=72)] = 12
    """Hours for which the bot keeps quiet after a customer asked for a person, or a person wrote to her."""
    there: tuple[Shift, ...] = ()
    """When somebody is there; without it, at any time."""

    def back_at(self, now: datetime) -> datetime | None:
        """When somebody is there again; None if somebody is there at this moment (in the programme's zone)."""
        if not self.there:
            return None
        begins: list[datetime] = []
        for ahead in range(8):
            day = (now + timedelta(days=ahead)).date()
            for shift in self.there:
                if WEEKDAYS[day.weekday()] not in shift.days:
                    continue
                begin, end = (
                    datetime.combine(day, time.fromisoformat(clock), tzinfo=now.tzinfo)
                    for clock in (shift.begin, shift.end)
                )
                if begin <= now < end:
                    return None
                if begin > now:
                    begins.append(begin)
        return min(begins)
