"""Jobs are done by one process at a time, made up for, and taken over from a process that died."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from jobs.runner import LEASE, Job, Jobs, failing, lateness
from loyalty.clock import FixedClock
from loyalty.errors import Refused
from loyalty.store import Store

MINUTE = timedelta(minutes=1)


class Counted:
    """A job that counts how often it ran, and how many ran at once."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.ran: list[datetime] = []
        self.seconds = seconds
        self.at_once = self.most = 0

    async def __call__(self, now: datetime) -> str:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(self.seconds)
        self.at_once -= 1
        self.ran.append(now)
        return "counted"


async def until(condition: Callable[[], object], within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 -- the jobs know nothing of the test
            await asyncio.sleep(0.01)


async def test_of_several_processes_one_does_a_job(store: Store, clock: FixedClock) -> None:
    count = Counted(seconds=0.05)
    processes = [Jobs(store, clock, [Job("expiry", timedelta(seconds=0.02), count)]) for _ in range(4)]
    for one in processes:
        one.start()
    await until(lambda: count.ran)
    for _ in range(5):
        clock.instant += MINUTE
        await asyncio.sleep(0.1)
    for one in processes:
        await one.close()
    assert count.most == 1
    assert 2 <= len(count.ran) <= 6


async def test_a_lease_of_a_process_that_died_runs_out(store: Store, clock: FixedClock) -> None:
    stuck, count = Counted(seconds=60), Counted()
    dead = Jobs(store, clock, [Job("expiry", timedelta(seconds=0.02), stuck)])
    dead.start()
    await until(lambda: stuck.at_once)
    for task in dead._tasks:
        task.cancel()  # it does not let go of its lease: it was killed
    heir = Jobs(store, clock, [Job("expiry", timedelta(seconds=0.02), count)])
    heir.start()
    await asyncio.sleep(0.2)
    assert not count.ran
    clock.instant += LEASE
    await until(lambda: count.ran)
    await heir.close()


async def test_who_closes_lets_go_at_once(store: Store, clock: FixedClock) -> None:
    stuck, count = Counted(seconds=60), Counted()
    first = Jobs(store, clock, [Job("expiry", timedelta(seconds=0.02), stuck)])
    first.start()
    await until(lambda: stuck.at_once)
    await first.close()
    second = Jobs(store, clock, [Job("expiry", timedelta(seconds=0.02), count)])
    second.start()
    await until(lambda: count.ran)
    await second.close()


async def failed(store: Store, times: int) -> None:
    """A failure is written down a moment after it happened."""
    async with asyncio.timeout(10):
        while await store.read(failing) != {"expiry": times}:  # noqa: ASYNC110 -- the jobs know nothing of the test
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("error", [Refused("no_stock", "it is gone"), ValueError("a mistake of ours")])
async def test_a_job_that_fails_waits_longer_and_is_counted(store: Store, clock: FixedClock, error: Exception) -> None:
    tries: list[datetime] = []

    async def fails(now: datetime) -> str:
        tries.append(now)
        raise error

    jobs = Jobs(store, clock, [Job("expiry", MINUTE / 3000, fails)])
    jobs.start()
    await until(lambda: len(tries) == 1)
    await failed(store, 1)
    clock.instant += MINUTE / 3000
    await asyncio.sleep(0.1)
    assert len(tries) == 1
    clock.instant += MINUTE
    await until(lambda: len(tries) == 2)
    await failed(store, 2)
    await jobs.close()


async def test_lateness_is_known(store: Store, clock: FixedClock) -> None:
    count = Counted()
    jobs = Jobs(store, clock, [Job("expiry", MINUTE / 3000, count)])
    jobs.start()
    await until(lambda: count.ran)
    await asyncio.sleep(0.1)
    await jobs.close()
    now = clock.now() + timedelta(hours=1)
    late = await store.read(lambda session: lateness(session, now))
    assert 3590 < late["expiry"] <= 3600


async def test_a_queue_runs_everywhere_and_is_woken(store: Store, clock: FixedClock) -> None:
    count = Counted()
    processes = [Jobs(store, clock, [Job("deliveries", timedelta(hours=1), count, alone=False)]) for _ in range(2)]
    for one in processes:
        one.start()
    await until(lambda: len(count.ran) == 2)
    processes[0].wake("deliveries")
    processes[0].wake("unknown")
    await until(lambda: len(count.ran) == 3)
    for one in processes:
        await one.close()


async def test_a_tick_runs_everything_as_of_its_moment(store: Store, clock: FixedClock) -> None:
    one, other = Counted(), Counted()
    now = clock.now() + timedelta(days=30)
    ran = await Jobs(store, clock, [Job("one", MINUTE, one), Job("other", MINUTE, other, alone=False)]).run_all(now)
    assert [(job.name, job.report, job.failed) for job in ran] == [
        ("one", "counted", False),
        ("other", "counted", False),
    ]
    assert one.ran == other.ran == [now]
