"""The second provider through the whole stack: what it cannot show is typed, what it refuses has consequences."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rasa.core.agent import Agent

from connectors.errors import BadUpdate
from loyalty.books.audit import audit
from loyalty.clock import FixedClock
from simulator import Customer
from tests.twilio_stack import TwilioStack, running

pytestmark = pytest.mark.model
SID = "HX" + "0123456789abcdef" * 2
ANNA = Customer("Anna", "+393331234567", language="it")
BEN = Customer("Ben", "+447700900123", language="en")


@pytest.fixture
async def stack(agent: Agent, sqlite_database: str, tmp_path: Path) -> AsyncIterator[TwilioStack]:
    contents = tmp_path / "twilio.yml"
    contents.write_text(f"points_earned:\n  variables: [points, available]\n  it: {SID}\n")
    clock = FixedClock(datetime(2026, 3, 3, 9, tzinfo=UTC))
    async with running(agent, sqlite_database, clock, Path("programmes/cafe.yml"), contents) as stack:
        yield stack


def place_of(title: str, said: str) -> str:
    """The number before a title in a numbered text."""
    return next(line.partition(".")[0] for line in said.splitlines() if line.partition(". ")[2].startswith(title))


async def test_points_are_asked_for_and_redeemed_by_typed_numbers_in_italian(stack: TwilioStack) -> None:
    await stack.member(ANNA, 118)
    said = await stack.says(ANNA, "quanti punti ho?")
    assert "*118 punti*" in said
    assert "1. Premi" in said
    rewards = await stack.says(ANNA, "1")
    question = await stack.says(ANNA, place_of("Cappuccino", rewards))
    assert "*Cappuccino*" in question
    done = await stack.says(ANNA, place_of("Sì", question))
    assert "68 punti" in done
    assert "*68 punti*" in await stack.says(ANNA, "quanti punti ho adesso?")
    assert not stack.twilio.refused
    assert not (await stack.house.store.read(audit)).findings


async def test_the_same_in_english_by_a_title_and_a_word_for_the_place(stack: TwilioStack) -> None:
    await stack.member(BEN, 118)
    rewards = await stack.says(BEN, "which rewards do you have?")
    assert "1. " in rewards
    question = await stack.says(BEN, "Cappuccino")
    assert "*Cappuccino*" in question
    assert "68 points" in await stack.says(BEN, "the first one")


async def test_a_message_that_comes_again_is_answered_once(stack: TwilioStack) -> None:
    await stack.member(ANNA, 10)
    stack.window.wrote(ANNA.keys, stack.clock.now().timestamp())
    form = stack.forms.text(ANNA, "quanti punti ho?")
    for _ in range(3):
        await stack.post(form)
    await stack.twilio.wait_for(1)
    await stack.says(ANNA, "aiuto")
    assert len(stack.twilio.messages) == 2


async def test_a_form_with_a_wrong_signature_is_refused_and_not_stored(stack: TwilioStack) -> None:
    form = stack.forms.text(ANNA, "quanti punti ho?")
    for signature in (None, "", "bm8=", form.signature[::-1]):
        with pytest.raises(BadUpdate) as caught:
            await stack.channel.receive("https://chat.example", form.path, form.body, signature)
        assert caught.value.status == 403
    assert await stack.outbox() == []


async def test_too_many_requests_and_a_server_error_are_tried_again(stack: TwilioStack) -> None:
    await stack.member(ANNA, 10)
    stack.twilio.fail_next(20429, 429)
    stack.twilio.fail_next(20500, 500)
    stack.window.wrote(ANNA.keys, stack.clock.now().timestamp())
    await stack.post(stack.forms.text(ANNA, "quanti punti ho?"))
    for tries in (1, 2):
        await stack.put_off(tries)
        stack.clock.forward(timedelta(minutes=1))
    assert "*10 punti*" in (await stack.twilio.wait_for(1))[0].text
    assert stack.twilio.refused == [20429, 20500]


async def test_a_receipt_finds_its_message_by_the_number_in_the_address(stack: TwilioStack) -> None:
    await stack.member(ANNA, 10)
    await stack.says(ANNA, "quanti punti ho?")
    sent = stack.twilio.messages[0]
    (row,) = await stack.outbox()
    assert sent.form["StatusCallback"] == f"https://chat.example/webhooks/twilio/status?outbox={row.id}"
    for state, becomes in (("read", "read"), ("delivered", "read"), ("sent", "read")):
        await stack.status(sent, state)
        assert [row.state for row in await stack.outbox()] == [becomes]


async def test_what_twilio_found_to_be_outside_the_window_is_withheld(stack: TwilioStack) -> None:
    await stack.member(ANNA, 10)
    stack.twilio.fail_later(63016)
    await stack.says(ANNA, "quanti punti ho?")
    sent = stack.twilio.messages[0]
    assert sent.failure == 63016
    await stack.status(sent, "undelivered", sent.failure)
    (row,) = await stack.outbox()
    assert (row.state, row.error_code) == ("withheld", 63016)


async def test_outside_the_window_a_template_that_twilio_has_goes_out_and_another_does_not(stack: TwilioStack) -> None:
    await stack.member(ANNA, 10)
    await stack.says(ANNA, "quanti punti ho?")
    assert await stack.tells("sorry.broken", cause="inside") == "numbered", "notices have no buttons either"
    await stack.twilio.wait_for(2)
    stack.clock.forward(timedelta(days=2))
    await stack.tells("points.earned_activity", cause="till/1", name="Corso", points=5, available=15)
    form = (await stack.twilio.wait_for(3))[2].form
    assert form["ContentSid"] == SID
    assert "15 punti" in json.loads(form["ContentVariables"])["2"]
    await stack.tells("sorry.broken", cause="till/2")
    assert [row.state for row in await stack.outbox()][-1] == "withheld"


async def test_a_tap_on_a_template_is_what_its_title_says_in_the_message_that_is_quoted(stack: TwilioStack) -> None:
    await stack.member(ANNA, 10)
    await stack.says(ANNA, "quanti punti ho?")
    stack.clock.forward(timedelta(days=2))
    await stack.tells("points.earned_activity", cause="till/1", name="Corso", points=5, available=15)
    sent = (await stack.twilio.wait_for(2))[1]
    await stack.status(sent, "read")
    tapped = {"ButtonPayload": "fixed", "ButtonText": "I miei punti", "OriginalRepliedMessageSid": sent.sid}
    stack.window.wrote(ANNA.keys, stack.clock.now().timestamp())
    await stack.post(stack.forms.message(ANNA, **tapped))
    assert "*10 punti*" in (await stack.twilio.wait_for(3))[2].text
