"""How fast messages may go: each number, each person, and strangers in a day. Pure: the time is an argument.

Sources: Meta, "Throughput" (80 messages a second and number, 1,000 when upgraded; one message in 6 seconds to one
person, of which a burst of 45 may be borrowed), "Messaging limits" (people outside the window in 24 hours, for all
numbers of a portfolio together).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from conversation.leaving.brakes import Brake, share_at

KEPT_BACK = 0.02
"""Of a number's throughput, for messages that arrive a little less evenly than they were sent."""
AHEAD = 0.1
"""Seconds of throughput that are taken at a time."""
DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Pace:
    """The limits. `portfolio` None: unlimited; `pair_seconds` 0: one person may get any number."""

    messages_per_second: int = 80
    pair_seconds: float = 6.0
    pair_burst: int = 45
    portfolio: int | None = 250


def even(pace: Pace) -> int:
    """How many messages a number sends in a second, of those it may."""
    return max(1, int(pace.messages_per_second * (1 - KEPT_BACK)))


def take_slots(brake: Brake, pace: Pace, wanted: int, at: float) -> tuple[list[float], float]:
    """When up to `wanted` messages of a number may go, in seconds, and when the one after them may.

    Slots are never closer together than the throughput allows, whoever takes them, and lie at most `AHEAD` ahead.
    """
    share = share_at(brake.factor, brake.slowed_at, at)
    apart = 1 / (pace.messages_per_second * (1 - KEPT_BACK) * share)
    begins = max(brake.next_at, at) if brake.next_at <= at + 60 else at  # a clock that was put back does not stop us
    ahead = at + AHEAD - begins
    count = min(wanted, int(ahead / apart) + 1) if ahead >= 0 else 0
    return [begins + number * apart for number in range(count)], begins + count * apart


@dataclass(slots=True)
class Gate:
    """Lets no more than `most` pass in any second, however late the messages are. It knows of one process."""

    most: int
    _passed: deque[float] = field(default_factory=deque)

    def wait(self, at: float) -> float:
        """Seconds until one may pass; 0 if it passes now, and then it is counted."""
        passed = self._passed
        while passed and passed[0] <= at - 1.0:
            passed.popleft()
        if len(passed) >= self.most:
            return max(passed[0] + 1.0 - at, 0.001)
        passed.append(at)
        return 0.0


@dataclass(frozen=True, slots=True)
class Try:
    """A message to one person: when it was claimed and when its answer came. It arrived in between."""

    begun: datetime
    ended: datetime


def next_to_her(tries: Sequence[Try], pace: Pace, now: datetime) -> datetime:
    """The earliest moment of the next message to one person, after these (oldest first).

    A burst of up to 45 may go within 6 seconds; then there is silence until it is repaid, 6 seconds for each.
    """
    each = timedelta(seconds=pace.pair_seconds)
    burst, count, repaid = None, 0, None
    for one in tries:
        if burst is None or repaid is None or one.begun >= repaid:
            burst, count, repaid = one.begun, 1, one.ended + each
        else:
            count += 1
            repaid += each
    if burst is None or repaid is None or now >= repaid:
        return now
    in_burst = now < burst + each - min(each / 6, timedelta(seconds=1))  # messages take their time to arrive
    return now if in_burst and count < pace.pair_burst else repaid


def remembered(pace: Pace) -> timedelta:
    """How far back messages to one person count."""
    return timedelta(seconds=2 * pace.pair_seconds * pace.pair_burst)


def strangers_free(last: Sequence[datetime], pace: Pace, now: datetime) -> tuple[int, datetime]:
    """How many more people outside the window may be written to, and when there will be room for another.

    `last` is when each of those was last written to who were in the last 24 hours.
    """
    if pace.portfolio is None:
        return 1_000_000, now
    free = pace.portfolio - len(last)
    if free > 0:
        return free, now
    return 0, sorted(last)[-pace.portfolio] + DAY if pace.portfolio > 0 else now + DAY
