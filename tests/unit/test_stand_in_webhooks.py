"""Webhook bodies have Meta's shapes, their signature is over the bytes sent, and delivery is in order and stubborn."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from simulator import (
    Business,
    Customer,
    Deliverer,
    Patience,
    Rejected,
    Report,
    Update,
    WebhookBuilder,
    batch,
    encode,
    sign,
)

Json = dict[str, Any]

BUSINESS = Business("Caffè Aurora", "+390612345678", "106540352242922", "419561257915477")
PHONE = Customer("Giulia", "+393331234567")
USER = Customer("Lucía", user_id="ES.987A")
BOTH = Customer("Ada", "+447700900123", "GB.134")
NOW = 1_749_416_383.9
SECRET = "app-secret"


@pytest.fixture
def builder() -> WebhookBuilder:
    return WebhookBuilder(BUSINESS, clock=lambda: NOW)


def value(update: Update) -> Json:
    (entry,) = update.body["entry"]
    (change,) = entry["changes"]
    assert change["field"] == "messages"
    return dict(change["value"])


def test_a_text_is_metas_example(builder: WebhookBuilder) -> None:
    update = builder.text(PHONE, "Does it come in another color?")
    message = {
        "from": "393331234567",
        "id": update.wamid,
        "timestamp": "1749416383",
        "type": "text",
        "text": {"body": "Does it come in another color?"},
    }
    content = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "390612345678", "phone_number_id": "106540352242922"},
        "contacts": [{"profile": {"name": "Giulia"}, "wa_id": "393331234567"}],
        "messages": [message],
    }
    change = {"value": content, "field": "messages"}
    assert update.body == {
        "object": "whatsapp_business_account",
        "entry": [{"id": "419561257915477", "changes": [change]}],
    }
    assert update.message is value(update)["messages"][0]


@pytest.mark.parametrize(
    ("customer", "contact", "sender"),
    [
        (PHONE, {"wa_id": "393331234567"}, {"from": "393331234567"}),
        (USER, {"user_id": "ES.987A"}, {"from_user_id": "ES.987A"}),
        (BOTH, {"wa_id": "447700900123", "user_id": "GB.134"}, {"from": "447700900123", "from_user_id": "GB.134"}),
    ],
)
def test_identities(builder: WebhookBuilder, customer: Customer, contact: Json, sender: Json) -> None:
    content = value(builder.text(customer, "x"))
    assert content["contacts"] == [{"profile": {"name": customer.name}, **contact}]
    assert {key: each for key, each in content["messages"][0].items() if key.startswith("from")} == sender


def test_taps_name_the_message_they_answer(builder: WebhookBuilder) -> None:
    taps = {
        "button_reply": builder.button_reply(PHONE, "k1", "Yes", reply_to="wamid.q").message,
        "list_reply": builder.list_reply(PHONE, "k2", "Row", "More", reply_to="wamid.q").message,
        "bare": builder.list_reply(PHONE, "k3", "Row", reply_to="wamid.q").message,
        "button": builder.template_reply(PHONE, "k4", "Stop", reply_to="wamid.q").message,
    }
    assert all(tap["context"] == {"from": "390612345678", "id": "wamid.q"} for tap in taps.values())
    assert taps["button_reply"]["interactive"] == {"type": "button_reply", "button_reply": {"id": "k1", "title": "Yes"}}
    row = {"id": "k2", "title": "Row", "description": "More"}
    assert taps["list_reply"]["interactive"] == {"type": "list_reply", "list_reply": row}
    assert taps["bare"]["interactive"]["list_reply"] == {"id": "k3", "title": "Row"}
    assert taps["button"]["type"] == "button"
    assert taps["button"]["button"] == {"payload": "k4", "text": "Stop"}


MEDIA: dict[str, Callable[[WebhookBuilder], Update]] = {
    "image": lambda builder: builder.image(USER, "Taj Mahal"),
    "audio": lambda builder: builder.audio(USER),
    "video": lambda builder: builder.video(USER),
    "document": lambda builder: builder.document(USER, "a.pdf"),
    "sticker": lambda builder: builder.sticker(USER),
}


@pytest.mark.parametrize("kind", MEDIA)
def test_media(builder: WebhookBuilder, kind: str) -> None:
    message = MEDIA[kind](builder).message
    media = message[kind]
    assert message["type"] == kind
    assert media["id"].isdecimal()
    assert len(media["sha256"]) == 64
    assert media["mime_type"]
    assert media["url"].endswith(media["id"])
    extras = {"image": ("caption", "Taj Mahal"), "audio": ("voice", True), "document": ("filename", "a.pdf")}
    if kind in extras:
        key, expected = extras[kind]
        assert media[key] == expected
    assert ("caption" in media) == (kind == "image")


def test_the_rest(builder: WebhookBuilder) -> None:
    place = builder.location(PHONE, 45.4642, 9.19, "Duomo", reply_to="wamid.q").message
    assert (place["location"]["latitude"], place["location"]["name"]) == (45.4642, "Duomo")
    assert place["context"]["id"] == "wamid.q"
    assert builder.reaction(PHONE, "👍", to="wamid.q").message["reaction"] == {"message_id": "wamid.q", "emoji": "👍"}
    assert builder.reaction(PHONE, None, to="wamid.q").message["reaction"] == {"message_id": "wamid.q"}
    unsupported = builder.unsupported(PHONE).message
    assert (unsupported["type"], unsupported["errors"][0]["code"]) == ("unsupported", 131051)
    card = builder.contact(USER, "+34600111222", asked=True).message
    assert card["contacts"][0]["phones"][0]["wa_id"] == "34600111222"
    assert card["origin"] == card["contacts"][0]["origin"] == "contact_request"
    assert builder.contact(USER, "+34600111222", asked=False).message["origin"] == "other"


@pytest.mark.parametrize("status", ["sent", "delivered", "read", "played"])
def test_statuses(builder: WebhookBuilder, status: str) -> None:
    content = value(builder.status(status, "wamid.q", BOTH, opaque="out-7"))
    (item,) = content["statuses"]
    assert "messages" not in content
    assert content["contacts"][0]["user_id"] == "GB.134"
    assert item["id"] == "wamid.q"
    assert item["status"] == status
    assert item["timestamp"] == "1749416383"
    assert (item["recipient_id"], item["recipient_user_id"]) == ("447700900123", "GB.134")
    assert item["biz_opaque_callback_data"] == "out-7"
    assert ("pricing" in item) == (status in ("sent", "delivered"))


def test_a_status_without_opaque_data_or_phone(builder: WebhookBuilder) -> None:
    (item,) = value(builder.status("delivered", "wamid.q", USER))["statuses"]
    assert "biz_opaque_callback_data" not in item
    assert "recipient_id" not in item
    assert item["recipient_user_id"] == "ES.987A"


def test_a_failed_status_has_no_contacts(builder: WebhookBuilder) -> None:
    content = value(builder.status("failed", "wamid.q", BOTH, opaque="o", error=Rejected(131047, "24 h")))
    (item,) = content["statuses"]
    assert "contacts" not in content
    assert "recipient_user_id" not in item
    assert item["errors"][0]["code"] == 131047
    assert item["errors"][0]["title"] == item["errors"][0]["message"] == "Re-engagement message"
    assert item["errors"][0]["error_data"] == {"details": "24 h"}


def test_a_batch_has_every_entry(builder: WebhookBuilder) -> None:
    updates = [builder.text(PHONE, str(number)) for number in range(3)]
    body = batch(updates)
    texts = [entry["changes"][0]["value"]["messages"][0]["text"]["body"] for entry in body["entry"]]
    assert body["object"] == "whatsapp_business_account"
    assert texts == ["0", "1", "2"]


def test_message_ids_are_unique_and_look_genuine(builder: WebhookBuilder) -> None:
    ids = {builder.text(customer, "x").wamid for customer in (PHONE, USER, BOTH) * 50}
    assert len(ids) == 150
    assert all(key.startswith("wamid.") and len(key) < 90 and " " not in key for key in ids)


@pytest.mark.parametrize("text", ["a/b", "è 🎉 @", "كم عدد نقاطي؟", '"\\\n', "\ud83c"])
def test_bytes_are_escaped_like_metas_and_still_mean_the_same(builder: WebhookBuilder, text: str) -> None:
    update = builder.text(PHONE, text)
    raw = encode(update.body)
    assert raw.isascii()
    assert raw.count(b"/") == raw.count(b"\\/")
    assert json.loads(raw) == update.body


def test_signature() -> None:
    raw = b'{"object":"whatsapp_business_account"}'
    assert sign(SECRET, raw) == "sha256=" + hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
    assert len(sign(SECRET, raw)) == 71


@pytest.mark.parametrize(
    ("phone", "user_id"),
    [(None, None), ("393331234567", None), ("+0393", None), ("+39 333 1234567", None), (None, "134"), (None, "it.134")],
)
def test_impossible_customers(phone: str | None, user_id: str | None) -> None:
    with pytest.raises(ValueError, match=r"phone|user id"):
        Customer("X", phone, user_id)


def test_refs() -> None:
    assert (PHONE.ref, USER.ref, BOTH.ref) == ("phone:+393331234567", "user:ES.987A", "phone:+447700900123")
    assert (PHONE.key, USER.key, BOTH.keys) == ("393331234567", "ES.987A", ("447700900123", "GB.134"))
    assert (PHONE.member, USER.member) == ({"phone": "+393331234567"}, {"user": "ES.987A"})


# --- delivery ---

QUICK = Patience(first=0.005, factor=1.2, longest=0.02, give_up_after=0.2, answer_within=1.0)


class Webhook:
    """A webhook that answers with the ``statuses`` given, then 200, and checks every signature."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.texts: list[str] = []
        self.url = ""
        self.in_flight: dict[str, int] = {}
        self.most_at_once = 0

    async def handle(self, request: web.Request) -> web.Response:
        raw = await request.read()
        assert request.headers["X-Hub-Signature-256"] == sign(SECRET, raw)
        assert request.content_type == "application/json"
        content = json.loads(raw)["entry"][0]["changes"][0]["value"]["messages"][0]
        sender = content["from"]
        self.in_flight[sender] = self.in_flight.get(sender, 0) + 1
        assert self.in_flight[sender] == 1, "one customer's messages one at a time"
        self.most_at_once = max(self.most_at_once, sum(self.in_flight.values()))
        await asyncio.sleep(0.002)
        self.in_flight[sender] -= 1
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.texts.append(content["text"]["body"])
        return web.Response(status=status)

    async def start(self, port: int | None = None) -> TestServer:
        app = web.Application()
        app.router.add_post("/hook", self.handle)
        server = TestServer(app, port=port)
        await server.start_server()
        self.url = str(server.make_url("/hook"))
        return server


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    hook = Webhook()
    server = await hook.start()
    yield hook
    await server.close()


async def test_delivers_in_order_and_side_by_side(webhook: Webhook, builder: WebhookBuilder) -> None:
    async with Deliverer(webhook.url, SECRET, patience=QUICK) as deliverer:
        for number in range(8):
            deliverer.post("1", builder.text(PHONE, f"a{number}").body)
            deliverer.post("2", builder.text(BOTH, f"b{number}").body)
        await deliverer.join()
    assert [text for text in webhook.texts if text[0] == "a"] == [f"a{number}" for number in range(8)]
    assert [text for text in webhook.texts if text[0] == "b"] == [f"b{number}" for number in range(8)]
    assert webhook.most_at_once == 2


async def test_tries_again_until_200_and_keeps_the_order(webhook: Webhook, builder: WebhookBuilder) -> None:
    webhook.statuses = [503, 500, 404, 204]
    reports: list[Report] = []
    async with Deliverer(webhook.url, SECRET, patience=QUICK, on_report=reports.append) as deliverer:
        handles = [deliverer.post("1", builder.text(PHONE, text).body) for text in ("first", "second")]
        assert await asyncio.gather(*handles) == [True, True]
    assert webhook.texts == ["first", "second"]
    assert [report.ok for report in reports] == [False] * 4 + [True, True]
    assert "answered 503" in reports[0].detail


async def test_survives_a_chat_process_that_starts_later(builder: WebhookBuilder) -> None:
    port = unused_port()
    hook = Webhook()
    async with Deliverer(f"http://127.0.0.1:{port}/hook", SECRET, patience=QUICK) as deliverer:
        handle = deliverer.post("1", builder.text(PHONE, "early").body)
        await asyncio.sleep(0.03)
        server = await hook.start(port)
        assert await handle is True
    assert hook.texts == ["early"]
    await server.close()


async def test_gives_up_without_raising(builder: WebhookBuilder) -> None:
    impatient = Patience(first=0.005, give_up_after=0.01)
    for url in (f"http://127.0.0.1:{unused_port()}/", "no address at all"):
        async with Deliverer(url, SECRET, patience=impatient) as deliverer:
            assert await deliverer.post("1", builder.text(PHONE, "x").body) is False


async def test_close_drops_what_waits(builder: WebhookBuilder) -> None:
    deliverer = Deliverer(f"http://127.0.0.1:{unused_port()}/", SECRET)
    handles = [deliverer.post("1", builder.text(PHONE, "x").body) for _ in range(3)]
    await asyncio.sleep(0.01)
    await deliverer.close()
    assert all(handle.cancelled() for handle in handles)
