"""Campaigns at size: `python -m benchmarks.campaigns [--people 100000] [--rate 50] [--kills 10] [--postgres URL]`.

Plans a campaign for so many members and prints how long that took and how much memory the process had meanwhile; with
`--rate` runs one for twenty seconds and compares the rate at the stand-in with the one that was set; with `--kills`
does so while whoever runs it is killed so often. Needs no model.
"""

import argparse
import asyncio
import os
import random
import tempfile
from time import perf_counter, process_time

from benchmarks import figures
from campaigns.planning import Planner
from conversation.leaving.costs import RateCard
from loyalty.clock import SystemClock
from loyalty.store import Store, open_store
from loyalty.store.schema import upgrade
from tests.store.campaign_process import cafe, design, killed, populate

SECONDS = 20
"""How long a campaign runs whose rate is measured."""


async def plan(database: str, people: int) -> None:
    """Plan for so many members, and look at the memory all along."""
    store = open_store(database)
    began = perf_counter()
    await populate(store, people)
    print(f"{people:,} members are there after {perf_counter() - began:.1f} s")
    for name, work in (("dry run", _dry_run), ("plan", _plan), ("plan again", _plan)):
        memory: list[float] = []
        looking = asyncio.create_task(_watch(memory))
        began, busy = perf_counter(), process_time()
        recipients = await work(store)
        seconds, busy = perf_counter() - began, process_time() - busy
        looking.cancel()
        quarter = memory[len(memory) // 4] if memory else 0
        print(
            f"{name}: {recipients:,} recipients in {seconds:.1f} s, of which {busy:.1f} s of processor; memory "
            f"{quarter:.0f} MB after a quarter, {max(memory, default=0):.0f} MB at most"
        )
    await store.close()


async def _watch(memory: list[float]) -> None:
    while True:
        memory.append(figures.memory(os.getpid())["VmRSS"])
        await asyncio.sleep(0.25)


async def _dry_run(store: Store) -> int:
    return (await _planner(store).dry_run()).recipients


async def _plan(store: Store) -> int:
    return (await _planner(store).plan()).tally.recipients


def _planner(store: Store) -> Planner:
    return Planner(store, cafe(), design(80), RateCard(), now=SystemClock().now())


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000, help="for how many members a campaign is planned")
    parser.add_argument("--rate", type=float, help="run one at this rate instead, and compare")
    parser.add_argument("--kills", type=int, default=0, help="with --rate: kill -9 so often meanwhile")
    parser.add_argument("--postgres", help="the URL of an empty database, instead of SQLite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = options.postgres or f"sqlite:///{folder}/store.db"
        upgrade(database)
        if options.rate is None:
            asyncio.run(plan(database, options.people))
            return
        people, dice = int(options.rate * SECONDS), random.Random()
        found = asyncio.run(killed(database, people=people, rate=options.rate, kills=options.kills, dice=dice))
        print(found)
        print(f"{found.rate / options.rate - 1:+.2%} of the rate that was set")


if __name__ == "__main__":
    main()
