"""Runs jobs: some by one process at a time, under a lease in the database; some in every process, as queues are.

Nothing here remembers what there is to do. Each job asks the database what is due as of an instant and does it by
business keys, so it may be late, be cut off, or run twice at once; a missed day is made up for by the next run.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from jobs.tables import JobRow
from loyalty.clock import Clock
from loyalty.correlation import correlated
from loyalty.errors import LoyaltyError
from loyalty.ids import new_id
from loyalty.store import Store
from loyalty.store.sql import insert_once
from loyalty.tracing import record

log = structlog.get_logger()

LEASE = timedelta(minutes=2)
"""A process that dies holds its jobs up for so long at most."""
RENEW = 40.0
"""Seconds between two renewals of a lease."""
LONGEST_WAIT = timedelta(hours=1)
"""A job that fails is tried again later and later, but at least so often."""

Work = Callable[[datetime], Awaitable[str]]
"""Does what is due as of a moment. Returns what that was, in a few words; nothing if nothing was due."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done again and again."""

    name: str
    every: timedelta
    work: Work
    alone: bool = True
    """One process at a time does it. A queue that claims its rows itself runs in every process, and can be woken."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a job did, or why it failed."""

    name: str
    report: str
    failed: bool = False


class Jobs:
    """All jobs of a process."""

    def __init__(self, store: Store, clock: Clock, jobs: Sequence[Job]) -> None:
        self._store = store
        self._clock = clock
        self._jobs = tuple(jobs)
        self._me = new_id()
        self._woken = {job.name: asyncio.Event() for job in jobs if not job.alone}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to do what falls due."""
        self._tasks = [asyncio.create_task(self._again(job), name=f"job {job.name}") for job in self._jobs]

    def wake(self, name: str) -> None:
        """Say that a queue has something to do. A name that is no queue of this process is ignored."""
        if name in self._woken:
            self._woken[name].set()

    async def close(self) -> None:
        """Stop. What is cut off is done again by whoever comes next."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._store.write(partial(_let_go, lease=self._me))

    async def run_all(self, now: datetime) -> list[Ran]:
        """Do everything once that is due as of a moment, one job after the other: `passaparola tick`."""
        return [await self._run(job, now) for job in self._jobs]

    async def _again(self, job: Job) -> None:
        while True:
            if job.alone:
                await self._if_mine(job)
                await asyncio.sleep(min(job.every.total_seconds(), 10.0) * random.uniform(0.5, 1.0))
            else:
                self._woken[job.name].clear()
                ran = await self._run(job, self._clock.now())
                wait = 1.0 if ran.failed else job.every.total_seconds()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken[job.name].wait(), wait)

    async def _if_mine(self, job: Job) -> None:
        now = self._clock.now()
        try:
            if not await self._store.look(partial(_is_due, name=job.name, now=now)):
                return
            if not await self._store.write(partial(_claim, name=job.name, lease=self._me, now=now)):
                return
            renewing = asyncio.create_task(self._renew(job))
            try:
                ran = await self._run(job, now)
            finally:
                renewing.cancel()
            end = partial(_end, ran=ran, every=job.every, lease=self._me, now=self._clock.now())
            await self._store.write(end)
        except LoyaltyError as error:
            log.error("a job could not be done, it is tried again", job=job.name, error=str(error))

    async def _renew(self, job: Job) -> None:
        while True:
            await asyncio.sleep(RENEW)
            with suppress(LoyaltyError):
                await self._store.write(
                    lambda session: _hold(session, name=job.name, lease=self._me, now=self._clock.now())
                )

    async def _run(self, job: Job, now: datetime) -> Ran:
        """Do a job. What comes of it has an id of its own; a span is worth it if something came of it."""
        began = time.time_ns()
        with correlated(new_id()):
            ran = await self._try(job, now)
            if ran.report:
                record("job", began, failed=ran.failed, job=job.name)
        return ran

    async def _try(self, job: Job, now: datetime) -> Ran:
        try:
            report = await job.work(now)
        except LoyaltyError as error:
            log.error("a job failed, it is tried again", job=job.name, error=str(error))
            return Ran(job.name, str(error), failed=True)
        except Exception as error:
            log.exception("a job failed, it is tried again", job=job.name)
            return Ran(job.name, f"{type(error).__name__}: {error}", failed=True)
        if report:  # queues do something all the time, and say so where it matters
            (log.info if job.alone else log.debug)("a job did something", job=job.name, report=report)
        return Ran(job.name, report)


def lateness(session: Session, now: datetime) -> dict[str, float]:
    """For how many seconds each job has been due and not done: for operators."""
    rows = session.execute(select(JobRow.name, JobRow.next_at))
    return {name: max((now - next_at).total_seconds(), 0.0) for name, next_at in rows}


def failing(session: Session) -> dict[str, int]:
    """How often in a row each job has failed that did not end well last time."""
    rows = session.execute(select(JobRow.name, JobRow.failures).where(JobRow.failures > 0))
    return {name: failures for name, failures in rows}  # noqa: C416 -- rows are no tuples to the type checker


def _is_due(session: Session, name: str, now: datetime) -> bool:
    row = session.get(JobRow, name)
    return row is None or (row.next_at <= now and (row.leased_until is None or row.leased_until <= now))


def _claim(session: Session, name: str, lease: str, now: datetime) -> bool:
    values = {
        "name": name, "next_at": now, "lease": None, "leased_until": None, "began_at": None, "ended_at": None,
        "failures": 0, "report": None,
    }  # fmt: skip
    insert_once(session, JobRow, values)
    free = or_(JobRow.leased_until.is_(None), JobRow.leased_until <= now)
    claimed = session.connection().execute(
        update(JobRow)
        .where(JobRow.name == name, JobRow.next_at <= now, free)
        .values(lease=lease, leased_until=now + LEASE, began_at=now)
    )
    return claimed.rowcount == 1


def _hold(session: Session, name: str, lease: str, now: datetime) -> None:
    session.connection().execute(
        update(JobRow).where(JobRow.name == name, JobRow.lease == lease).values(leased_until=now + LEASE)
    )


def _end(session: Session, ran: Ran, every: timedelta, lease: str, now: datetime) -> None:
    row = session.get(JobRow, ran.name, with_for_update=True, populate_existing=True)
    if row is None or row.lease != lease:
        return  # somebody else took over meanwhile
    row.failures = row.failures + 1 if ran.failed else 0
    wait = min(every * 2 ** min(row.failures, 10), max(every, LONGEST_WAIT)) if ran.failed else every
    row.next_at, row.lease, row.leased_until, row.report = now + wait, None, None, ran.report[:500] or row.report
    if not ran.failed:
        row.ended_at = now
    session.flush()


def _let_go(session: Session, lease: str) -> None:
    session.connection().execute(update(JobRow).where(JobRow.lease == lease).values(lease=None, leased_until=None))
