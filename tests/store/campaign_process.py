"""A process that runs campaigns and sends what they say, as an installation does; and what it did under kill -9.

`test_campaigns_killed` kills it a few times, `python -m benchmarks.campaigns --kills 10` as often as one likes.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from campaigns import desk
from campaigns.design import Design
from campaigns.feeding import Feeder
from campaigns.planning import Planner
from connectors.sending.pacing import Pace
from connectors.sending.sender import Sender
from connectors.whatsapp.graph import Graph, GraphConfig
from conversation.leaving.costs import RateCard
from conversation.leaving.outbox import UNSURE_AFTER, recover
from conversation.saying.sentences import Sentences
from conversation.tables import Conversation, OutboxRow, TemplateRow
from jobs.runner import Job, Jobs
from loyalty.clock import SystemClock
from loyalty.files.reading import read_programme
from loyalty.ids import new_id
from loyalty.programme import Programme
from loyalty.revisions import ensure_programme
from loyalty.store import Store, open_store
from loyalty.store.sql import table_of
from loyalty.tables import Balance, Member, Recipient
from simulator import StandInGraph, serve
from tests.forked import forked

ROOT = Path(__file__).parents[2]
NUMBER, TOKEN = "100000000000001", "token-1"
READY = 1.5
"""Seconds after which a process that was started has begun to look for campaigns."""
PACE = Pace(1000, pair_seconds=0, portfolio=None)
SENTENCES = Sentences.load(ROOT / "data" / "responses")
"""Loaded with this module, which the server of forked processes imports: a process that is killed is quickly back."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in the end."""

    people: int
    arrived: int
    twice: int
    lost: int
    """Those who neither got it, nor are marked as perhaps having got it, nor wait."""
    unsure: int
    planned_rate: float
    """Messages a second by the slots they were given."""
    rate: float
    """Messages a second at the stand-in, from the first to the last."""


def cafe() -> Programme:
    """The café, whose quiet hours are off: tests run at night."""
    programme = read_programme(ROOT / "programmes" / "cafe.yml")
    return programme.model_copy(update={"notices": programme.notices.model_copy(update={"quiet_hours": None})})


def design(rate: float) -> Design:
    """A campaign for everybody."""
    said = {"id": "winter", "programme": "cafe", "message": {"template": "we_miss_you"}, "rate_per_second": rate}
    return Design.model_validate(said)


async def populate(store: Store, people: int, *, size: int = 5000) -> None:
    """Members who want offers and wrote some days ago, quickly: past the register."""
    programme, now = cafe(), SystemClock().now()

    def begin(session: Session) -> None:
        ensure_programme(session, programme, now=now)
        session.add(
            TemplateRow(
                name="we_miss_you", language="en", declared="marketing", category="marketing", status="approved",
                content={"body": "We miss you at {programme}! You have {available:points}."}, created_at=now,
                status_at=now, category_at=now, updated_at=now,
            )
        )  # fmt: skip

    def some(session: Session, first: int, count: int) -> None:
        rows = [(new_id(), f"+39333{number:07}") for number in range(first, first + count)]
        connection = session.connection()
        connection.execute(insert(table_of(Member)), [
            {
                "id": id_, "programme_id": programme.id, "name": None, "language": "en", "language_chosen": False,
                "referral_code": f"C{phone[6:]}", "marketing_opt_in": True, "created_at": now, "joined_at": now,
                "customer_before": False,
            }
            for id_, phone in rows
        ])  # fmt: skip
        connection.execute(insert(table_of(Balance)), [
            {"member_id": id_, "available": 40, "pending": 0, "held": 0, "debt": 0, "lifetime": 40} for id_, _ in rows
        ])  # fmt: skip
        connection.execute(insert(table_of(Conversation)), [
            {
                "member_id": id_, "programme_id": programme.id, "number_id": NUMBER, "phone": phone,
                "last_heard_at": now - timedelta(days=3),
            }
            for id_, phone in rows
        ])  # fmt: skip

    await store.write(begin)
    for first in range(0, people, size):
        await store.write(partial(some, first=first, count=min(size, people - first)))


async def begin(store: Store, rate: float) -> None:
    """The campaign is planned and started."""
    now = SystemClock().now()
    await Planner(store, cafe(), design(rate), RateCard(), now=now).plan()
    now = SystemClock().now()
    await store.write(
        lambda session: desk.start(session, desk.find(session, None, "winter", lock=True), actor="test", now=now)
    )


def runner(database: str, url: str) -> ForkServerProcess:
    """A process that feeds the outbox and sends; kill it."""
    return forked(_run, database, url)


def _run(database: str, url: str) -> None:
    asyncio.run(_forever(database, url))


async def _forever(database: str, url: str) -> None:
    store, clock, programme = open_store(database), SystemClock(), cafe()
    feeder = Feeder(store, {programme.id: programme}, SENTENCES, NUMBER)
    Jobs(store, clock, [Job("campaigns", timedelta(seconds=0.1), feeder.run, alone=False)]).start()
    async with Graph(GraphConfig(url, TOKEN)) as graph:
        Sender(store, graph, clock, PACE).start()
        await asyncio.Event().wait()


async def killed(
    database: str, *, people: int, rate: float, kills: int, dice: random.Random, processes: int = 1
) -> Found:
    """Run a campaign to so many people, and kill whoever runs it at random moments; another begins at once."""
    store, graph = open_store(database), StandInGraph(TOKEN)
    graph.delay = 0.003
    await populate(store, people)
    async with serve(graph) as url:
        running = [await _start(database, url) for _ in range(processes)]
        await asyncio.sleep(READY)
        await begin(store, rate)
        for number in range(kills):
            await _goes_on(graph, len(graph.messages), (number + 1) * people // (kills + 2))
            await asyncio.sleep(dice.uniform(0, 0.8))
            await _kill(running.pop(0))
            running.append(await _start(database, url))
        for _ in range(int(people / rate * 20) + 600):
            if await store.read(_is_over):
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        for process in running:
            await _kill(process)
    later = SystemClock().now() + UNSURE_AFTER + timedelta(seconds=1)
    await store.write(lambda session: recover(session, now=later))
    found = await _judge(store, graph, people)
    await store.close()
    return found


async def _goes_on(graph: StandInGraph, before: int, until: int) -> None:
    """Wait until whoever runs it has begun, and it is as far on: what dies before it begins shows nothing."""
    for _ in range(1200):
        if len(graph.messages) >= max(before + 1, until):
            return
        await asyncio.sleep(0.05)


async def _judge(store: Store, graph: StandInGraph, people: int) -> Found:
    arrived = Counter(sent.to for sent in graph.messages)
    states = await store.read(
        lambda session: Counter(
            session.scalars(select(OutboxRow.state).join(Recipient, Recipient.outbox_id == OutboxRow.id))
        )
    )
    lost = people - sum(states.values()) + max(0, states["sent"] - len(arrived))
    times = [sent.at for sent in graph.messages]
    rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
    slots = await store.read(
        lambda session: sorted(at.timestamp() for at in session.scalars(select(OutboxRow.not_before)) if at)
    )
    planned = (len(slots) - 1) / (slots[-1] - slots[0])
    twice = sum(count - 1 for count in arrived.values())
    return Found(people, len(arrived), twice, lost, states["unsure"], planned, rate)


def _is_over(session: Session) -> bool:
    open_ = select(func.count()).select_from(OutboxRow).where(OutboxRow.state == "waiting")
    return desk.find(session, None, "winter").state == "done" and session.scalar(open_) == 0


async def _start(database: str, url: str) -> ForkServerProcess:
    process = runner(database, url)
    await asyncio.to_thread(process.start)
    return process


async def _kill(process: ForkServerProcess) -> None:
    process.kill()
    await asyncio.to_thread(process.join)
    process.close()
