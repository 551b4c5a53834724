"""What goes wrong with single calls: late answers, answers that never come, connections that are gone.

A sender that gets no answer cannot know whether its message was accepted; both cases can be planned.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

Ending = Literal["answer", "silence", "drop"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """How one call goes: after ``delay`` seconds it is ``accepted`` or not, then answered, left alone or cut off."""

    ending: Ending = "answer"
    accepted: bool = True
    delay: float = 0.0


class Troubles:
    """Plans for the next calls, used up one by one; ``release`` lets go of those that are left without an answer."""

    def __init__(self) -> None:
        self._planned: deque[Trouble] = deque()
        self._silent: set[asyncio.Future[None]] = set()

    def plan(self, trouble: Trouble, times: int) -> None:
        """The next ``times`` calls, after those planned before, go this way."""
        self._planned.extend([trouble] * times)

    def next(self) -> Trouble | None:
        """What was planned for this call, if anything was."""
        return self._planned.popleft() if self._planned else None

    async def cut_off(self, request: web.Request, ending: Ending) -> web.Response:
        """Say nothing; with ``drop`` the connection is gone at once. The response reaches nobody."""
        if ending == "silence":
            silence: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._silent.add(silence)
            try:
                await silence
            finally:
                self._silent.discard(silence)
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=502)

    async def release(self, _: web.Application | None = None) -> None:
        """Cut off the calls that wait for an answer in vain, so that a server can stop."""
        for silence in tuple(self._silent):
            if not silence.done():
                silence.set_result(None)
