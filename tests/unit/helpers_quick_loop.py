"""An event loop that does not wait: where nothing is ready it moves its own clock on to the next timer."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

GLANCE = 0.002
"""Seconds in which real sockets on this machine may report before a timer is taken to be next."""


class _Glancing(selectors.DefaultSelector):
    """Looks for a moment and notes how long it should have waited."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(min(timeout, GLANCE))
        if not ready:
            self.skipped += timeout
        return ready


class QuickLoop(asyncio.SelectorEventLoop):
    """The loop; `time` is real time and what was skipped."""

    def __init__(self) -> None:
        self._glancing = _Glancing()
        super().__init__(self._glancing)

    def time(self) -> float:
        return super().time() + self._glancing.skipped


def run_quickly(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end without waiting for timers."""
    with asyncio.Runner(loop_factory=QuickLoop) as runner:
        return runner.run(work)
