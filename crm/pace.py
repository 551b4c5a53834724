"""How fast a system is called: never more than it allows, whatever there is to tell."""

import asyncio
from collections.abc import Awaitable, Callable


class Pace:
    """A bucket: `burst` calls at once, then `rate` a second. `clock` and `sleep` are in seconds."""

    def __init__(
        self, rate: float, burst: int = 1, *, clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        self._gap, self._slack = 1 / rate, (burst - 1) / rate
        self._clock, self._sleep = clock, sleep
        self._next = 0.0

    async def turn(self) -> None:
        """Wait until the next call may be made."""
        now = self._clock() if self._clock is not None else asyncio.get_running_loop().time()
        due = max(self._next, now - self._slack)
        self._next = due + self._gap
        if due > now:
            await self._sleep(due - now)
