"""Profilers for a program of several threads, and their figures per turn."""

import cProfile
import pstats
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType
from typing import Literal

_PACKAGES = "site-packages/"
_WAITS = ("_queue.SimpleQueue", "select.epoll", "_thread.lock")
"""Functions that only wait: they would head every table."""


class Threads:
    """A profiler in every thread that begins after it was made; they count while `on` is set.

    Waiting counts, too (for the disk, a lock, the next message); `cpu` leaves it out, but reading that clock is slow
    and makes functions that are called often look worse than they are.
    """

    def __init__(self, *, cpu: bool) -> None:
        self.on = False
        self._profiles: list[cProfile.Profile] = []
        self._timer = (time.thread_time,) if cpu else ()
        threading.setprofile(self._look)

    def _look(self, _frame: FrameType, _event: str, _arg: object) -> None:
        if self.on:
            profile = cProfile.Profile(*self._timer)
            self._profiles.append(profile)
            profile.enable()  # takes the place of this function in its thread

    def stats(self) -> pstats.Stats:
        """All threads together. Only when they have ended."""
        self.on = False
        threading.setprofile(None)
        first, *rest = [profile for profile in self._profiles if profile.getstats()]
        return pstats.Stats(first, *rest)


def thread_seconds() -> dict[str, float]:
    """The processor time of every thread but the calling one so far, by the first word of its name."""
    used: dict[str, float] = defaultdict(float)
    for thread in threading.enumerate():
        if thread.ident is not None and thread is not threading.current_thread():
            used[thread.name.split("_")[0]] += time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
    return used


def top(stats: pstats.Stats, turns: int, by: Literal["own", "with callees"], rows: int) -> str:
    """The functions that cost most, in milliseconds a turn."""
    figures: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = stats.stats  # type: ignore[attr-defined]
    column = 2 if by == "own" else 3
    busy = [place for place in figures if not any(wait in place[2] for wait in _WAITS)]
    order = sorted(busy, key=lambda place: float(figures[place][column]), reverse=True)[:rows]  # type: ignore[arg-type]
    lines = [f"| own ms | with callees ms | calls | function (by {by}) |", "|---:|---:|---:|---|"]
    for place in order:
        _, calls, own, cumulative, _ = figures[place]
        lines.append(
            f"| {own / turns * 1e3:.3f} | {cumulative / turns * 1e3:.3f} | {calls / turns:.1f} | {_named(*place)} |"
        )
    return "\n".join(lines)


def _named(file: str, line: int, function: str) -> str:
    if file == "~":
        return f"`{function}`"
    short = file.partition(_PACKAGES)[2] or (
        str(Path(file).relative_to(Path.cwd())) if file.startswith(str(Path.cwd())) else "/".join(Path(file).parts[-2:])
    )
    return f"`{short}:{line} {function}`"
