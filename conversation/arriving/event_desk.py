"""Handles what channels told beside messages and receipts, soon after it came in and again after a failure."""

import asyncio
from datetime import timedelta

import structlog

from conversation.arriving import channel_events
from conversation.arriving.channel_events import Registry
from loyalty.clock import Clock
from loyalty.errors import StoreUnavailable
from loyalty.store import Store

log = structlog.get_logger()

SWEEP = timedelta(seconds=30)
"""How long what failed, or what another process left, waits for its next try."""


class EventDesk:
    """One task that handles events one after the other. `close` ends it; what waits is found by the next process."""

    def __init__(self, store: Store, registry: Registry, clock: Clock) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, with what an earlier process left."""
        self._task = asyncio.create_task(self._work(), name="event-desk")

    def wake(self) -> None:
        """Something came in."""
        self._news.set()

    async def close(self) -> None:
        """Stop. What is under way is undone, and done again later."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def work(self) -> int:
        """Handle everything that waits, each once. Returns how many were handled."""
        done = 0
        for id_ in await self._store.read(channel_events.waiting):
            done += await self._handle(id_)
        return done

    async def _handle(self, id_: int) -> bool:
        now = self._clock.now()
        try:
            await self._store.write(lambda session: channel_events.handle(session, id_, self._registry, now=now))
            return True
        except StoreUnavailable:
            raise
        except Exception as error:
            log.exception("a channel event could not be handled", event_id=id_)
            why = f"{type(error).__name__}: {error}"
            await self._store.write(lambda session: channel_events.stumbled(session, id_, why, now=now))
            return False

    async def _work(self) -> None:
        while True:
            self._news.clear()
            try:
                await self.work()
            except StoreUnavailable as error:
                log.error("events cannot be handled, they are tried again", error=str(error))
            except Exception:
                log.exception("the event desk stumbled, it goes on")
            try:
                async with asyncio.timeout(SWEEP.total_seconds()):
                    await self._news.wait()
            except TimeoutError:
                continue
