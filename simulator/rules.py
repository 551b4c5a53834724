"""The rules of the platform that depend on what happened before.

The 24-hour window, the pair limit, a number's throughput, and how many people a business may write to first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass


class ServiceWindow:
    """Who wrote within the last 24 hours. Times are seconds; Meta counts from the customer's last message or call.

    Source: Meta, "Send messages", customer service windows. Outside it only templates are delivered (131047).
    """

    def __init__(self, length: float = 24 * 3600.0) -> None:
        self._length = length
        self._last: dict[str, float] = {}

    def wrote(self, keys: Iterable[str], at: float) -> None:
        """A customer, known under all of ``keys``, wrote at ``at``; an older message never shortens the window."""
        for key in keys:
            self._last[key] = max(at, self._last.get(key, at))

    def is_open(self, key: str, now: float) -> bool:
        """May the business write freely to ``key``?"""
        last = self._last.get(key)
        return last is not None and now - last < self._length


@dataclass(slots=True)
class _Burst:
    began: float
    count: int


class PairLimit:
    """One message per 6 s to one customer; up to 45 may be borrowed in a burst of 6 s and are paid back in silence.

    Source: Meta, "Throughput", pair rate limits: after a burst of 20 the next message may go out about 2 minutes later.
    """

    def __init__(self, seconds: float = 6.0, burst: int = 45) -> None:
        self._seconds = seconds
        self._burst = burst
        self._bursts: dict[str, _Burst] = {}

    def admit(self, key: str, now: float) -> bool:
        """Count one message to ``key``; False means 131056, and that one does not count."""
        burst = self._bursts.get(key)
        if burst is None or now >= burst.began + burst.count * self._seconds:
            self._bursts[key] = _Burst(now, 1)
            return True
        if now < burst.began + self._seconds and burst.count < self._burst:
            burst.count += 1
            return True
        return False


class Throughput:
    """So many messages a second for one number, in and out together; beyond that 130429.

    Source: Meta, "Throughput": 80 a second, 1,000 when upgraded, 20 for a number that is in the app as well.
    """

    def __init__(self, per_second: int = 80) -> None:
        self._per_second = per_second
        self._last: deque[float] = deque()

    def heard(self, now: float) -> None:
        """A message came in: it counts as well, and is never refused."""
        self._forget(now)
        self._last.append(now)

    def admit(self, now: float) -> bool:
        """Count one message; False means 130429, and that one does not count."""
        self._forget(now)
        if len(self._last) >= self._per_second:
            return False
        self._last.append(now)
        return True

    def _forget(self, now: float) -> None:
        while self._last and self._last[0] <= now - 1.0:
            self._last.popleft()


class PortfolioLimit:
    """How many people outside the window a business may write to within 24 hours; beyond that 131064.

    Source: Meta, "Messaging limits" (by business portfolio since October 2025): 250, 2,000, 10,000, 100,000, unlimited.
    """

    def __init__(self, people: int = 250, length: float = 24 * 3600.0) -> None:
        self._people = people
        self._length = length
        self._first: dict[str, float] = {}

    def admit(self, key: str, now: float) -> bool:
        """Count somebody who is written to outside her window; False means 131064, and she does not count."""
        self._first = {one: at for one, at in self._first.items() if now - at < self._length}
        if key not in self._first and len(self._first) >= self._people:
            return False
        self._first.setdefault(key, now)
        return True
