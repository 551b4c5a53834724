"""What came in is stored once, whole batches at a time, and receipts that were faster than we are kept."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from conversation.alarms import open_alarms
from conversation.arriving import early_receipts, inbox
from conversation.arriving.happenings import AccountEvent
from conversation.arriving.incoming import Attachment, Incoming, Pricing, Reaction, Receipt, Sender, Text
from conversation.arriving.intake import Batch, Intake
from conversation.tables import ChannelEvent, EarlyReceipt, InboxRow
from conversation.upkeep import drop_old
from loyalty.clock import FixedClock
from loyalty.store import Store

NUMBER, OTHER = "100000000000001", "222"


class Receipts:
    """Remembers what was applied; one named `bad` cannot be."""

    def __init__(self) -> None:
        self.applied: list[str] = []

    def __call__(self, session: Session, receipts: Sequence[Receipt], *, now: datetime) -> None:
        if any(receipt.message_id == "bad" for receipt in receipts):
            raise KeyError("boom")
        self.applied += [receipt.message_id for receipt in receipts]


@pytest.fixture
def receipts() -> Receipts:
    return Receipts()


@pytest.fixture
def intake(store: Store, receipts: Receipts, clock: FixedClock) -> Intake:
    return Intake(store, {NUMBER}, receipts, clock)


def message(
    id_: str, clock: FixedClock, *, number: str = NUMBER, contact: str = "393331234567", ago: int = 0
) -> Incoming:
    return Incoming(id_, number, Sender(contact, None), clock.now() - timedelta(seconds=ago), Text("Ciao"))


def batch(*messages: Incoming) -> Batch:
    return Batch(tuple(messages), ())


async def stored(store: Store) -> list[tuple[str, str]]:
    query = select(InboxRow.message_id, InboxRow.state).order_by(InboxRow.id)
    return await store.read(lambda session: [(row.message_id, row.state) for row in session.execute(query)])


async def test_duplicates_within_a_batch_across_batches_and_in_parallel_are_one(
    store: Store, intake: Intake, clock: FixedClock
) -> None:
    one, two = message("1", clock), message("2", clock)
    assert await intake.accept(batch(one, two, one)) == [one, two]
    assert await intake.accept(batch(two, one)) == []
    three = message("3", clock)
    told = await asyncio.gather(*(intake.accept(batch(three, one)) for _ in range(20)))
    assert sum(fresh == [three] for fresh in told) == 1
    assert await stored(store) == [("1", "new"), ("2", "new"), ("3", "new")]


async def test_a_duplicate_after_days_and_after_the_answer_is_none(
    store: Store, intake: Intake, clock: FixedClock
) -> None:
    one = message("1", clock)
    await intake.accept(batch(one))
    await store.write(lambda session: inbox.finish(session, one, now=clock.now()))
    clock.forward(timedelta(days=6))
    assert await intake.accept(batch(one)) == []
    assert await stored(store) == [("1", "done")]


async def test_what_comes_out_of_order_is_answered_in_the_order_it_was_sent(
    store: Store, intake: Intake, clock: FixedClock
) -> None:
    told = [
        message("c", clock, ago=1),
        message("a", clock, ago=3),
        message("b", clock, ago=2),
        message("d", clock, ago=1),
    ]
    assert [one.message_id for one in await intake.accept(batch(*told))] == ["a", "b", "c", "d"]
    waiting = await store.read(inbox.waiting)
    assert [one.incoming.message_id for one in waiting] == ["a", "b", "c", "d"]


async def test_what_is_told_of_other_numbers_has_no_effect(
    store: Store, intake: Intake, receipts: Receipts, clock: FixedClock
) -> None:
    ours, theirs = message("1", clock), message("2", clock, number=OTHER)
    told = [
        Receipt(id_, "sent", clock.now(), number_id=number)
        for id_, number in (("a", NUMBER), ("b", OTHER), ("c", None))
    ]
    assert await intake.accept(Batch((ours, theirs), tuple(told))) == [ours]
    assert receipts.applied == ["a", "c"]
    assert await stored(store) == [("1", "new")]
    assert await intake.accept(batch(theirs)) == []


async def test_what_wants_no_answer_is_kept_and_not_handed_on(store: Store, intake: Intake, clock: FixedClock) -> None:
    quiet = Incoming("1", NUMBER, Sender("393331234567", None), clock.now(), Reaction("wamid.x", "👍"))
    assert await intake.accept(batch(quiet, message("2", clock))) == [message("2", clock)]
    assert await stored(store) == [("1", "seen"), ("2", "new")]


async def test_an_update_that_the_store_refuses_costs_nothing_of_the_others(
    store: Store, intake: Intake, receipts: Receipts, clock: FixedClock
) -> None:
    told = tuple(Receipt(id_, "sent", clock.now()) for id_ in ("a", "bad", "b"))
    fresh = await intake.accept(Batch((message("1", clock), message("2", clock)), told))
    assert [one.message_id for one in fresh] == ["1", "2"]
    assert receipts.applied == ["a", "b"]


async def test_of_batches_that_come_at_once_one_that_is_refused_costs_nothing_of_the_others(
    store: Store, intake: Intake, receipts: Receipts, clock: FixedClock
) -> None:
    bad = Batch((), (Receipt("bad", "sent", clock.now()),))
    good = [batch(message(str(number), clock)) for number in range(10)]
    first, *others = await asyncio.gather(
        *(intake.accept(one) for one in [bad, *good]), return_exceptions=True
    )  # fmt: skip
    assert isinstance(first, KeyError)
    assert others == [list(one.messages) for one in good]
    assert len(await stored(store)) == 10


async def test_who_goes_away_while_a_batch_is_written_disturbs_nobody(
    store: Store, intake: Intake, clock: FixedClock
) -> None:
    gone, stays = (asyncio.create_task(intake.accept(batch(message(id_, clock)))) for id_ in "ab")
    await asyncio.sleep(0)
    gone.cancel()
    assert [one.message_id for one in await stays] == ["b"]
    assert sorted(await stored(store)) == [("a", "new"), ("b", "new")], "the sweeper finds the other one"


async def test_an_update_that_is_refused_alone_is_not_acknowledged(intake: Intake, clock: FixedClock) -> None:
    with pytest.raises(KeyError):
        await intake.accept(Batch((), (Receipt("bad", "sent", clock.now()),)))


async def test_a_thousand_updates_are_one_transaction(store: Store, intake: Intake, clock: FixedClock) -> None:
    assert len(await intake.accept(batch(*(message(str(n), clock, contact=f"39{n:09}") for n in range(1000))))) == 1000
    assert len(await stored(store)) == 1000


# ---- poison


async def test_messages_that_end_processes_are_counted_and_set_aside_with_an_alarm_and_can_be_tried_again(
    store: Store, intake: Intake, clock: FixedClock
) -> None:
    bad, good = message("bad", clock), message("good", clock)
    await intake.accept(batch(bad, good))
    assert [await store.write(lambda session: inbox.begin(session, bad)) for _ in range(3)] == [1, 2, 3]
    await store.write(lambda session: inbox.calm(session, bad))
    assert [one.attempts for one in await store.read(inbox.waiting)] == [2, 0]
    for expected in (True, False):
        failed = await store.write(lambda session: inbox.fail(session, bad, error="it is poison", now=clock.now()))
        assert failed is expected
    assert await store.write(lambda session: inbox.begin(session, bad)) == 0
    await store.write(lambda session: inbox.finish(session, good, now=clock.now()))  # it holds up nobody
    kinds = await store.read(lambda session: [(alarm.kind, alarm.count) for alarm in open_alarms(session)])
    assert kinds == [(inbox.SET_ASIDE, 1)]
    (row,) = await store.read(inbox.set_aside)
    assert (row.message_id, row.error) == ("bad", "it is poison")
    for expected in (True, False):
        assert await store.write(lambda session: inbox.retry(session, row.id)) is expected
    assert [(one.incoming, one.attempts) for one in await store.read(inbox.waiting)] == [(bad, 0)]


# ---- receipts that were faster


async def test_receipts_whose_message_nobody_knows_wait_for_it_in_their_order(store: Store, clock: FixedClock) -> None:
    pricing = Pricing("service", "regular", "PMP")
    told = [
        Receipt("wamid.1", "sent", clock.now(), None, None, None, pricing, NUMBER),
        Receipt("wamid.1", "failed", clock.now(), 7, 131047, "Re-engagement message"),
        Receipt("wamid.2", "read", clock.now()),
    ]

    def keep(session: Session) -> None:
        for receipt in [*told, *told]:
            early_receipts.keep(session, receipt, clock.now())

    await store.write(keep)
    await store.write(keep)
    assert await store.write(lambda session: early_receipts.claim(session, "wamid.1")) == told[:2]
    assert await store.write(lambda session: early_receipts.claim(session, "wamid.1")) == []
    assert await store.write(lambda session: early_receipts.claim_all(session, ["wamid.1", "wamid.2"])) == told[2:]
    assert await store.write(lambda session: early_receipts.claim_all(session, ["wamid.2"])) == []


async def test_receipts_that_wait_in_vain_and_events_of_long_ago_are_dropped(
    store: Store, intake: Intake, clock: FixedClock
) -> None:
    event = AccountEvent("e1", clock.now(), None, "account_update", "BAN", {})
    await intake.accept(Batch((), (), (event, event)))
    await store.write(lambda session: early_receipts.keep(session, Receipt("w", "sent", clock.now()), clock.now()))
    clock.forward(timedelta(days=6))
    assert await store.write(lambda session: drop_old(session, now=clock.now())) == 0
    clock.forward(timedelta(days=2))
    assert await store.write(lambda session: drop_old(session, now=clock.now())) == 1
    clock.forward(timedelta(days=500))
    assert await store.write(lambda session: drop_old(session, now=clock.now())) == 0, "it is not handled yet"
    await store.write(lambda session: session.execute(update(ChannelEvent).values(state="done")))
    assert await store.write(lambda session: drop_old(session, now=clock.now())) == 1

    def left(session: Session) -> list[Any]:
        return [*session.scalars(select(EarlyReceipt)), *session.scalars(select(ChannelEvent))]

    assert await store.read(left) == []


async def test_old_rows_of_the_inbox_are_taken_up(store: Store, clock: FixedClock) -> None:
    body = {"sender": {"phone": "39333", "user_id": None, "name": None}, "content": {"attachment": "image"}}
    row = InboxRow(
        number_id=NUMBER, message_id="old", contact="39333", body=body, state="new", attempts=0, sent_at=clock.now(),
        received_at=clock.now(),
    )  # fmt: skip
    await store.write(lambda session: session.add(row))
    (waiting,) = await store.read(inbox.waiting)
    assert waiting.incoming.content == Attachment("image")
