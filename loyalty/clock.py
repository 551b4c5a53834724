"""Where the time comes from. Everything that needs it is handed a clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time, always with an offset."""

    def now(self) -> datetime:
        """The current instant, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class FixedClock:
    """A clock that stands still until it is moved: for tests and for `tick --now`."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant

    def forward(self, by: timedelta) -> None:
        """Move the clock on by `by`."""
        self.instant += by
