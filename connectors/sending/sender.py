"""The sender: drains the outbox, several people side by side, each in order."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from connectors.errors import NeedsOperator, PairLimited, Retryable, SendError
from connectors.provider import Provider
from conversation import outbox
from conversation.outbox import Due, Sent
from loyalty.clock import Clock
from loyalty.errors import StoreUnavailable
from loyalty.store import Store

log = structlog.get_logger()

AT_ONCE = 50
POLL = 0.1
"""Seconds between looks at the outbox when nobody wakes the sender: messages of other processes are found so."""
TRIES = 8
LONGEST_WAIT = timedelta(minutes=15)
OPERATOR_PAUSE = timedelta(minutes=5)
RECOVER_EVERY = 20.0


class Sender:
    """Sends what waits in the outbox until it is closed."""

    def __init__(self, store: Store, provider: Provider, clock: Clock) -> None:
        self._store = store
        self._provider = provider
        self._clock = clock
        self._woken = asyncio.Event()
        self._free = AT_ONCE
        self._outcomes: asyncio.Queue[Sent] = asyncio.Queue()
        self._sends: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to send."""
        for job in (self._claim, self._settle, self._recover):
            self._tasks.append(asyncio.create_task(self._forever(job), name="sender"))

    def wake(self) -> None:
        """Say that there is something in the outbox."""
        self._woken.set()

    async def close(self, within: float = 10.0) -> None:
        """Stop claiming, let the sends under way end and write down what became of them."""
        claim, settle, *others = self._tasks
        for task in (claim, *others):
            task.cancel()
        if self._sends:
            await asyncio.wait(self._sends, timeout=within)
        settle.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._write_down([self._outcomes.get_nowait() for _ in range(self._outcomes.qsize())])

    async def _forever(self, job: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await job()
            except StoreUnavailable as error:
                log.error("the outbox cannot be used, trying again", error=str(error))
                await asyncio.sleep(1)
            except Exception:
                log.exception("the sender stumbled, it goes on")
                await asyncio.sleep(1)

    async def _claim(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL):
                await self._woken.wait()
        self._woken.clear()
        while self._free > 0:
            now, limit = self._clock.now(), self._free
            if not await self._store.look(lambda session: outbox.any_due(session, now=now)):  # noqa: B023 -- as below
                return
            claimed = await self._store.write(lambda session: outbox.claim(session, now=now, limit=limit))  # noqa: B023 -- awaited in the same round
            if not claimed:
                return
            self._free -= len(claimed)
            for due in claimed:
                task = asyncio.create_task(self._send(due), name="send")
                self._sends.add(task)
                task.add_done_callback(self._sends.discard)

    async def _send(self, due: Due) -> None:
        try:
            wamid = await self._provider.send(due)
            outcome = Sent(due.id, wamid)
        except SendError as error:
            outcome = Sent(due.id, None, error.code, str(error), retry_at(error, due.attempts, self._clock.now()))
            said = log.error if isinstance(error, NeedsOperator) else log.warning
            said("a message was not sent", outbox_id=due.id, code=error.code, error=str(error), again=outcome.retry_at)
        except Exception as error:
            log.exception("a message could not be sent", outbox_id=due.id)
            outcome = Sent(due.id, None, None, f"{type(error).__name__}: {error}")
        self._outcomes.put_nowait(outcome)

    async def _settle(self) -> None:
        outcomes = [await self._outcomes.get()]
        while not self._outcomes.empty():
            outcomes.append(self._outcomes.get_nowait())
        await self._write_down(outcomes)
        self._free += len(outcomes)
        self._woken.set()  # the next message of the same person may go now

    async def _write_down(self, outcomes: list[Sent]) -> None:
        if outcomes:
            now = self._clock.now()
            await self._store.write(lambda session: outbox.settle(session, outcomes, now=now))

    async def _recover(self) -> None:
        now = self._clock.now()
        again = await self._store.write(lambda session: outbox.recover(session, now=now))
        if again:
            log.warning("messages are sent again after a crash", count=again)
            self.wake()
        await asyncio.sleep(RECOVER_EVERY)


def retry_at(error: SendError, attempts: int, now: datetime) -> datetime | None:
    """When to try a refused message again; None: never."""
    if isinstance(error, NeedsOperator):
        return now + OPERATOR_PAUSE if attempts < TRIES else None
    if not isinstance(error, Retryable) or attempts >= TRIES:
        return None
    if isinstance(error, PairLimited):  # Meta: wait 4^x seconds, x from 0
        return now + min(timedelta(seconds=4 ** (attempts - 1)), LONGEST_WAIT)
    return now + min(timedelta(seconds=2 ** (attempts - 1) * random.uniform(0.5, 1.0)), LONGEST_WAIT)
