"""The two rules of the platform that depend on what happened before: the 24-hour window and the pair limit."""

from __future__ import annotations

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
