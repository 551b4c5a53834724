"""How many deliveries of a shop are accepted, and worked off: `python -m benchmarks.shops [--quick] [--postgres URL]`.

1. As many as go in over HTTP, each checked by its signature and stored durably before it is acknowledged, into the
   whole service with its jobs; beside a bare aiohttp handler that reads the body, in turns, with the same client and
   the same requests. A transaction of bare sqlite3 with one insert says what the disk does.
2. The same with the jobs at work, as it is in earnest, and how long it takes until all of them are worked off.
3. 100 deliveries a second, steadily: how long an acknowledgement takes, and how far the work is behind in the end.

Needs no training; prints Markdown.
"""

import argparse
import asyncio
import contextlib
import os
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from statistics import median
from time import perf_counter

from aiohttp import web
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from benchmarks.figures import Sample, cpu_seconds, pooled
from benchmarks.load import WrongAnswer
from benchmarks.programs import HOST, WORK, alone, free_port
from jobs.runner import Job, Jobs
from loyalty.clock import SystemClock
from loyalty.store import Store, open_store
from loyalty.store.schema import upgrade
from passaparola import logs
from passaparola.compose import SWITCH, keep_loaded
from service.app import build_app
from service.shops import worker
from service.shops.tables import ShopDelivery
from tests.forked import forked
from tests.shop_fixtures import SHOPIFY_SECRET, order, shopify
from tests.store.helpers import set_up_member
from tests.store.shop_worker import context_of, plain_programme

LINES = 32
PEOPLE = 500
STEADY = 100.0
HTTP_PATH = "/webhooks/shopify"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    deliveries: int
    seconds: float


QUICK, FULL = Effort(2, 1000, 4), Effort(4, 3000, 10)


class Deliveries:
    """Signed requests, each of an order nobody had before."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._now = SystemClock().now()

    def take(self, how_many: int) -> list[bytes]:
        """So many."""
        return [self._one(next(self._numbers)) for _ in range(how_many)]

    def _one(self, number: int) -> bytes:
        at = (self._now - timedelta(minutes=5)).isoformat()
        buyer = {"id": number % PEOPLE + 1, "phone": phone(number % PEOPLE)}
        posted = shopify("orders/paid", order(number, created_at=at, updated_at=at, customer=buyer))
        head = "".join(f"{name}: {value}\r\n" for name, value in posted.headers.items())
        start = f"POST {HTTP_PATH} HTTP/1.1\r\nHost: {HOST}\r\n{head}Content-Length: {len(posted.body)}\r\n\r\n"
        return start.encode() + posted.body


async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, told: bytes) -> float:
    """The seconds until a delivery is acknowledged."""
    began = perf_counter()
    writer.write(told)
    head = await reader.readuntil(b"\r\n\r\n")
    seconds = perf_counter() - began
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))
    if not head.startswith(b"HTTP/1.1 200"):
        raise WrongAnswer(f"the webhook answered {head[9:12].decode()}")
    return seconds


async def as_fast_as_possible(port: int, requests: list[bytes]) -> Sample:
    """All of them, over `LINES` connections, each waiting for its answer before it posts again."""
    left = iter(requests)

    async def talk() -> list[float]:
        reader, writer = await asyncio.open_connection(HOST, port)
        found = [await post(reader, writer, told) for told in left]
        writer.close()
        return found

    began = perf_counter()
    found = await asyncio.gather(*(talk() for _ in range(LINES)))
    return Sample(tuple(latency for latencies in found for latency in latencies), perf_counter() - began)


async def at_a_rate(port: int, requests: list[bytes], per_second: float) -> Sample:
    """Each at its moment, over `LINES` connections in turns; a connection that is busy makes the next one late."""
    began, latencies = perf_counter(), list[float]()

    async def talk(first: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        for number in range(first, len(requests), LINES):
            due = began + number / per_second
            await asyncio.sleep(max(due - perf_counter(), 0))
            await post(reader, writer, requests[number])
            latencies.append(perf_counter() - due)
        writer.close()

    await asyncio.gather(*(talk(first) for first in range(LINES)))
    return Sample(tuple(latencies), perf_counter() - began)


def phone(number: int) -> str:
    """A member's."""
    return f"+39333{number:07}"


def service_process(database: str, port: int, *, works: bool) -> ForkServerProcess:
    """The service, with the queue of shops at work or not; not started yet."""
    return forked(_serve, database, port, works)


def bare_process(port: int) -> ForkServerProcess:
    """An aiohttp server that reads the body and answers 200; not started yet."""
    return forked(_serve_bare, port)


def _serve(database: str, port: int, works: bool) -> None:
    sys.setswitchinterval(SWITCH)
    logs.configure()
    context = replace(context_of(open_store(database)), shopify_secret=SecretStr(SHOPIFY_SECRET))
    queue = Job(worker.JOB, timedelta(seconds=2), lambda now: worker.work_off(context, now), alone=False)
    jobs = Jobs(context.store, context.clock, [queue] if works else [])
    app = build_app(replace(context, wake=jobs.wake), version="benchmark")

    async def at_work(_app: web.Application) -> AsyncIterator[None]:
        jobs.start()
        keep_loaded()
        yield
        await jobs.close()

    app.cleanup_ctx.append(at_work)
    web.run_app(app, host=HOST, port=port, print=None, access_log=None)


def _serve_bare(port: int) -> None:
    async def take(request: web.Request) -> web.Response:
        assert await request.read()
        return web.json_response({"status": "stored"})

    app = web.Application()
    app.add_routes([web.post(HTTP_PATH, take)])
    web.run_app(app, host=HOST, port=port, print=None, access_log=None)


@asynccontextmanager
async def running(process: ForkServerProcess, port: int) -> AsyncIterator[int]:
    """A server on its port, by its process id; killed afterwards."""
    await asyncio.to_thread(process.start)
    try:
        async with asyncio.timeout(120):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(HOST, port)
                    writer.close()
                    break
                await asyncio.sleep(0.05)
        assert process.pid is not None
        yield process.pid
    finally:
        process.kill()
        await asyncio.to_thread(process.join)


def enrol(session: Session) -> None:
    """Everybody who buys."""
    programme, now = plain_programme(), SystemClock().now()
    for number in range(PEOPLE):
        set_up_member(session, programme, now, phone=phone(number))


def bare_transactions(folder: Path, how_many: int) -> float:
    """Transactions a second of bare sqlite3: one insert of a delivery each, durable."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE d (id INTEGER PRIMARY KEY, b)")
    began = perf_counter()
    for number in range(how_many):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO d (b) VALUES (?)", (f"{number}".encode() * 500,))
        connection.execute("COMMIT")
    seconds = perf_counter() - began
    connection.close()
    return how_many / seconds


async def waiting(store: Store) -> int:
    """How many deliveries are not worked off yet."""
    query = select(func.count()).select_from(ShopDelivery).where(ShopDelivery.state == "waiting")
    return await store.read(lambda session: session.scalar(query) or 0)


async def worked_off(store: Store) -> float:
    """The seconds until nothing waits."""
    began = perf_counter()
    while await waiting(store):  # noqa: ASYNC110 -- another process does it
        await asyncio.sleep(0.05)
    return perf_counter() - began


def shown(sample: Sample) -> str:
    """Percentiles in milliseconds."""
    found = [f"{sample.percentile(which) * 1e3:.1f}" for which in (50, 95, 99)]
    return f"{' | '.join(found)} | {max(sample.latencies) * 1e3:.1f}"


async def beside_bare(database: str, deliveries: Deliveries, effort: Effort, folder: Path) -> None:
    """Accepted a second, beside a bare handler in turns; then what bare sqlite3 does."""
    ours, bare, pairs, samples, each = free_port(), free_port(), [], [], list[float]()
    service, beside = service_process(database, ours, works=False), bare_process(bare)
    async with running(service, ours) as pid, running(beside, bare):
        for number in range(effort.rounds + 1):
            requests = deliveries.take(effort.deliveries)
            used = cpu_seconds(pid)
            mine = await as_fast_as_possible(ours, requests)
            used = cpu_seconds(pid) - used
            theirs = await as_fast_as_possible(bare, requests)
            if number:  # the first round is for warming up
                pairs.append((mine.rate, theirs.rate))
                samples.append(mine)
                each.append(used / effort.deliveries * 1e3)
    sqlite_rate = bare_transactions(folder, 2000)
    rate, of_bare = (median(rates) for rates in zip(*pairs, strict=True))
    print(
        f"| {LINES} connections | a second | of aiohttp | of sqlite3 | p50 ms | p95 | p99 | max | processor ms each |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    ratios = f"{rate / of_bare:.2f} | {rate / sqlite_rate:.2f}"
    print(f"| accepted and stored | {rate:,.0f} | {ratios} | {shown(pooled(samples))} | {median(each):.2f} |")
    print(f"| bare aiohttp | {of_bare:,.0f} | | | | | | | |")
    print(f"| bare sqlite3, a transaction each | {sqlite_rate:,.0f} | | | | | | | |\n", flush=True)


async def in_earnest(database: str, deliveries: Deliveries, effort: Effort) -> None:
    """Accepted and worked off by one process, all at once and then steadily."""
    port, store = free_port(), open_store(database)
    await store.write(enrol)
    print("| one process, accepting and working off | a second | p50 ms | p95 | p99 | max | worked off |")
    print("|---|--:|--:|--:|--:|--:|---|")
    async with running(service_process(database, port, works=True), port) as pid:
        await as_fast_as_possible(port, deliveries.take(200))
        await worked_off(store)
        used = cpu_seconds(pid)
        sample = await as_fast_as_possible(port, deliveries.take(effort.deliveries))
        took = sample.seconds + await worked_off(store)
        used = (cpu_seconds(pid) - used) / effort.deliveries * 1e3
        told = f"all after {took:.1f} s: {effort.deliveries / took:,.0f} a second, {used:.2f} ms of a processor each"
        print(f"| as many as go in | {sample.rate:,.0f} | {shown(sample)} | {told} |", flush=True)
        steady = await at_a_rate(port, deliveries.take(int(STEADY * effort.seconds)), STEADY)
        left = await waiting(store)
        told = f"{left} left at the end, gone after {await worked_off(store):.2f} s"
        print(f"| {STEADY:.0f} a second for {effort.seconds:.0f} s | {STEADY:.0f} | {shown(steady)} | {told} |")
    await store.close()


async def measure(databases: list[str], effort: Effort, folder: Path) -> None:
    """Everything, printed as it is found."""
    deliveries = Deliveries()
    print(f"load average at the beginning {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors\n")
    await beside_bare(databases[0], deliveries, effort, folder)
    await in_earnest(databases[1], deliveries, effort)
    print(f"\nload average at the end {os.getloadavg()[0]:.1f}")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of each")
    parser.add_argument("--postgres", help="the URL of an empty database, instead of SQLite")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    with alone(), tempfile.TemporaryDirectory(dir=WORK, prefix="shops-") as folder:
        databases = [options.postgres or f"sqlite:///{folder}/{number}.db" for number in range(2)]
        for database in dict.fromkeys(databases):
            upgrade(database)
        asyncio.run(measure(databases, QUICK if options.quick else FULL, Path(folder)))


if __name__ == "__main__":
    main()
