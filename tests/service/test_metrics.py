"""What `/metrics` says of queues, lags, failures and windows, and how often it asks the database."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.orm import Session

from conversation.arriving.incoming import Incoming, Sender, Text
from conversation.leaving.outbox import enqueue
from conversation.register import conversation_of
from conversation.tables import InboxRow, OutboxRow
from conversation.turning.place import introduce
from jobs.tables import JobRow
from loyalty.clock import FixedClock
from loyalty.ids import MemberId
from loyalty.news import Kind, tell
from loyalty.people.members import get_member
from loyalty.programme import Programme
from loyalty.store import Store
from service.gauges import FRESH, SLOW, Numbers
from service.hooks import subscriptions
from service.hooks.listening import waiting
from service.hooks.tables import HookDelivery
from tests.service.conftest import ANNA, Client

T = TypeVar("T")
MINUTE = timedelta(minutes=1)


async def numbers(client: Client) -> dict[tuple[str, ...], float]:
    """Every number by its name and the values of its labels, in the order of their names."""
    async with client.get("/metrics") as response:
        families = text_string_to_metric_families(await response.text())
    return {
        (sample.name.removeprefix("passaparola_"), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


async def test_queues_lags_failures_and_windows(
    client: Client, store: Store, cafe: Programme, clock: FixedClock
) -> None:
    now = clock.now()

    def happen(session: Session) -> None:
        anna = get_member(session, cafe.id, f"phone:{ANNA}")
        introduce(session, cafe, Incoming("wamid.1", "1", Sender(ANNA[1:], None, "Anna"), now, Text("ciao")), now=now)
        conversation = conversation_of(session, MemberId(anna.id))
        assert conversation is not None
        conversation.last_heard_at = now - MINUTE
        for number in range(3):
            enqueue(session, conversation, [{"style": "plain", "text": "x"}], key=str(number), now=now - MINUTE)
        session.flush()
        failed = session.query(OutboxRow).order_by(OutboxRow.id).first()
        assert failed is not None
        failed.state, failed.error_code = "failed", 131026
        failed.billed_on, failed.billed_as, failed.cost, failed.currency = now.date(), "utility", Decimal("0.05"), "EUR"
        session.add(
            InboxRow(
                number_id="1", message_id="m", contact="1", body={}, state="new", sent_at=now,
                received_at=now - 2 * MINUTE,
            )
        )  # fmt: skip
        session.add(JobRow(name="due", next_at=now - 5 * MINUTE, failures=3))
        tell(session, cafe.id, MemberId(anna.id), Kind.BIRTHDAY, key="b", about={}, at=now, now=now - MINUTE)
        hook = subscriptions.subscribe(session, cafe.id, "https://x.org/", ["*"], expires_at=None, actor="x", now=now)
        for state in ("waiting", "dead", "dead"):
            session.add(HookDelivery(**waiting(hook.id, None, "member.birthday", now - 3 * MINUTE) | {"state": state}))
        session.flush()

    await store.write(happen)
    found = await numbers(client)
    assert {
        ("inbox_messages", "new"): 1, ("inbox_oldest_waiting_seconds",): 120,
        ("outbox_messages", "waiting"): 2, ("outbox_messages", "failed"): 1, ("outbox_oldest_due_seconds",): 60,
        ("outbox_failed", "131026"): 1, ("job_late_seconds", "due"): 300, ("job_failures", "due"): 3,
        ("news_untold_seconds",): 60, ("hook_deliveries", "waiting"): 1, ("hook_deliveries", "dead"): 2,
        ("hook_oldest_due_seconds",): 180, ("hooks", "active"): 1,
        ("conversations", "open"): 1, ("conversations", "closed"): 0,
        ("cost_today", "utility", "EUR", "cafe"): 0.05, ("billed_today", "utility", "cafe"): 1,
    }.items() <= found.items()  # fmt: skip


async def test_an_empty_installation_says_nought(client: Client) -> None:
    found = await numbers(client)
    for name in ("inbox_oldest_waiting_seconds", "outbox_oldest_due_seconds", "hook_oldest_due_seconds"):
        assert found[(name,)] == 0
    assert found["members",] == 1


class Counting:
    """A store that counts how often it is read."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.reads = 0

    async def read(self, work: Callable[[Session], T]) -> T:
        self.reads += 1
        return await self.store.read(work)

    async def look(self, work: Callable[[Session], T]) -> T:
        return await self.store.look(work)

    async def write(self, work: Callable[[Session], T]) -> T:
        return await self.store.write(work)

    async def close(self) -> None:
        await self.store.close()


@pytest.mark.parametrize(("later", "reads"), [(FRESH / 2, 2), (FRESH, 3), (SLOW, 4), (-MINUTE, 4)])
async def test_however_often_somebody_asks_the_database_is_asked_seldom(
    store: Store, clock: FixedClock, later: timedelta, reads: int
) -> None:
    counting = Counting(store)
    numbers = Numbers(counting)
    await numbers.gauges(clock.now())
    await numbers.gauges(clock.now() + later)
    assert counting.reads == reads
