"""Twilio's webhooks over HTTP: who is let in, what is stored, what is answered."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import aiohttp
import pytest
from yarl import URL

from connectors.errors import NotConfigured
from conversation.arriving.intake import Batch
from conversation.messages.model import Answer
from loyalty.clock import FixedClock
from loyalty.errors import StoreUnavailable
from simulator import Customer
from simulator.twilio_api import TOKEN, TwilioForms, TwilioPost, TwilioSent
from tests.unit.helpers_channel import serving_channel

from connectors.chosen import ChosenInput  # isort: skip -- Rasa is imported by the helper, light
from connectors.twilio.channel import LARGEST, TwilioGuard, TwilioInput  # isort: skip -- as above

PUBLIC = "https://chat.example/bot"
ANNA = Customer("Anna", "+393331234567")
FORMS = TwilioForms(PUBLIC)
SENT = TwilioSent(
    "SM1",
    {
        "From": "whatsapp:+14155238886", "To": "whatsapp:+393331234567",
        "StatusCallback": f"{PUBLIC}/webhooks/twilio/status?outbox=17",
    },
)  # fmt: skip


class FakeWiring:
    """Remembers what it was given; `gate` holds it up, `error` makes it fail."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()
        self.error: Exception | None = None
        self.stored: list[Batch] = []
        self.agents: list[object] = []
        self.closed = 0

    async def start(self, agent: object) -> None:
        self.agents.append(agent)

    async def accept(self, batch: Batch) -> None:
        self.entered.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.stored.append(batch)

    async def say(self, sender_id: str, answers: Sequence[Answer]) -> None:
        raise AssertionError("nobody asked for it")

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture
async def wiring() -> FakeWiring:
    return FakeWiring()


def made(wiring: FakeWiring, public_url: str | None = PUBLIC) -> TwilioInput:
    return TwilioInput(wiring, TwilioGuard(TOKEN, public_url), FixedClock(datetime(2026, 3, 3, 9, tzinfo=UTC)))


class Client:
    """Posts forms as Twilio does, through a proxy that cuts off what stands before `/webhooks`."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self.base = base

    async def post(
        self, form: TwilioPost, signature: str | None = None, body: bytes | None = None
    ) -> tuple[int, str, str]:
        url = URL(self.base + form.url[form.url.index("/webhooks") :], encoded=True)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": signature or form.signature,
        }
        async with self._session.post(url, data=form.body if body is None else body, headers=headers) as answer:
            return answer.status, answer.content_type, await answer.text()


@pytest.fixture
async def client(wiring: FakeWiring) -> AsyncIterator[Client]:
    async with serving_channel(made(wiring), "the agent") as base, aiohttp.ClientSession() as session:
        yield Client(session, base)


async def test_a_message_is_stored_and_answered_with_empty_twiml(wiring: FakeWiring, client: Client) -> None:
    status, kind, text = await client.post(FORMS.text(ANNA, "quanti punti ho? è à +&=%"))
    assert (status, kind) == (200, "text/xml")
    assert text == '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
    ((message,),) = [batch.messages for batch in wiring.stored]
    assert message.content.text == "quanti punti ho? è à +&=%"  # type: ignore[union-attr]  # that is the point


async def test_a_receipt_is_stored_with_our_number_of_the_message(wiring: FakeWiring, client: Client) -> None:
    assert (await client.post(FORMS.status(SENT, "delivered")))[0] == 200
    ((receipt,),) = [batch.receipts for batch in wiring.stored]
    assert (receipt.outbox_id, receipt.state) == (17, "delivered")
    assert (await client.post(FORMS.status(SENT, "queued")))[0] == 200
    assert len(wiring.stored) == 1, "that Twilio has it is no news"


async def test_nothing_is_acknowledged_before_it_is_stored(wiring: FakeWiring, client: Client) -> None:
    wiring.gate.clear()
    answer = asyncio.create_task(client.post(FORMS.text(ANNA, "ciao")))
    await wiring.entered.wait()
    await asyncio.sleep(0.05)
    assert not answer.done()
    wiring.gate.set()
    assert (await answer)[0] == 200


@pytest.mark.parametrize("path", ["message", "status"])
async def test_a_wrong_signature_is_403_and_nothing_is_stored(wiring: FakeWiring, client: Client, path: str) -> None:
    form = FORMS.text(ANNA, "ciao") if path == "message" else FORMS.status(SENT, "read")
    others = [TwilioForms("https://other.example").text(ANNA, "ciao").signature, "x", "sha1=", form.signature[::-1]]
    for signature in others:
        status, _, text = await client.post(form, signature)
        assert status == 403
        assert TOKEN not in text
    assert (await client.post(form, body=form.body + b"&Body=more"))[0] == 403
    assert not wiring.entered.is_set()


async def test_the_number_of_a_message_cannot_be_changed_on_the_way(wiring: FakeWiring, client: Client) -> None:
    form = FORMS.status(SENT, "read")
    forged = TwilioPost(form.url.replace("outbox=17", "outbox=18"), form.body, form.signature)
    assert (await client.post(forged))[0] == 403
    assert not wiring.stored


async def test_a_signed_form_that_is_no_message_is_400(wiring: FakeWiring, client: Client) -> None:
    for path in ("/webhooks/twilio/webhook", "/webhooks/twilio/status"):
        status, _, text = await client.post(FORMS.post(path, {"CallSid": "CA1"}))
        assert status == 400
        assert text.startswith("{")
    assert not wiring.stored


async def test_a_form_that_is_too_large_is_413(wiring: FakeWiring, client: Client) -> None:
    form = FORMS.message(ANNA, Body="x" * LARGEST)
    assert (await client.post(form))[0] == 413
    assert not wiring.stored


async def test_a_store_that_is_away_is_503_so_that_it_comes_again(wiring: FakeWiring, client: Client) -> None:
    wiring.error = StoreUnavailable("postgres at 10.0.0.7 is gone")
    status, _, text = await client.post(FORMS.text(ANNA, "ciao"))
    assert status == 503
    assert "10.0.0.7" not in text
    wiring.error = None
    assert (await client.post(FORMS.text(ANNA, "ciao")))[0] == 200


async def test_any_other_failure_is_500_without_a_traceback(wiring: FakeWiring, client: Client) -> None:
    wiring.error = RuntimeError("the secret of the failure")
    status, _, text = await client.post(FORMS.text(ANNA, "ciao"))
    assert status == 500
    assert "Traceback" not in text
    assert "secret" not in text


async def test_without_a_public_address_the_one_that_was_called_counts(wiring: FakeWiring) -> None:
    async with serving_channel(made(wiring, None), "the agent") as base, aiohttp.ClientSession() as session:
        client = Client(session, base)
        assert (await client.post(TwilioForms(base).text(ANNA, "ciao")))[0] == 200
        status, _, text = await client.post(FORMS.text(ANNA, "ciao"))
        assert status == 403
        assert "PASSAPAROLA_PUBLIC_CHAT_URL" in text
    assert len(wiring.stored) == 1


async def test_it_starts_and_ends_with_the_server_and_is_the_channel_whatsapp(wiring: FakeWiring) -> None:
    async with serving_channel(made(wiring), "the agent"):
        assert wiring.agents == ["the agent"]
    assert wiring.closed == 1
    assert made(wiring).name() == made(wiring).get_output_channel().name() == "whatsapp"


def test_an_empty_token_is_refused_at_the_start_and_named() -> None:
    with pytest.raises(NotConfigured, match="TWILIO_AUTH_TOKEN"):
        TwilioGuard("")


def test_credentials_name_the_function_that_makes_the_channel() -> None:
    assert isinstance(ChosenInput.from_credentials({"channel": f"{__name__}.made_for_credentials"}), TwilioInput)
    for credentials in (None, {}, {"channel": ""}):
        with pytest.raises(NotConfigured, match="channel"):
            ChosenInput.from_credentials(credentials)


def made_for_credentials() -> TwilioInput:
    return made(FakeWiring())
