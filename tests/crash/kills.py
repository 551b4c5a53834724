"""kill -9 again and again on a chat process under load, and what became of every message its customers wrote.

`python -m benchmarks.kills --times 200` does it so often; `test_chat_killed` a few times. The stand-in Graph API and
the customers live here: webhooks are tried again until they are taken, and statuses settle what nobody could know.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
from sqlalchemy import select
from sqlalchemy.orm import Session

from conversation.leaving import outbox
from conversation.leaving.outbox import UNSURE_AFTER
from conversation.tables import InboxRow, OutboxRow
from loyalty.clock import SystemClock
from loyalty.store import Store, open_store
from simulator import Customer, Customers, Habits, Patience, StandInGraph, serve
from tests.crash.chat_process import HOST, PATH, SECRET, TOKEN, chat_process

PEOPLE = 20
LOAD = 30
"""Messages that are written for each life of the process, all through it."""
LIVES = 0.7
"""How many seconds a process lives at most after it answers; where in its life it dies is by chance."""
ONE_TRY = aiohttp.ClientTimeout(total=2)
PATIENCE = Patience(first=0.05, factor=1.5, longest=0.3, give_up_after=600.0, answer_within=5.0)

Kill = Callable[[], Awaitable[None]]
Start = Callable[[str, str, int], Awaitable[Kill]]
"""Start a chat process on a database, a Graph API and a port; what it returns kills it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found in the end, of so many messages."""

    messages: int
    kills: int
    answered: int
    """Those whose answer arrived, once."""
    unsure: int
    """Those whose answer is marked: it was being sent when the process died, and did not arrive."""
    settled: int
    """Of the answered, those that were marked too, until their receipt came."""
    twice: int
    lost: int
    """Not taken in, not answered, or sent according to the outbox alone."""
    blamed: int
    """Set aside with an apology, since processes ended while they answered them."""
    stuck: int
    disorder: int
    """People who got answers in another order than they asked."""

    @property
    def sound(self) -> bool:
        """Whether all is as promised."""
        return not (self.twice or self.lost or self.blamed or self.stuck or self.disorder)


async def killed(
    database: str, port: int, kills: int, dice: random.Random, start: Start | None = None, lives: float = LIVES
) -> Outcome:
    """Kill a chat process so often at random moments under load, then let one finish."""
    start = start or start_parrot
    clock, store, graph = SystemClock(), open_store(database), StandInGraph(TOKEN)
    graph.delay = 0.02
    url = f"http://{HOST}:{port}{PATH}"
    people = [Customer(f"Somebody {number}", f"+39333{number:07}") for number in range(PEOPLE)]
    wrote: list[tuple[Customer, str]] = []
    marked: set[int] = set()
    posted: list[asyncio.Task[None]] = []
    load: asyncio.Queue[float] = asyncio.Queue()
    async with (
        serve(graph) as api,
        Customers(graph, url, SECRET, habits=Habits(("sent", "delivered")), patience=PATIENCE) as customers,
    ):

        async def write() -> None:
            while True:
                await asyncio.sleep(await load.get())
                customer = people[len(wrote) % PEOPLE]
                update = customers.build.text(customer, f"message {len(wrote)}")
                wrote.append((customer, update.wamid))
                posted.append(asyncio.create_task(customers.sends(customer, update)))
                load.task_done()

        writing = asyncio.create_task(write())
        for _ in range(kills):
            async with _living(start, database, api, port):
                await _answers(url)
                for _ in range(LOAD):
                    load.put_nowait(dice.expovariate(LOAD / lives))
                await asyncio.sleep(dice.uniform(0, lives))
            later = clock.now() + UNSURE_AFTER + timedelta(seconds=1)
            await store.write(lambda session: outbox.recover(session, now=later))  # noqa: B023 -- awaited at once
            marked |= set(await store.read(_unsure))
        async with _living(start, database, api, port):
            await load.join()
            writing.cancel()
            await asyncio.gather(*posted)
            for _ in range(1200):
                if not await store.read(_under_way):
                    break
                await asyncio.sleep(0.05)
            await customers.settled()
            await asyncio.sleep(0.3)
    found = await _judge(store, graph, wrote, kills, marked)
    await store.close()
    return found


@asynccontextmanager
async def _living(start: Start, database: str, api: str, port: int) -> AsyncIterator[None]:
    """A chat process that lives so long."""
    kill = await start(database, api, port)
    try:
        yield
    finally:
        await kill()


async def start_parrot(database: str, api: str, port: int) -> Kill:
    """A chat process without a model."""
    chat = chat_process(database, api, port)
    await asyncio.to_thread(chat.start)

    async def kill() -> None:
        chat.kill()
        await asyncio.to_thread(chat.join)
        chat.close()

    return kill


async def _answers(url: str, within: float = 60.0) -> None:
    """Wait until the process hears."""
    async with asyncio.timeout(within), aiohttp.ClientSession(timeout=ONE_TRY) as session:
        while True:
            try:
                async with session.get(url) as response:
                    if response.status < 500:
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.02)


def _unsure(session: Session) -> list[int]:
    return list(session.scalars(select(OutboxRow.id).where(OutboxRow.state == "unsure")))


def _under_way(session: Session) -> bool:
    waiting = select(InboxRow.id).where(InboxRow.state == "new")
    going_out = select(OutboxRow.id).where(OutboxRow.state.in_(["waiting", "sending"]))
    return session.scalars(waiting).first() is not None or session.scalars(going_out).first() is not None


async def _judge(
    store: Store, graph: StandInGraph, wrote: list[tuple[Customer, str]], kills: int, marked: set[int]
) -> Outcome:
    taken = {row.message_id: row for row in await store.read(lambda session: list(session.scalars(select(InboxRow))))}
    rows = await store.read(lambda session: list(session.scalars(select(OutboxRow).order_by(OutboxRow.id))))
    answers = {row.key.removeprefix("answer:").rpartition("/")[0]: row for row in rows}
    arrived = Counter(int(sent.body["biz_opaque_callback_data"]) for sent in graph.messages)
    place = {wamid: number for number, (_, wamid) in enumerate(wrote)}
    asked = {row.id: place[wamid] for wamid, row in answers.items() if wamid in place}
    order: dict[str, list[int]] = {}
    for sent in graph.messages:
        order.setdefault(sent.to, []).append(asked.get(int(sent.body["biz_opaque_callback_data"]), -1))
    once = [row for row in rows if arrived[row.id] == 1]
    lost = sum(
        wamid not in taken
        or (taken[wamid].state == "done" and wamid not in answers)
        or (wamid in answers and answers[wamid].state in {"sent", "delivered"} and not arrived[answers[wamid].id])
        for _, wamid in wrote
    )
    return Outcome(
        messages=len(wrote),
        kills=kills,
        answered=len(once),
        unsure=sum(row.state == "unsure" and not arrived[row.id] for row in rows),
        settled=sum(row.id in marked for row in once),
        twice=sum(count > 1 for count in arrived.values()) + len(rows) - len(asked),
        lost=lost + sum(row.state == "unsure" and arrived[row.id] > 0 for row in rows),
        blamed=sum(row.state == "failed" for row in taken.values()),
        stuck=sum(row.state == "new" for row in taken.values())
        + sum(row.state in {"waiting", "sending"} for row in rows),
        disorder=sum(numbers != sorted(numbers) for numbers in order.values()),
    )
