"""How long a member's questions take in small and large stores, and what an audit takes. `python -m … URL` audits."""

import asyncio
import json
import random
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from sqlalchemy.orm import Session

from benchmarks.figures import Sample
from benchmarks.ledger_stores import NOW, cafe, member_id
from benchmarks.load import WrongAnswer
from benchmarks.programs import ROOT, NotReady
from loyalty.books.audit import audit
from loyalty.books.overview import points_of
from loyalty.ids import MemberId
from loyalty.rewards.catalogue import what_can_i_get
from loyalty.store import Store, open_store

Ask = Callable[[Session, MemberId], object]


def balance(session: Session, member: MemberId) -> object:
    """How many points she has."""
    return points_of(session, member)


def offers() -> Ask:
    """What she can get for them."""
    programme = cafe()
    return lambda session, member: what_can_i_get(session, programme, member, NOW)


@dataclass(frozen=True, slots=True)
class Group:
    """Members of one store who are asked for in turn."""

    store: Store
    members: Sequence[int]


async def latencies(groups: tuple[Group, ...], ask: Ask, times: int) -> list[Sample]:
    """The latencies of each group; they are asked in turn, so that what disturbs the machine disturbs all."""
    found: list[list[float]] = [[] for _ in groups]
    chance = random.Random(2)
    for number in range(times + times // 10):
        for group, seconds in zip(groups, found, strict=True):
            member = member_id(chance.choice(group.members))
            began = perf_counter()
            await group.store.look(lambda session, member=member: ask(session, member))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            if number >= times // 10:  # the first tenth is for warming up
                seconds.append(perf_counter() - began)
    return [Sample(tuple(seconds), sum(seconds)) for seconds in found]


@dataclass(frozen=True, slots=True)
class Proof:
    """What an audit went through, how long it took, and the most memory its process had, in MB."""

    transactions: int
    entries: int
    seconds: float
    peak: float
    """What only this process has: without the pages of the database file, which the kernel keeps."""
    growth: float
    """By how much it grew meanwhile."""


async def audited(url: str) -> Proof:
    """Audit a store in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.ledger_reads", url, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise NotReady(f"the audit of {url} ended with {process.returncode}")
    told = json.loads(said)
    if told.pop("findings"):
        raise WrongAnswer(f"the audit found something wrong in {url}")
    return Proof(**told)


async def _audit(url: str) -> dict[str, object]:
    store = open_store(url)
    await store.read(lambda session: points_of(session, member_id(0)))  # everything is loaded
    with _watched() as highest:
        before, began = _private_memory(), perf_counter()
        result = await store.read(audit)
        seconds = perf_counter() - began
    await store.close()
    peak = max(highest, default=before)
    return {
        **asdict(Proof(result.transactions, result.entries, seconds, peak, peak - before)),
        "findings": result.findings,
    }


@contextmanager
def _watched() -> Iterator[list[float]]:
    """The private memory of this process every tenth of a second."""
    seen: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            seen.append(_private_memory())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _private_memory() -> float:
    """MB that only this process has: without the pages of the database file, which SQLite maps and the kernel keeps."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


if __name__ == "__main__":
    json.dump(asyncio.run(_audit(sys.argv[1])), sys.stdout)
