"""How fast updates are acknowledged, and how many: `python -m benchmarks.incoming [--quick] [--postgres URL]`.

1. 200 updates a second, while the Graph API takes 30 s to answer and a turn takes 10 s: how long an acknowledgement
   takes. The bare handler of 2. at the same rate says how much of that is the machine.
2. As many as go in, each stored durably before it is acknowledged, beside a bare Sanic handler that only reads the
   body, in turns: the same server, the same client, the same requests.

The chat process has a parrot in place of the model. Needs no training; prints Markdown.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from multiprocessing.context import ForkServerProcess
from statistics import median

import aiohttp

from benchmarks.bare import bare_process
from benchmarks.figures import Sample
from benchmarks.poster import as_fast_as_possible, at_a_rate, request
from benchmarks.programs import WORK, alone, free_port
from loyalty.store.schema import upgrade
from simulator import Business, Customer, StandInGraph, WebhookBuilder, encode, serve
from tests.crash.chat_process import HOST, NUMBER_ID, PATH, TOKEN, chat_process

RATE = 200.0
LINES = 32
GRAPH_TAKES, TURN_TAKES = 30.0, 10.0
PEOPLE = 2000


@dataclass(frozen=True, slots=True)
class Effort:
    """How long it is measured."""

    seconds: float
    rounds: int
    updates: int


QUICK, FULL = Effort(5, 2, 2000), Effort(60, 5, 10_000)


class Updates:
    """Signed requests, each of a message nobody had before, from people who take turns."""

    def __init__(self) -> None:
        self._build = WebhookBuilder(Business("Caffè Aurora", "+390612345678", NUMBER_ID))
        self._people = [Customer("Somebody", f"+39333{number:07}") for number in range(PEOPLE)]
        self._numbers = count()

    def take(self, how_many: int) -> list[bytes]:
        """So many."""
        return [request(self._one(next(self._numbers))) for _ in range(how_many)]

    def _one(self, number: int) -> bytes:
        return encode(self._build.text(self._people[number % PEOPLE], f"message {number}").body)


@asynccontextmanager
async def running(process: ForkServerProcess, port: int) -> AsyncIterator[int]:
    """A server on its port; killed afterwards."""
    await asyncio.to_thread(process.start)
    try:
        async with asyncio.timeout(120), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"http://{HOST}:{port}{PATH}"):
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        yield port
    finally:
        process.kill()
        await asyncio.to_thread(process.join)


async def acknowledged(database: str, updates: Updates, effort: Effort) -> dict[str, Sample]:
    """How long acknowledgements take while everything behind them is slow, and a bare handler's."""
    graph, ours, bare = StandInGraph(TOKEN), free_port(), free_port()
    graph.delay = GRAPH_TAKES
    found = {}
    async with (
        serve(graph) as api,
        running(chat_process(database, api, ours, TURN_TAKES), ours),
        running(bare_process(bare), bare),
    ):
        for name, port in {"a bare handler, ms": bare, "acknowledged after, ms": ours}.items():
            await at_a_rate(port, updates.take(int(RATE)), RATE, LINES)  # the first second is for warming up
            found[name] = await at_a_rate(port, updates.take(int(effort.seconds * RATE)), RATE, LINES)
    return found


async def beside_bare(database: str, updates: Updates, effort: Effort, thinks: float) -> list[tuple[float, float]]:
    """Updates a second of the chat process and of the bare handler, a pair for each round."""
    graph, ours, bare = StandInGraph(TOKEN), free_port(), free_port()
    pairs = []
    async with (
        serve(graph) as api,
        running(chat_process(database, api, ours, thinks), ours),
        running(bare_process(bare), bare),
    ):
        for number in range(effort.rounds + 1):
            rates = []
            for port in (ours, bare):
                sample = await as_fast_as_possible(port, updates.take(effort.updates), LINES)
                rates.append(sample.rate)
            if number:  # the first round is for warming up
                pairs.append((rates[0], rates[1]))
    return pairs


async def measure(databases: list[str], effort: Effort) -> None:
    """Everything, printed as it is found."""
    updates = Updates()
    print(
        f"| {RATE:.0f} updates a second, Graph {GRAPH_TAKES:.0f} s, turns {TURN_TAKES:.0f} s | p50 | p95 | p99 | max |"
    )
    print("|---|--:|--:|--:|--:|")
    for name, sample in (await acknowledged(databases[0], updates, effort)).items():
        found = [f"{sample.percentile(which) * 1e3:.1f}" for which in (50, 95, 99)]
        print(f"| {name} | {' | '.join(found)} | {max(sample.latencies) * 1e3:.1f} |", flush=True)
    print()
    print(f"| {LINES} connections | updates a second | of a bare handler | rounds | bare |")
    print("|---|--:|--:|--:|--:|")
    for name, database, thinks in (
        ("stored, turns wait", databases[1], TURN_TAKES),
        ("stored, and answered meanwhile", databases[2], 0.0),
    ):
        pairs = await beside_bare(database, updates, effort, thinks)
        ratios = [mine / bare for mine, bare in pairs]
        ours, bare = (median(each) for each in zip(*pairs, strict=True))
        spread = f"{min(ratios):.2f}–{max(ratios):.2f}"
        print(f"| {name} | {ours:,.0f} | {median(ratios):.2f} | {spread} | {bare:,.0f} |", flush=True)
    print(f"\nload average at the end {os.getloadavg()[0]:.1f}")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of each")
    parser.add_argument("--postgres", help="the URL of an empty database, instead of SQLite")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    with alone(), tempfile.TemporaryDirectory(dir=WORK, prefix="incoming-") as folder:
        databases = [options.postgres or f"sqlite:///{folder}/{number}.db" for number in range(3)]
        for database in dict.fromkeys(databases):
            upgrade(database)
        asyncio.run(measure(databases, QUICK if options.quick else FULL))


if __name__ == "__main__":
    main()
