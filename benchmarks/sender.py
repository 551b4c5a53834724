"""The sender beside a bare HTTP client: `python -m benchmarks.sender [--quick] [--postgres URL]`.

Both post the same bodies to the stand-in Graph API, which runs in a process of its own and notes when each arrived.
The sender is measured at its limit (1,000 a second) and without one. Prints a Markdown table; needs no model.
`--kills 200` is another question: what becomes of messages whose sender is killed so often.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import tempfile
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter

import aiohttp
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from benchmarks import figures
from connectors.sending.pacing import Pace
from connectors.sending.sender import Sender
from connectors.whatsapp.graph import Graph, GraphConfig
from connectors.whatsapp.render import render
from conversation.leaving import outbox
from conversation.leaving.outbox import Due
from conversation.register import ensure_conversation
from conversation.tables import Conversation, OutboxRow
from loyalty.clock import SystemClock
from loyalty.files.reading import read_programme
from loyalty.people.members import Person, Ref, meet
from loyalty.revisions import ensure_programme
from loyalty.store import Store, open_store
from loyalty.store.schema import upgrade
from simulator import StandInGraph, serve
from tests.store.kills import killed

TOKEN, NUMBER = "token", "100000000000001"
FLYING = 64
LIMIT = 1000
CAFE = Path("programmes/cafe.yml")
TEXT = {"style": "text", "text": "You earned 5 points. You have 105."}


@dataclass(frozen=True, slots=True)
class Seen:
    """What the stand-in saw since it was last asked."""

    messages: int
    twice: int
    seconds: float
    busiest: int
    """The most that arrived within any second."""

    @property
    def rate(self) -> float:
        """Messages a second, from the first to the last."""
        return (self.messages - 1) / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is sent."""

    people: int
    messages: int


QUICK, FULL = Effort(1000, 4000), Effort(5000, 40_000)


def _stand_in(pipe: Connection) -> None:
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    graph = StandInGraph(TOKEN)
    async with serve(graph) as url:
        pipe.send(url)
        while await asyncio.to_thread(pipe.recv) == "tell":
            times = [sent.at for sent in graph.messages]
            ids = Counter(sent.body.get("biz_opaque_callback_data") for sent in graph.messages)
            graph.clear()
            twice = sum(count - 1 for count in ids.values())
            pipe.send(Seen(len(times), twice, times[-1] - times[0] if times else 0.0, _busiest(times)))


def _busiest(times: list[float]) -> int:
    second: deque[float] = deque()
    most = 0
    for at in times:
        second.append(at)
        while second[0] <= at - 1.0:
            second.popleft()
        most = max(most, len(second))
    return most


@contextmanager
def stand_in() -> Iterator[tuple[Connection, str]]:
    """The stand-in in a process of its own: ask it what it saw, and its address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_stand_in, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours, ours.recv()
    finally:
        ours.send("end")
        process.join(5)
        process.kill()


async def bare(url: str, messages: int) -> None:
    """A client that does nothing but post bodies and read the answers."""
    numbers = iter(range(messages))
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=FLYING)) as session:

        async def post() -> None:
            for number in numbers:
                due = Due(number, NUMBER, f"+39333{number:07}", None, TEXT, 1)
                body = json.dumps(render(due)).encode()
                async with session.post(f"{url}/{NUMBER}/messages", data=body) as response:
                    json.loads(await response.read())

        await asyncio.gather(*(post() for _ in range(FLYING)))


async def fill(store: Store, effort: Effort) -> None:
    """People who have just written, and answers for them."""
    now = SystemClock().now()
    programme = read_programme(CAFE)

    def people(session: Session) -> None:
        ensure_programme(session, programme, now=now)
        for number in range(effort.people):
            phone = f"+39333{number:07}"
            if session.scalar(select(Conversation.member_id).where(Conversation.phone == phone)):
                continue
            member = meet(session, programme, Person((Ref.phone(phone),)), now=now)
            ensure_conversation(session, member, number_id=NUMBER, phone=phone, user_id=None).last_heard_at = now

    await store.write(people)

    def answers(session: Session) -> None:
        begun = session.scalar(select(func.count()).select_from(OutboxRow)) or 0
        conversations = session.scalars(select(Conversation)).all()
        for number in range(effort.messages):
            conversation = conversations[number % len(conversations)]
            outbox.enqueue(session, conversation, [TEXT], key=f"answer:{begun + number}", now=now)

    await store.write(answers)


async def drain(store: Store, url: str, pace: Pace) -> list[float]:
    """Send all that waits. Returns this process's memory in MB, every half second."""
    memory: list[float] = []
    query = select(OutboxRow.id).where(OutboxRow.state.in_(["waiting", "sending"])).limit(1)
    async with Graph(GraphConfig(url, TOKEN)) as graph:
        sender = Sender(store, graph, SystemClock(), pace)
        sender.start()
        while await store.read(lambda session: session.scalar(query)) is not None:
            memory.append(figures.memory(os.getpid())["VmRSS"])
            await asyncio.sleep(0.5)
        await sender.close()
    return memory


def ask(pipe: Connection) -> Seen:
    """What the stand-in saw."""
    pipe.send("tell")
    seen: Seen = pipe.recv()
    return seen


async def measure(database: str, effort: Effort) -> None:
    """Everything, one after the other, against the same stand-in."""
    store = open_store(database)
    paces = {
        f"the sender, {LIMIT:,} a second set": Pace(LIMIT, pair_seconds=0, portfolio=None),
        "the sender with the pair limit looked at": Pace(LIMIT, portfolio=None),
        "the sender, no limit": Pace(1_000_000, pair_seconds=0, portfolio=None),
    }
    with stand_in() as (pipe, url):
        await bare(url, 500)
        ask(pipe)
        await bare(url, effort.messages)
        reference = ask(pipe)
        print("| | messages a second | of the bare client | most in any second | twice | memory, first and last, MB |")
        print("|---|--:|--:|--:|--:|--:|")
        print(f"| a bare client, {FLYING} at a time | {reference.rate:,.0f} | 1 | {reference.busiest:,} | | |")
        for name, pace in paces.items():
            await fill(store, effort)
            began = perf_counter()
            memory = await drain(store, url, pace)
            seen = ask(pipe)
            assert seen.messages >= effort.messages, f"{seen} after {perf_counter() - began:.1f} s"
            kept = memory[min(2, len(memory) - 1) :]
            print(
                f"| {name} | {seen.rate:,.0f} | {seen.rate / reference.rate:.2f} | {seen.busiest:,} | {seen.twice} "
                f"| {kept[0]:.0f}, {kept[-1]:.0f} |"
            )
    await store.close()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few thousand messages")
    parser.add_argument("--kills", type=int, help="kill -9 so often under load instead, and say what became of all")
    parser.add_argument("--postgres", help="the URL of an empty database, instead of SQLite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = options.postgres or f"sqlite:///{folder}/store.db"
        upgrade(database)
        if options.kills:
            print(asyncio.run(killed(database, options.kills, random.Random())))
            return
        asyncio.run(measure(database, QUICK if options.quick else FULL))


if __name__ == "__main__":
    main()
