"""Duplicates, restarts and crashes: every message is answered, and answered once."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rasa.core.agent import Agent
from sqlalchemy import select, update

from connectors.whatsapp.updates import read_batch
from conversation.arriving import inbox
from conversation.leaving.outbox import UNSURE_AFTER, recover
from conversation.tables import OutboxRow
from loyalty.books.audit import audit
from loyalty.clock import FixedClock
from loyalty.store import open_store
from simulator import Customer, batch, encode, sign
from tests.conversations.conftest import Open
from tests.stack import APP_SECRET, Stack, running

pytestmark = pytest.mark.model

SAM = Customer("Sam", "+447700900123", None, "en")
CAFE = Path("programmes/cafe.yml")


def heard(stack: Stack) -> None:
    stack.window.wrote(SAM.keys, stack.clock.now().timestamp())


async def test_the_same_update_twenty_times_in_parallel_gets_one_answer(stack: Stack) -> None:
    heard(stack)
    body = encode(stack.webhooks.text(SAM, "hello there").body)
    await asyncio.gather(*(stack.channel.receive(body, sign(APP_SECRET, body)) for _ in range(20)))
    await stack.settled()
    assert len(stack.graph.messages) == 1


async def test_a_message_that_comes_again_in_another_batch_gets_no_second_answer(stack: Stack) -> None:
    heard(stack)
    first, second = (stack.webhooks.text(SAM, text) for text in ("hello there", "how many points do i have"))
    for updates in ([first], [first, second, first]):
        body = encode(batch(updates))
        await stack.channel.receive(body, sign(APP_SECRET, body))
    await stack.settled()
    assert len(stack.graph.messages) == 2


async def test_messages_of_one_person_are_answered_in_the_order_they_were_written(stack: Stack) -> None:
    heard(stack)
    texts = ["how many points do i have", "thank you so much", "goodbye"] * 3
    body = encode(batch(stack.webhooks.text(SAM, text) for text in ["hello there", *texts]))
    await stack.channel.receive(body, sign(APP_SECRET, body))
    await stack.settled()
    greeting, points, thanks, farewell = (sent.text for sent in stack.graph.messages[:4])
    assert len({greeting, points, thanks, farewell}) == 4
    assert [sent.text for sent in stack.graph.messages] == [greeting, *([points, thanks, farewell] * 3)]


async def test_what_was_acknowledged_before_a_crash_is_answered_after_it(agent: Agent, sqlite_database: str) -> None:
    clock = FixedClock(datetime(2026, 3, 3, 9, tzinfo=UTC))
    async with running(agent, sqlite_database, clock, CAFE) as before:
        body = encode(before.webhooks.text(SAM, "how many points do i have").body)
    store = open_store(sqlite_database)  # the process took it in, and died
    messages = read_batch(body).messages
    await store.write(lambda session: inbox.accept(session, messages, now=clock.now()))
    await store.close()
    for expected in (1, 0):
        async with running(agent, sqlite_database, clock, CAFE) as after:
            heard(after)
            await after.settled()
            assert len(after.graph.messages) == expected


async def test_a_send_that_a_crash_fell_into_is_marked_and_what_follows_goes_on(open_stack: Open) -> None:
    async with open_stack() as stack:
        heard(stack)
        await stack.answers(stack.webhooks.text(SAM, "hello there"))
        await stack.settled()
        store, clock = stack.house.store, stack.clock
        await store.write(lambda session: session.execute(update(OutboxRow).values(state="sending", wamid=None)))
        clock.forward(UNSURE_AFTER + timedelta(seconds=1))
        await store.write(lambda session: recover(session, now=clock.now()))
        await stack.answers(stack.webhooks.text(SAM, "goodbye"))
        await stack.settled()
        clock.forward(timedelta(hours=1))
        await store.write(lambda session: recover(session, now=clock.now()))
        await stack.settled()
        query = select(OutboxRow.state).order_by(OutboxRow.id)
        states = await store.read(lambda session: list(session.scalars(query)))
        assert states == ["unsure", "sent"]
        assert len(stack.graph.messages) == 2


async def test_a_receipt_settles_a_send_that_a_crash_fell_into(stack: Stack) -> None:
    heard(stack)
    (sent,) = await stack.answers(stack.webhooks.text(SAM, "hello there"))
    await stack.settled()
    store = stack.house.store
    await store.write(lambda session: session.execute(update(OutboxRow).values(state="unsure", wamid=None)))
    opaque = sent.body["biz_opaque_callback_data"]
    await stack.receive(stack.webhooks.status("delivered", sent.wamid, SAM, opaque=opaque))
    row = await store.read(lambda session: session.execute(select(OutboxRow.state, OutboxRow.wamid)).one())
    assert tuple(row) == ("delivered", sent.wamid)


async def test_receipts_in_any_order_only_move_a_message_forward(stack: Stack) -> None:
    heard(stack)
    (sent,) = await stack.answers(stack.webhooks.text(SAM, "hello there"))
    await stack.settled()
    for state in ("read", "delivered", "sent"):
        await stack.receive(stack.webhooks.status(state, sent.wamid, SAM))
        found = await stack.house.store.read(lambda session: session.scalars(select(OutboxRow.state)).one())
        assert found == "read"


async def test_a_send_that_whatsapp_cannot_take_now_is_tried_again(stack: Stack) -> None:
    heard(stack)
    stack.graph.fail_next(130429, times=2)
    await stack.receive(stack.webhooks.text(SAM, "hello there"))
    for _ in range(200):
        stack.clock.forward(timedelta(seconds=1))
        await asyncio.sleep(0.02)
        if stack.graph.messages:
            break
    await stack.settled()
    assert len(stack.graph.messages) == 1


async def test_forty_taps_on_confirm_redeem_once(stack: Stack) -> None:
    heard(stack)
    await stack.answers(stack.webhooks.text(SAM, "i want to join"))
    await stack.buys(SAM, "100.00")
    await stack.graph.wait_for(2, timeout=5)
    (question,) = await stack.answers(stack.webhooks.text(SAM, "i want the free cappuccino"))
    token = question.body["interactive"]["action"]["buttons"][0]["reply"]["id"]
    taps = [stack.webhooks.button_reply(SAM, token, "Yes, please", reply_to=question.wamid) for _ in range(40)]
    bodies = [encode(tap.body) for tap in taps]
    await asyncio.gather(*(stack.channel.receive(body, sign(APP_SECRET, body)) for body in bodies))
    await stack.settled()
    issued = [sent for sent in stack.graph.messages if sent.text.startswith("Here you are")]
    assert len(issued) == 1
    result = await stack.house.store.read(audit)
    assert not result.findings
    async with stack.service.get(
        "/v1/members/phone:+447700900123", headers={"Authorization": "Bearer api-key"}
    ) as response:
        member = await response.json()
    assert member["points"]["available"] == 60
    assert len(member["vouchers"]) == 1
