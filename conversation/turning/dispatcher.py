"""Whose turn it is: one message of a conversation at a time and in order, conversations side by side."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog

from conversation.arriving.backlog import Backlog
from conversation.arriving.inbox import Waiting
from conversation.arriving.incoming import Incoming
from conversation.errors import NotYet
from loyalty.clock import Clock
from loyalty.errors import StoreUnavailable

log = structlog.get_logger()

PARALLEL = 32
TRIES = 3
BACKOFF = 0.2
STEADY = 3.0
"""Seconds a process lives before it tries a message that two others had begun when they ended: one that ends processes
lets the others be answered first, and an honest one is not blamed for quick restarts."""
SWEEP = timedelta(seconds=15)
"""How long a message may wait before somebody looks whether its process is gone."""


@dataclass(frozen=True, slots=True)
class _Task:
    """A message that is queued. `attempts`: turns begun by processes that are gone; None if it just came in."""

    incoming: Incoming
    attempts: int | None = None


class Dispatcher:
    """Runs turns for what the inbox accepted. `close` drains it."""

    def __init__(
        self,
        backlog: Backlog,
        run: Callable[[Incoming], Awaitable[None]],
        set_aside: Callable[[Incoming, str], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._backlog = backlog
        self._run = run
        self._set_aside = set_aside
        self._clock = clock
        self._queues: dict[str, deque[_Task]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(PARALLEL)
        self._suspects = asyncio.Lock()
        self._steady = asyncio.Event()
        self._sweeper: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        """Take up what an earlier process left, then keep looking for what others leave."""
        asyncio.get_running_loop().call_later(STEADY, self._steady.set)
        self._take_up(await self._backlog.waiting())
        self._sweeper = asyncio.create_task(self._sweep(), name="inbox-sweeper")

    def submit(self, messages: Sequence[Incoming]) -> None:
        """Queue messages that are stored. Costs nothing; the turns run when the loop gets to them."""
        for incoming in messages:
            self._queue(_Task(incoming))

    def _take_up(self, left: Sequence[Waiting]) -> None:
        for waiting in left:
            self._queue(_Task(waiting.incoming, waiting.attempts))

    def _queue(self, queued: _Task) -> None:
        if self._closing:
            return  # it is in the inbox, the next process finds it there
        key = queued.incoming.sender.key
        queue = self._queues.get(key)
        if queue is not None:
            queue.append(queued)
            return
        self._queues[key] = deque([queued])
        task = asyncio.create_task(self._work(key), name="conversation")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, within: float = 10.0) -> None:
        """Stop taking turns, let the running ones end; what is still queued stays in the inbox."""
        self._closing = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        self._steady.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _work(self, key: str) -> None:
        queue = self._queues[key]
        while queue and not self._closing:
            task = queue[0]
            if not await self._may_begin(task):
                break
            alone = self._suspects if task.attempts else nullcontext()
            async with alone, self._places:
                await (self._try(task.incoming) if task.attempts is None else self._try_again(task.incoming))
            queue.popleft()
        del self._queues[key]

    async def _may_begin(self, task: _Task) -> bool:
        """Wait, if it is not yet time for a message; False if the process is closing meanwhile."""
        if 1 < (task.attempts or 0) < TRIES:
            await self._steady.wait()
        return not self._closing

    async def _try_again(self, incoming: Incoming) -> None:
        """A turn for a message that a process left behind: perhaps because the message ended it.

        So that is counted before. Messages for which it was counted once are tried one at a time (`_suspects`), and
        none is blamed for what another did.
        """
        try:
            attempt = await self._backlog.begin(incoming)
        except StoreUnavailable as error:
            log.error("a message cannot be taken up, it is tried again", error=str(error))
            return
        if attempt == 0:
            return  # it was answered meanwhile
        if attempt > TRIES:
            await self._give_up(incoming, f"{TRIES} processes ended while they answered it")
        elif not await self._try(incoming):
            with suppress(StoreUnavailable):
                await self._backlog.calm(incoming)

    async def _try(self, incoming: Incoming) -> bool:
        """Run a turn, a few times if it fails. False if the message waits still, through no fault of its own."""
        for attempt in range(1, TRIES + 1):
            try:
                await self._run(incoming)
                return True
            except NotYet:
                return False  # an older message waits in another process; the sweeper comes back to this one
            except StoreUnavailable as error:
                log.error("a turn could not be saved, it is tried again", error=str(error))
            except Exception as error:
                log.exception("a turn failed", message_id=incoming.message_id, attempt=attempt)
                if attempt == TRIES:
                    await self._give_up(incoming, f"{type(error).__name__}: {error}")
                    return True
            if attempt < TRIES:
                await asyncio.sleep(BACKOFF * 4 ** (attempt - 1))
        return False

    async def _give_up(self, incoming: Incoming, error: str) -> None:
        """Set a message aside and tell its sender; if that is what fails, without a word to her."""
        log.error("a message is set aside", message_id=incoming.message_id, error=error)
        try:
            await self._set_aside(incoming, error)
            return
        except StoreUnavailable as away:
            log.error("a message cannot be set aside now, it is tried again", error=str(away))
            return
        except Exception as broken:
            log.exception("a message is set aside without an apology", message_id=incoming.message_id)
            error = f"{error}; then {type(broken).__name__}: {broken}"
        try:
            await self._backlog.fail(incoming, error)
        except Exception:
            log.exception("a message could not even be set aside", message_id=incoming.message_id)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP.total_seconds())
            try:
                before = self._clock.now() - SWEEP
                left = await self._backlog.waiting(before)
            except StoreUnavailable as error:
                log.error("the inbox cannot be read", error=str(error))
                continue
            except Exception:
                log.exception("the inbox sweeper stumbled, it goes on")
                continue
            queued = {task.incoming.message_id for queue in self._queues.values() for task in queue}
            self._take_up([waiting for waiting in left if waiting.incoming.message_id not in queued])
