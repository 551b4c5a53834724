"""The ledger beside the limit of the machine: `python -m benchmarks.ledger [--quick] [--only sqlite,speed]`.

Prints Markdown tables with ratios of this run and writes `results/ledger-….json`. Needs no model.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from statistics import median
from typing import Any

from benchmarks import ledger_load, ledger_raw, ledger_reads, report
from benchmarks.ledger_load import Post
from benchmarks.ledger_reads import Group
from benchmarks.ledger_stores import KINDS, Kind, cafe, fresh, plain, spread
from benchmarks.load import WrongAnswer
from benchmarks.programs import NotReady, alone
from loyalty.store import Store, open_store
from loyalty.store.postgres import CONNECTIONS

MEMBERS = 1000
FLYING = 64
"""Transactions on their way at a time, where each posts one purchase."""
FEW, EACH = 5, 50
"""Orders of the member with few of them, and of everybody who is ordinary."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    seconds: float
    """Of each contender in each round."""
    times: int
    """How often each question is asked in each round."""
    large: int
    """Members of the large store; the small one has a thousandth."""
    orders: int
    """In the large store, two entries each; a tenth of them are one member's."""


QUICK = Effort(1, 1.5, 500, 100_000, 20_000)
FULL = Effort(5, 2.5, 1000, 1_000_000, 500_000)


@dataclass(frozen=True, slots=True)
class Contender:
    """A way of posting purchases."""

    name: str
    post: Post
    batch: int = 1
    flying: int = FLYING
    apart: bool = False
    """In a store of its own: what it takes depends on what members have bought before."""


def contenders() -> list[Contender]:
    """What is measured against the raw rate."""
    when, others = ledger_load.moments(), ledger_load.moments()
    rows, order = ledger_load.the_rows(plain(), when), ledger_load.the_order(plain(), when)
    return [
        Contender("the same rows, one purchase a transaction", rows),
        Contender("the same rows, 50 a transaction", rows, 50, 4),
        Contender("the same rows, 1,000 a transaction", rows, 1000, 2),
        Contender("`record_purchase`, one a transaction", order),
        Contender("`record_purchase`, 50 a transaction", order, 50, 4),
        Contender("`record_purchase` with levels and goals", ledger_load.the_order(cafe(), others), apart=True),
    ]


async def speed(kind: Kind, effort: Effort) -> report.Rows:
    """Rounds in which the raw rate and every contender have their turn."""
    owners = spread(dict.fromkeys(range(MEMBERS), 1))
    whose = cycle(owners)
    rates: dict[str, list[float]] = {}
    raw: list[float] = []
    ways = contenders()
    async with (
        fresh(kind, MEMBERS) as bare,
        fresh(kind, MEMBERS) as ours,
        fresh(kind, MEMBERS) as apart,
        opened(ours) as store,
        opened(apart) as other,
    ):
        for number in range(effort.rounds):
            raw.append(await _raw(kind, bare, owners, effort.seconds))
            for one in ways:
                found = await ledger_load.rate(
                    other if one.apart else store, one.post, whose, effort.seconds, batch=one.batch, flying=one.flying
                )
                rates.setdefault(one.name, []).append(found)
            say(f"{kind}: round {number + 1} of {effort.rounds}")
        for url in (ours, apart):
            await ledger_reads.audited(url)
    rows: report.Rows = [{f"purchases, {kind}": "raw", "per second": median(raw), "× raw": 1.0, "rounds": "–"}]
    for name, each in rates.items():
        ratios = [one / limit for one, limit in zip(each, raw, strict=True)]
        rows.append({
            f"purchases, {kind}": name, "per second": median(each), "× raw": median(ratios),
            "rounds": f"{min(ratios):.2f}–{max(ratios):.2f}",
        })  # fmt: skip
    return rows


async def _raw(kind: Kind, url: str, owners: Sequence[int], seconds: float) -> float:
    if kind == "sqlite":
        return await asyncio.to_thread(ledger_raw.sqlite_rate, url, owners, seconds)
    return await ledger_raw.postgres_rate(url, MEMBERS, CONNECTIONS, seconds)


async def questions(kind: Kind, effort: Effort) -> tuple[report.Rows, report.Rows]:
    """What a member asks, in a long life and in a large store; and the audits of both stores."""
    rich, ordinary = effort.orders // 10, effort.orders * 9 // 10
    long_lives = {0: rich, 1: FEW, **dict.fromkeys(range(2, 2 + ordinary // EACH), EACH)}
    few, many = effort.large // 1000, effort.large
    async with (
        fresh(kind, many, spread(long_lives)) as large,
        fresh(kind, few, spread(dict.fromkeys(range(few), EACH))) as small,
    ):
        say(f"{kind}: {many:,} members, {effort.orders:,} orders are written")
        async with opened(large) as store, opened(small) as other:
            pairs = {
                f"{2 * FEW} entries / {2 * rich:,} entries": (Group(store, (1,)), Group(store, (0,))),
                f"{few:,} members / {many:,} members": (
                    Group(other, tuple(range(few))),
                    Group(store, tuple(range(many))),
                ),
            }
            asked = await _asked(kind, pairs, effort)
        proofs = [await ledger_reads.audited(url) for url in (small, large)]
    audits = [
        {
            f"audit, {kind}": f"{proof.entries:,} entries",
            "s": proof.seconds,
            "memory at most, MB": proof.peak,
            "grew by, MB": proof.growth,
        }
        for proof in proofs
    ]
    return asked, audits


async def _asked(kind: Kind, pairs: Mapping[str, tuple[Group, Group]], effort: Effort) -> report.Rows:
    rows: report.Rows = []
    for question, ask in (("balance", ledger_reads.balance), ("what can I get", ledger_reads.offers())):
        for name, groups in pairs.items():
            rounds = [await ledger_reads.latencies(groups, ask, effort.times) for _ in range(effort.rounds)]
            p95 = [[sample.percentile(95) * 1e6 for sample in samples] for samples in rounds]
            ratios = [large / small for small, large in p95]
            small, large = (median(values) for values in zip(*p95, strict=True))
            rows.append({
                f"question, {kind}": question, "asked for": name, "p95 µs": f"{small:.0f} / {large:.0f}",
                "ratio": median(ratios), "rounds": f"{min(ratios):.2f}–{max(ratios):.2f}",
            })  # fmt: skip
    return rows


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """A store, closed afterwards."""
    store = open_store(url)
    try:
        yield store
    finally:
        await store.close()


def say(line: str) -> None:
    """A line of progress."""
    print(line, file=sys.stderr, flush=True)


async def run(options: argparse.Namespace) -> None:
    """Everything that was asked for."""
    effort = QUICK if options.quick else FULL
    only = options.only.split(",")
    results: dict[str, Any] = {"machine": report.machine(), "effort": "quick" if options.quick else "full"}
    for kind in KINDS:
        if kind not in only:
            continue
        if "speed" in only:
            results[f"speed {kind}"] = rows = await speed(kind, effort)
            print("\n" + report.table(rows), flush=True)
        if "size" in only:
            for name, rows in zip(("questions", "audit"), await questions(kind, effort), strict=True):
                results[f"{name} {kind}"] = rows
                print("\n" + report.table(rows), flush=True)
    load = results["machine"]["load"][0]
    print(f"\nload average {load:.1f} before, {os.getloadavg()[0]:.1f} after (a quiet machine has nothing before)")
    print(f"written to {report.save_as('ledger', results)}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, smaller stores")
    parser.add_argument("--only", default="sqlite,postgres,speed,size", help="which databases; speed, size or both")
    try:
        with alone():
            asyncio.run(run(parser.parse_args()))
    except (WrongAnswer, NotReady) as error:
        say(f"benchmarks: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("stopped")
        sys.exit(130)


if __name__ == "__main__":
    main()
