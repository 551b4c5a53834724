"""Random walks through every flow: `python -m benchmarks.flow_walks --walks 10000 [--first N] [--seed S]`.

A customer with two phones and a friend tap, type, send pictures, wait for weeks, change language; processes die,
programmes are edited. After each message and at the end it is proved that nothing broke (`tests/walks/proofs.py`).
"""

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import structlog

from loyalty.store.schema import upgrade
from tests.walks.proofs import Broken
from tests.walks.run import Walked, walk

_MEMORY = next((folder for folder in ("/dev/shm",) if Path(folder).is_dir()), None)
"""A folder that lives in memory, where the machine has one."""


def show(done: Walked) -> None:
    """A line of progress."""
    print(f"\r{done.walks} walks, {done.turns} messages", end="", file=sys.stderr, flush=True)


async def run(options: argparse.Namespace) -> Walked:
    """All walks that were asked for, on stores in memory if the machine has a place for that."""
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        template = Path(folder) / "template.db"
        await asyncio.to_thread(upgrade, f"sqlite:///{template}")
        return await walk(
            template, Path(folder), walks=options.walks, first=options.first, seed=options.seed, said=show
        )  # fmt: skip


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--walks", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first walk")
    parser.add_argument("--seed", default="s")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    begin = perf_counter()
    try:
        done = asyncio.run(run(options))
    except Broken as broken:
        sys.exit(f"\n{broken}")
    print(f"\n{done.walks} walks, {done.turns} messages, {perf_counter() - begin:.0f} s: nothing broke.")
    print(f"{done.longer} answers took more than one message.\n")
    print("| flow and state | messages that ended there |\n|---|--:|")
    for place, count in sorted(done.stayed.items()):
        print(f"| {place} | {count} |")


if __name__ == "__main__":
    main()
