"""The sender: drains the outbox, many people side by side, each in order, no faster than the limits allow.

One loop writes down what became of sends and claims the next messages, both in one transaction; a few long-lived
workers send. At full speed this takes some fifty transactions a second, whatever the throughput.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import structlog
from sqlalchemy.orm import Session

from connectors.errors import SendError
from connectors.provider import Provider
from connectors.sending.claims import Claimed, Quiet, claim, never_quiet
from connectors.sending.pacing import Gate, Pace, even
from conversation.arriving.receipts import apply_receipts
from conversation.leaving import outbox
from conversation.leaving.costs import RateCard
from conversation.leaving.outbox import Due, Outcome
from conversation.leaving.refusals import Do, Refusal
from loyalty.clock import Clock
from loyalty.correlation import correlated
from loyalty.errors import StoreUnavailable
from loyalty.store import Store
from loyalty.tracing import span

log = structlog.get_logger()

AT_ONCE = 400
"""Sends on their way at a time: enough for 1,000 a second where each takes 0.4 s."""
POLL = 0.1
"""Seconds between looks at the outbox when nobody wakes the sender: messages of other processes are found so."""
ROUND = 0.02
"""Seconds from one busy transaction to the next, so that each has something to do."""
FULL_ROUND = 10
"""What a busy one has to do. After a smaller one the wait is shorter: a single customer should not feel it."""
RECOVER_EVERY = 20.0


class Sender:
    """Sends what waits in the outbox until it is closed."""

    def __init__(
        self, store: Store, provider: Provider, clock: Clock, pace: Pace | None = None, *,
        rates: RateCard | None = None, seconds: Callable[[], float] = time.time, at_once: int = AT_ONCE,
        quiet: Quiet = never_quiet,
    ) -> None:  # fmt: skip
        """`clock` decides windows and waits, `seconds` (since 1970) the throughput; `rates` say what messages cost.

        `quiet` says when promotional messages have to wait.
        """
        self._store = store
        self._provider = provider
        self._clock = clock
        self._pace = pace or Pace()
        self._seconds = seconds
        self._quiet = quiet
        self._woken = asyncio.Event()
        self._free = at_once
        self._ready: deque[Claimed] = deque()
        self._handed: asyncio.Queue[Due] = asyncio.Queue()
        self._idle = 0
        self._underway = 0
        self._outcomes: list[Outcome] = []
        self._gates: dict[str, Gate] = {}
        self._something = asyncio.Event()
        self._apply = partial(apply_receipts, judge=provider.judge, rates=rates)
        self._closing = False
        self._workers: list[asyncio.Task[None]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to send."""
        for job in (self._round, self._hand_out, self._recover):
            self._tasks.append(asyncio.create_task(self._forever(job), name="sender"))

    def wake(self) -> None:
        """Say that there is something in the outbox."""
        self._woken.set()

    async def close(self, within: float = 10.0) -> None:
        """Stop claiming, let the sends under way end, write down what became of them and give back the rest."""
        self._closing = True
        self._woken.set()
        rounds, *others = self._tasks
        for task in others:
            task.cancel()
        await asyncio.gather(rounds, *others, return_exceptions=True)  # a round is not cut off inside its transaction
        waiting = [one.due.id for one in self._ready]
        while not self._handed.empty():
            waiting.append(self._handed.get_nowait().id)
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self._underway:  # noqa: ASYNC110 -- workers tell the loop that is ended
                    await asyncio.sleep(0.01)
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        now, outcomes = self._clock.now(), self._outcomes

        def last(session: Session) -> None:
            outbox.settle(session, outcomes, now=now, apply=self._apply)
            if waiting:
                outbox.give_back(session, waiting, now=now)

        if outcomes or waiting:
            await self._store.write(last)

    async def _forever(self, job: Callable[[], Awaitable[None]]) -> None:
        while not self._closing:
            try:
                await job()
            except StoreUnavailable as error:
                log.error("the outbox cannot be used, trying again", error=str(error))
                await asyncio.sleep(1)
            except Exception:
                log.exception("the sender stumbled, it goes on")
                await asyncio.sleep(1)

    # ---- the store: what became of sends, and what is next

    async def _round(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL):
                await self._woken.wait()
        self._woken.clear()
        now, outcomes, free = self._clock.now(), self._outcomes, self._free
        due = free > 0 and await self._store.look(lambda session: bool(outbox.numbers_due(session, now=now)))
        if not outcomes and not due:
            return
        self._outcomes = []
        at = self._seconds()

        def step(session: Session) -> list[Claimed]:
            outbox.settle(session, outcomes, now=now, apply=self._apply)
            return claim(
                session, now=now, limit=free + len(outcomes), pace=self._pace, at=at, quiet=self._quiet
            )  # fmt: skip

        try:
            claimed = await self._store.write(step)
        except StoreUnavailable:
            self._outcomes = outcomes + self._outcomes
            raise
        except Exception:
            await self._write_down_singly(outcomes)
            raise
        self._free += len(outcomes) - len(claimed)
        if claimed:
            self._ready.extend(claimed)
            self._something.set()
            self._woken.set()  # perhaps there is more; if not, the next look finds nothing
        await asyncio.sleep(ROUND * min(1.0, (len(outcomes) + len(claimed)) / FULL_ROUND))

    async def _write_down_singly(self, outcomes: list[Outcome]) -> None:
        """One that cannot be written down must not keep the others from it."""
        for one in outcomes:
            try:
                now = self._clock.now()
                await self._store.write(lambda session: outbox.settle(session, [one], now=now, apply=self._apply))  # noqa: B023 -- awaited in the same round
            except StoreUnavailable:
                self._outcomes.append(one)
                continue
            except Exception:
                log.exception("what became of a message cannot be written down", outbox_id=one.id)
            self._free += 1

    async def _recover(self) -> None:
        now = self._clock.now()
        unsure = await self._store.write(lambda session: outbox.recover(session, now=now))
        if unsure:
            log.error("nobody knows whether these were sent: `passaparola outbox list --state unsure`", count=unsure)
            self.wake()
        await asyncio.sleep(RECOVER_EVERY)

    # ---- the provider

    async def _hand_out(self) -> None:
        """Give each message to a worker when its slot has come."""
        while not self._ready:
            self._something.clear()
            await self._something.wait()
        one = self._ready[0]
        wait = one.at - self._seconds()
        if wait <= 0:
            gate = self._gates.setdefault(one.due.number_id, Gate(even(self._pace)))
            wait = gate.wait(self._seconds())
        if wait > 0:
            await asyncio.sleep(min(wait, 1.0))
            return
        self._handed.put_nowait(self._ready.popleft().due)
        if self._idle < self._handed.qsize():
            self._workers.append(asyncio.create_task(self._work(), name="send"))
            self._idle += 1

    async def _work(self) -> None:
        while True:
            due = await self._handed.get()
            self._idle -= 1
            self._underway += 1
            try:
                outcome = await self._send(due)
                self._outcomes.append(outcome)  # the list may be another one by now
                self._woken.set()  # the next message of the same person may go now
            finally:
                self._idle += 1
                self._underway -= 1

    async def _send(self, due: Due) -> Outcome:
        with correlated(due.correlation), span("send", outbox_id=due.id, attempt=due.attempts):
            outcome = await self._try(due)
            if outcome.refusal is None:
                log.info("message sent", outbox_id=due.id, message_id=outcome.wamid, attempt=due.attempts)
            else:
                log.info("message refused", outbox_id=due.id, code=outcome.refusal.code, attempt=due.attempts)
            return outcome

    async def _try(self, due: Due) -> Outcome:
        try:
            return Outcome(due.id, await self._provider.send(due))
        except SendError as error:
            return Outcome(due.id, None, Refusal(error.do, error.code, str(error)))
        except Exception as error:
            log.exception("a message could not be sent", outbox_id=due.id)
            return Outcome(due.id, None, Refusal(Do.FIX, None, f"{type(error).__name__}: {error}"))
