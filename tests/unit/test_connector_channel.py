"""The webhook of the chat process: who is let in, what is stored, what is answered; first plain, then over HTTP."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest
from yarl import URL

from connectors.errors import BadUpdate, NotConfigured
from connectors.whatsapp.signature import sign
from connectors.whatsapp.updates import LARGEST, Batch, read_batch
from conversation.messages.model import Answer, Message
from loyalty.errors import StoreUnavailable
from tests.unit.helpers_channel import channel, serving
from tests.unit.helpers_webhooks import STATUSES, contact, entry, message, raw, value, webhook

SECRET, VERIFY = "app-secret-0f3a", "verify-token-77"
BODY = raw(webhook(entry(value(messages=[message()], statuses=[STATUSES["sent"]], contacts=[contact()]))))


class FakeWiring:
    """Remembers what it was given; `gate` holds it up, `error` makes it fail."""

    def __init__(self) -> None:
        self.secrets = channel.WebhookSecrets(SECRET, VERIFY)
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()
        self.error: Exception | None = None
        self.stored: list[Batch] = []
        self.said: list[tuple[str, tuple[Answer, ...]]] = []
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
        self.said.append((sender_id, tuple(answers)))

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture
async def wiring() -> FakeWiring:
    return FakeWiring()


# ---- what is let in


async def refusal(wiring: FakeWiring, body: bytes, signature: str | None) -> BadUpdate:
    with pytest.raises(BadUpdate) as caught:
        await channel.WhatsAppInput(wiring).receive(body, signature)
    return caught.value


async def test_a_signed_update_is_read_and_stored(wiring: FakeWiring) -> None:
    await channel.WhatsAppInput(wiring).receive(BODY, sign(SECRET, BODY))
    assert wiring.stored == [read_batch(BODY)]


@pytest.mark.parametrize(
    "signature", [None, "", "sha256=0", sign("another", BODY), sign(SECRET, BODY + b" "), "sha256=é"]
)
async def test_an_update_without_the_right_signature_is_401_and_not_stored(
    wiring: FakeWiring, signature: str | None
) -> None:
    assert (await refusal(wiring, BODY, signature)).status == 401
    assert not wiring.entered.is_set()


async def test_the_signature_is_looked_at_before_the_body(wiring: FakeWiring) -> None:
    assert (await refusal(wiring, b"no json", "sha256=0")).status == 401
    assert (await refusal(wiring, b"no json", sign(SECRET, b"no json"))).status == 400
    assert not wiring.entered.is_set()


async def test_a_body_above_three_megabytes_is_413_whoever_signed_it(wiring: FakeWiring) -> None:
    body = b"[" * (LARGEST + 1)
    assert (await refusal(wiring, body, sign(SECRET, body))).status == 413
    assert (await refusal(wiring, body, None)).status == 413
    assert (await refusal(wiring, body[:-1], sign(SECRET, body[:-1]))).status == 400
    assert not wiring.entered.is_set()


async def test_what_the_store_says_is_passed_on(wiring: FakeWiring) -> None:
    wiring.error = StoreUnavailable("the disk is full")
    with pytest.raises(StoreUnavailable):
        await channel.WhatsAppInput(wiring).receive(BODY, sign(SECRET, BODY))


# ---- how it is set up


def test_an_empty_secret_is_refused_at_the_start_and_named() -> None:
    with pytest.raises(NotConfigured, match="WHATSAPP_APP_SECRET"):
        channel.WebhookSecrets("", VERIFY)
    with pytest.raises(NotConfigured, match="WHATSAPP_VERIFY_TOKEN"):
        channel.WebhookSecrets(SECRET, "")


@pytest.mark.parametrize("credentials", [None, {}, {"wiring": ""}, {"wiring": None}, {"secret": "x"}])
def test_credentials_without_a_wiring_are_refused(credentials: dict[str, Any] | None) -> None:
    with pytest.raises(NotConfigured, match="wiring"):
        channel.WhatsAppInput.from_credentials(credentials)


async def test_credentials_name_the_function_that_makes_the_wiring() -> None:
    made = channel.WhatsAppInput.from_credentials({"wiring": f"{__name__}.FakeWiring"})
    await made.receive(BODY, sign(SECRET, BODY))
    assert made.name() == "whatsapp"


# ---- over HTTP


class Client:
    """Talks to the webhook as Meta does."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._address = address

    async def get(self, query: str) -> tuple[int, str]:
        async with self._session.get(URL(f"{self._address}?{query}", encoded=True)) as answer:
            return answer.status, await answer.text()

    async def post(self, body: bytes, signature: str | None) -> tuple[int, str]:
        headers = {"Content-Type": "application/json"}
        if signature is not None:
            headers["X-Hub-Signature-256"] = signature
        async with self._session.post(self._address, data=io.BytesIO(body), headers=headers) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def client(wiring: FakeWiring) -> AsyncIterator[Client]:
    async with serving(wiring, "the agent") as address, aiohttp.ClientSession() as session:
        yield Client(session, address)


async def test_the_handshake_answers_the_bare_challenge(client: Client) -> None:
    query = f"hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={VERIFY}"
    assert await client.get(query) == (200, "1158201444")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "hub.mode=subscribe&hub.challenge=1",
        f"hub.challenge=1&hub.verify_token={VERIFY}",
        f"hub.mode=unsubscribe&hub.challenge=1&hub.verify_token={VERIFY}",
        f"hub.mode=subscribe&hub.challenge=1&hub.verify_token={VERIFY}x",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=wrong",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=%C3%A9",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=%ED%A0%80%FF",
    ],
)
async def test_a_wrong_handshake_is_403_and_tells_nothing(client: Client, query: str) -> None:
    status, text = await client.get(query)
    assert status == 403
    assert VERIFY not in text
    assert text != "1"


async def test_an_update_is_acknowledged_when_it_is_stored(wiring: FakeWiring, client: Client) -> None:
    assert await client.post(BODY, sign(SECRET, BODY)) == (200, "")
    assert wiring.stored == [read_batch(BODY)]


async def test_an_update_is_not_acknowledged_before_it_is_stored(wiring: FakeWiring, client: Client) -> None:
    wiring.gate.clear()
    answer = asyncio.create_task(client.post(BODY, sign(SECRET, BODY)))
    await wiring.entered.wait()
    await asyncio.sleep(0.05)
    assert not answer.done()
    wiring.gate.set()
    assert await answer == (200, "")


@pytest.mark.parametrize(
    ("body", "signature", "status", "said"),
    [
        (BODY, None, 401, "X-Hub-Signature-256"),
        (BODY, sign("another", BODY), 401, "X-Hub-Signature-256"),
        (BODY, "sha256=\udcff", 401, "X-Hub-Signature-256"),
        (b"no json", sign(SECRET, b"no json"), 400, "no JSON"),
        (b"", sign(SECRET, b""), 400, "no JSON"),
        (b"[" * LARGEST, sign(SECRET, b"[" * LARGEST), 400, "no JSON"),
        (b"{}", sign(SECRET, b"{}"), 400, "whatsapp_business_account"),
        (b"x" * (LARGEST + 1), None, 413, "exceeds"),
    ],
)
async def test_a_bad_update_is_refused_in_json_without_a_traceback(
    wiring: FakeWiring, client: Client, body: bytes, signature: str | None, status: int, said: str
) -> None:
    answered, text = await client.post(body, signature)
    assert answered == status
    assert text.startswith("{")
    assert said in text
    assert "Traceback" not in text
    assert "File " not in text
    assert not wiring.entered.is_set()


async def test_three_megabytes_are_taken(wiring: FakeWiring, client: Client) -> None:
    body = BODY + b" " * (LARGEST - len(BODY))
    assert await client.post(body, sign(SECRET, body)) == (200, "")
    assert len(wiring.stored) == 1


async def test_a_store_that_is_away_is_503_so_that_the_update_comes_again(wiring: FakeWiring, client: Client) -> None:
    wiring.error = StoreUnavailable("postgres at 10.0.0.7 is gone")
    status, text = await client.post(BODY, sign(SECRET, BODY))
    assert status == 503
    assert "10.0.0.7" not in text
    wiring.error = None
    assert await client.post(BODY, sign(SECRET, BODY)) == (200, "")
    assert len(wiring.stored) == 1


async def test_any_other_failure_is_500_without_a_traceback(wiring: FakeWiring, client: Client) -> None:
    wiring.error = RuntimeError("the secret of the failure")
    status, text = await client.post(BODY, sign(SECRET, BODY))
    assert status == 500
    assert "Traceback" not in text
    assert "the secret of the failure" not in text


async def test_the_wiring_starts_and_ends_with_the_server(wiring: FakeWiring) -> None:
    async with serving(wiring, "the agent"):
        assert wiring.agents == ["the agent"]
        assert wiring.closed == 0
    assert wiring.closed == 1


# ---- what Rasa says by itself


async def test_what_rasa_says_without_a_message_before_it_is_handed_to_the_application(wiring: FakeWiring) -> None:
    output = channel.WhatsAppInput(wiring).get_output_channel()
    assert output.name() == channel.WhatsAppInput.name()
    picture = "https://aurora.example/mug.jpg"
    await output.send_response("cafe:m-1", {"text": "A mug", "image": picture, "attachment": picture})
    await output.send_response("cafe:m-1", {"custom": {"blocks": []}})
    assert wiring.said == [("cafe:m-1", (Message("A mug", (), None, picture),))]
