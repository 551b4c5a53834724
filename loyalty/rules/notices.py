"""What members are told without asking: what of it is left out, when reminders come, how often and at what hours."""

from datetime import datetime, time, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from loyalty.rules.parts import ClockTime, Part, SortedSet

Notice = Literal[
    "welcome", "points_earned", "points_taken_back", "points_expiring", "reward_redeemed", "voucher_issued",
    "voucher_expiring", "referral_joined", "referral_rewarded", "referral_prompt", "level_reached", "badge",
    "milestone", "streak", "challenge_started", "challenge_nearly_done", "challenge_done", "birthday", "inactive",
]  # fmt: skip
"""What members can be told. docs/notices.md says when each of it is said."""
Days = Annotated[int, Field(ge=1, le=366)]


def _farthest_first(days: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(days)) != len(days):
        raise ValueError("names a day more than once")
    return tuple(sorted(days, reverse=True))


class QuietHours(Part):
    """When nobody is written to unasked, by the clock where she lives: her phone number tells, else the programme."""

    begin: ClockTime
    """From then on nobody is written to."""
    end: ClockTime
    """From then on what waited is sent."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.begin == self.end:
            raise ValueError("begin and end are the same")
        return self

    def over_at(self, now: datetime) -> datetime | None:
        """When the quiet hours that hold at a moment (in her zone) are over; None if none hold."""
        begin, end = time.fromisoformat(self.begin), time.fromisoformat(self.end)
        clock = now.time()
        overnight = begin > end
        quiet = clock >= begin or clock < end if overnight else begin <= clock < end
        if not quiet:
            return None
        day = now.date() + timedelta(days=1 if overnight and clock >= begin else 0)
        return datetime.combine(day, end, tzinfo=now.tzinfo)


NIGHT = QuietHours(begin="21:00", end="09:00")
"""When reminders and promotional messages wait in a programme that says nothing of quiet hours."""


class Notices(Part):
    """What members are told without asking."""

    off: SortedSet[Notice] = frozenset()
    """What they are not told."""
    quiet_hours: QuietHours | None = None
    """When what they are told waits; without it reminders and promotional messages wait from 21:00 to 09:00."""
    promotions_per_week: Annotated[int, Field(ge=0, le=7)] = 2
    """How many promotional messages a member gets in any seven days at most, campaigns included."""
    points_expiring_days: Annotated[tuple[Days, ...], Field(max_length=5), AfterValidator(_farthest_first)] = (14, 3)
    """How many days before points expire she is reminded, each time once."""
    voucher_expiring_days: Days = 2
    """How many days before a voucher is over she is reminded."""
    inactive_days: Days = 60
    """After how many days without a purchase she is asked back, once."""
    referral_prompt_days: Days = 30
    """How many days at least lie between two invitations to bring friends that stand under what she is told anyway."""
