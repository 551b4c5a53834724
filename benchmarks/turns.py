"""Our bot beside a stock Rasa bot: `python -m benchmarks.turns [--quick] [--only a,b,c] [--train]`.

Prints Markdown tables and writes `results/turns-….json`. The first run creates and trains the stock bot.
"""

import argparse
import asyncio
import os
import signal
import sys
import warnings
from contextlib import AsyncExitStack
from typing import Any

from benchmarks import contenders, measure, our_bot, report, stock_bot
from benchmarks.contenders import Contender
from benchmarks.load import WrongAnswer
from benchmarks.measure import FULL, QUICK, Growth, Speed
from benchmarks.programs import NotReady, alone

BASELINE = "stock, in memory"


def say(line: str) -> None:
    """A line of progress."""
    print(line, file=sys.stderr, flush=True)


def cost_rows(ours: Contender, stock: Contender, ours_train: float | None, stock_train: float) -> report.Rows:
    """Measurement C. Both have just answered their first 200 turns."""
    assert stock.actions is not None
    mine, theirs, actions = ours.server.memory, stock.server.memory, stock.actions.memory
    rows: list[tuple[str, float | None, float]] = [
        ("training, s", ours_train, stock_train),
        ("from start to ready, s", ours.server.ready_after, stock.server.ready_after),
        ("memory after 200 turns (VmRSS), MB", mine["VmRSS"], theirs["VmRSS"]),
        ("its highest (VmHWM), MB", mine["VmHWM"], theirs["VmHWM"]),
        ("memory with the action server, MB", mine["VmRSS"], theirs["VmRSS"] + actions["VmRSS"]),
    ]
    return [
        {"": name, "ours": "–" if one is None else one, "stock": other, "ours / stock": one / other if one else "–"}
        for name, one, other in rows
    ]


async def run(options: argparse.Namespace) -> None:
    """Everything that was asked for."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    effort = QUICK if options.quick else FULL
    stock_train = await asyncio.to_thread(stock_bot.prepare, retrain=options.train)
    model = await asyncio.to_thread(our_bot.current_model)
    train = options.train or ("c" in options.only and not options.quick)
    ours_train = await asyncio.to_thread(our_bot.train, our_bot.TIMED) if train else None
    results: dict[str, Any] = {"machine": report.machine(), "effort": "quick" if options.quick else "full"}
    speeds: dict[str, Speed] = {}
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(contenders.ours(model, effort.people))
        stock = await stack.enter_async_context(contenders.stock(BASELINE))
        everybody = [*ours, stock]
        for contender in (ours[0], stock):
            await measure.warm_up(contender, effort)
        if "c" in options.only:
            results["cost"] = cost_rows(ours[0], stock, ours_train, stock_train)
            print("\n### C. What a process costs\n\n" + report.table(results["cost"]), flush=True)
        if "a" in options.only:
            if not options.quick:
                for more in (
                    contenders.stock("stock, SQLite", "sqlite"),
                    contenders.stock("stock, as it is in our environment", repaired=False),
                ):
                    everybody.append(await stack.enter_async_context(more))
                    await measure.warm_up(everybody[-1], effort)
            speeds = await measure.speed(everybody, effort)
            results["speed"] = report.speed_rows(speeds, BASELINE)
            print("\n### A. Speed\n\n" + report.table(results["speed"]), flush=True)
        if "b" in options.only:
            grown: dict[str, Growth] = {}
            for contender, middles in ((ours[0], effort.ours_until), (stock, effort.stock_until)):
                grown[contender.name] = await measure.growth(contender, middles)
            results["growth"] = report.growth_rows(grown)
            print("\n### B. Growth of one conversation\n\n" + report.table(results["growth"]), flush=True)
    results["load at the end"] = os.getloadavg()
    print(f"\nload average {results['machine']['load'][0]:.1f} before, {results['load at the end'][0]:.1f} after")
    print(f"written to {report.save(results, speeds)}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, short conversations, no training")
    parser.add_argument("--only", default="a,b,c", help="which measurements: a (speed), b (growth), c (cost)")
    parser.add_argument("--train", action="store_true", help="train both bots anew and time it")
    options = parser.parse_args()
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    warnings.simplefilter("ignore")
    try:
        with alone():
            asyncio.run(run(options))
    except (WrongAnswer, NotReady) as error:
        say(f"benchmarks: {error}")
        sys.exit(1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("stopped")
        sys.exit(130)


if __name__ == "__main__":
    main()
