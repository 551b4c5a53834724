"""kill -9 again and again while messages go out, and what became of every one of them.

`python -m benchmarks.sender --kills 200` does it so often; `test_outbox_killed` a few times.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from conversation.leaving import outbox
from conversation.leaving.outbox import UNSURE_AFTER
from conversation.register import ensure_conversation
from conversation.tables import Conversation, OutboxRow
from loyalty.clock import SystemClock
from loyalty.files.reading import read_programme
from loyalty.store import Store, open_store
from loyalty.tables import Member
from simulator import StandInGraph, serve
from tests.store.helpers import a_phone, set_up_member
from tests.store.postman import TOKEN, postman
from tests.store.sending import NUMBER, text

ROOT = Path(__file__).parents[2]
PEOPLE = 20
LOAD = 40
"""Messages that are put in before each kill."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found in the end, of so many messages."""

    messages: int
    kills: int
    unsure: int
    twice: int
    lost: int
    """Sent according to the outbox, but never at WhatsApp, or not there and not marked."""
    stuck: int
    disorder: int
    """People who got messages in another order than they were written."""


async def killed(database: str, kills: int, dice: random.Random) -> Outcome:
    """Kill a sender so often at random moments under load, then let one finish."""
    clock, store, graph = SystemClock(), open_store(database), StandInGraph(TOKEN)
    graph.delay = 0.003
    members = await store.write(_people)
    messages = 0
    async with serve(graph) as url:
        for _ in range(kills):
            await store.write(lambda session: _put(session, members, messages))  # noqa: B023 -- awaited at once
            messages += LOAD
            before = len(graph.messages)
            process = await _start(database, url)
            await graph.wait_for(before + 1, timeout=20)
            await asyncio.sleep(dice.uniform(0, 0.12))
            await _kill(process)
            later = clock.now() + UNSURE_AFTER + timedelta(seconds=1)
            await store.write(lambda session: outbox.recover(session, now=later))  # noqa: B023 -- as above
        process = await _start(database, url)
        for _ in range(600):
            if not await _waiting(store):
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        await _kill(process)
    found = await _judge(store, graph, messages, kills)
    await store.close()
    return found


async def _judge(store: Store, graph: StandInGraph, messages: int, kills: int) -> Outcome:
    rows = await store.read(lambda session: list(session.scalars(select(OutboxRow))))
    arrived = Counter(int(sent.body["biz_opaque_callback_data"]) for sent in graph.messages)
    lost = sum(row.state == "sent" and not arrived[row.id] for row in rows)
    order: dict[str, list[int]] = {}
    for sent in graph.messages:
        order.setdefault(sent.to, []).append(int(sent.body["biz_opaque_callback_data"]))
    return Outcome(
        messages, kills, sum(row.state == "unsure" for row in rows), sum(count > 1 for count in arrived.values()), lost,
        sum(row.state in {"waiting", "sending"} for row in rows) + messages - len(rows),
        sum(numbers != sorted(numbers) for numbers in order.values()),
    )  # fmt: skip


def _people(session: Session) -> list[str]:
    programme, now = read_programme(ROOT / "programmes" / "cafe.yml"), SystemClock().now()
    members = []
    for _ in range(PEOPLE):
        phone = a_phone()
        member = set_up_member(session, programme, now, phone=phone)
        row = session.get_one(Member, member)
        ensure_conversation(session, row, number_id=NUMBER, phone=phone, user_id=None).last_heard_at = now
        members.append(str(member))
    return members


def _put(session: Session, members: list[str], begun: int) -> None:
    now = SystemClock().now()
    for number in range(begun, begun + LOAD):
        conversation = session.get_one(Conversation, members[number % PEOPLE])
        outbox.enqueue(session, conversation, [text(f"message {number}")], key=f"test:{number}", now=now)


async def _waiting(store: Store) -> bool:
    query = select(OutboxRow.id).where(OutboxRow.state.in_(["waiting", "sending"])).limit(1)
    return await store.read(lambda session: session.scalar(query)) is not None


async def _start(database: str, url: str) -> ForkServerProcess:
    process = postman(database, url)
    await asyncio.to_thread(process.start)
    return process


async def _kill(process: ForkServerProcess) -> None:
    process.kill()
    await asyncio.to_thread(process.join)
    process.close()
