"""Whose turn it is: one message of a conversation at a time and in order, conversations side by side."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import structlog

from conversation import inbox
from conversation.errors import NotYet
from conversation.incoming import Incoming
from loyalty.clock import Clock
from loyalty.errors import StoreUnavailable
from loyalty.store import Store

log = structlog.get_logger()

PARALLEL = 32
TRIES = 3
BACKOFF = 0.2
SWEEP = timedelta(seconds=15)
"""How long a message may wait before somebody looks whether its process is gone."""


class Dispatcher:
    """Runs turns for what the inbox accepted. `close` drains it."""

    def __init__(
        self,
        store: Store,
        run: Callable[[Incoming], Awaitable[None]],
        set_aside: Callable[[Incoming, str], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._store = store
        self._run = run
        self._set_aside = set_aside
        self._clock = clock
        self._queues: dict[str, deque[Incoming]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(PARALLEL)
        self._sweeper: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        """Take up what an earlier process left, then keep looking for what others leave."""
        self.submit(await self._store.read(inbox.waiting))
        self._sweeper = asyncio.create_task(self._sweep(), name="inbox-sweeper")

    def submit(self, messages: Sequence[Incoming]) -> None:
        """Queue messages that are stored. Costs nothing; the turns run when the loop gets to them."""
        if self._closing:
            return  # they are in the inbox, the next process finds them there
        for incoming in messages:
            key = incoming.sender.key
            queue = self._queues.get(key)
            if queue is not None:
                queue.append(incoming)
                continue
            self._queues[key] = deque([incoming])
            task = asyncio.create_task(self._work(key), name="conversation")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self, within: float = 10.0) -> None:
        """Stop taking turns, let the running ones end; what is still queued stays in the inbox."""
        self._closing = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _work(self, key: str) -> None:
        queue = self._queues[key]
        while queue and not self._closing:
            async with self._places:
                await self._turn(queue[0])
            queue.popleft()
        del self._queues[key]

    async def _turn(self, incoming: Incoming) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                await self._run(incoming)
                return
            except NotYet:
                return  # an older message waits in another process; the sweeper comes back to this one
            except StoreUnavailable as error:
                log.error("a turn could not be saved, it is tried again", error=str(error))
            except Exception as error:
                log.exception("a turn failed", message_id=incoming.message_id, attempt=attempt)
                if attempt == TRIES:
                    await self._give_up(incoming, f"{type(error).__name__}: {error}")
                    return
            if attempt < TRIES:
                await asyncio.sleep(BACKOFF * 4 ** (attempt - 1))

    async def _give_up(self, incoming: Incoming, error: str) -> None:
        try:
            await self._set_aside(incoming, error)
        except Exception:
            log.exception("a message could not even be set aside", message_id=incoming.message_id)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP.total_seconds())
            try:
                before = self._clock.now() - SWEEP
                left = await self._store.read(lambda session, before=before: inbox.waiting(session, before=before))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            except StoreUnavailable as error:
                log.error("the inbox cannot be read", error=str(error))
                continue
            except Exception:
                log.exception("the inbox sweeper stumbled, it goes on")
                continue
            queued = {message.message_id for queue in self._queues.values() for message in queue}
            self.submit([message for message in left if message.message_id not in queued])
