"""Shows a customer that her message was read and an answer is under way, if the answer takes a while."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from connectors.errors import SendError

log = structlog.get_logger()

SLOW = 1.0
"""Seconds after which an answer counts as slow; most are there long before, and a mark would only cost a call."""
AGAIN = 20.0
"""Seconds until the mark is renewed: it vanishes after 25 (Meta, "Typing indicators")."""
AT_MOST = 6
"""Marks for one message: nobody types for longer than two minutes."""


class Mark(Protocol):
    """Marks a message as read, with the sign that somebody types."""

    def __call__(self, number_id: str, message_id: str) -> Awaitable[None]: ...


class Presence:
    """Watches over turns. One instance serves the process."""

    def __init__(
        self, mark: Mark, *, slow: float = SLOW, again: float = AGAIN,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        self._mark = mark
        self._slow = slow
        self._again = again
        self._sleep = sleep

    @asynccontextmanager
    async def during(self, number_id: str, message_id: str) -> AsyncIterator[None]:
        """While this lasts, an answer to a message is being found. A mark that fails harms nothing."""
        tasks: list[asyncio.Task[None]] = []

        def begin() -> None:
            tasks.append(asyncio.create_task(self._show(number_id, message_id), name="presence"))

        timer = asyncio.get_running_loop().call_later(self._slow, begin)
        try:
            yield
        finally:
            timer.cancel()
            for task in tasks:
                task.cancel()

    async def _show(self, number_id: str, message_id: str) -> None:
        try:
            for _ in range(AT_MOST):
                await self._mark(number_id, message_id)
                await self._sleep(self._again)
        except SendError as error:
            log.info("a message could not be marked as read", error=str(error))
        except Exception:
            log.exception("a message could not be marked as read")
