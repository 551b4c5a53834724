"""The stand-in Graph API refuses what Meta refuses, takes what Meta takes, and answers in the same shapes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from simulator import PairLimit, Rejected, Sent, ServiceWindow, StandInGraph, check, serve
from simulator.shape import units

Json = dict[str, Any]

TOKEN = "token-1"
NUMBER = "106540352242922"
PATH = f"/v24.0/{NUMBER}/messages"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
COFFEE = "☕"  # one UTF-16 unit
PARTY = "🎉"  # two
FAMILY = "👨‍👩‍👧‍👦"  # eleven: four emoji, three joiners


def message(kind: str, content: Any, **extras: Any) -> Json:
    return {"messaging_product": "whatsapp", "to": "+393331234567", "type": kind, kind: content, **extras}


def text(body: Any = "Ciao", **extras: Any) -> Json:
    return message("text", {"body": body}, **extras)


def interactive(kind: str, action: Any, **extras: Any) -> Json:
    return message("interactive", {"type": kind, "body": {"text": "Choose"}, "action": action, **extras})


def reply_buttons(*buttons: tuple[Any, Any], **extras: Any) -> Json:
    items = [{"type": "reply", "reply": {"id": key, "title": title}} for key, title in buttons]
    return interactive("button", {"buttons": items}, **extras)


def row(key: str, title: str = "Row", **extras: Any) -> Json:
    return {"id": key, "title": title, **extras}


def sections(*parts: Json, button: Any = "Rewards", **extras: Any) -> Json:
    return interactive("list", {"button": button, "sections": list(parts)}, **extras)


def card(index: int, action: Json, **extras: Any) -> Json:
    header = {"type": "image", "image": {"link": "https://a.example/b.png"}}
    return {"card_index": index, "type": "cta_url", "header": header, "action": action, **extras}


def carousel(action: Json, **extras: Any) -> Json:
    return interactive("carousel", {"cards": [card(number, action, **extras) for number in range(2)]})


def quick_replies(*replies: str) -> Json:
    pairs = zip(replies[::2], replies[1::2], strict=True)
    return {"buttons": [{"type": "quick_reply", "quick_reply": {"id": key, "title": title}} for key, title in pairs]}


def rows(count: int, first: int = 0) -> list[Json]:
    return [row(f"r{number}") for number in range(first, first + count)]


def template(**changes: Any) -> Json:
    return message("template", {"name": "points_expiry", "language": {"code": "en_US"}, **changes})


def body_parameter(value: str) -> Json:
    return {"type": "body", "parameters": [{"type": "text", "text": value}]}


def code_of(body: Json) -> int:
    with pytest.raises(Rejected) as refusal:
        check(body)
    assert refusal.value.details
    return refusal.value.code


TAKEN: dict[str, Json] = {
    "text of one": text("a"),
    "text of 4096": text("a" * 4096),
    "text of 4096 units in emoji": text(PARTY * 2048),
    "text without a type": {"messaging_product": "whatsapp", "to": "393331234567", "text": {"body": "x"}},
    "text with a preview": message("text", {"body": "https://a.example", "preview_url": True}),
    "text as an answer": text(context={"message_id": "wamid.x"}),
    "opaque of 512": text(biz_opaque_callback_data="o" * 512),
    "to a user id": {"messaging_product": "whatsapp", "recipient": "IT.134A", "type": "text", "text": {"body": "x"}},
    "to a parent user id": {"messaging_product": "whatsapp", "recipient": "US.ENT.118", "text": {"body": "x"}},
    "to both": text(recipient="IT.134"),
    "one button": reply_buttons(("a", "Yes")),
    "titles of 19 and 20": reply_buttons(("a", "t" * 19), ("b", "t" * 20)),
    "a title of 20 units in emoji": reply_buttons(("a", PARTY * 10)),
    "a title of one joined emoji": reply_buttons(("a", FAMILY)),
    "an Arabic title": reply_buttons(("a", "عرض المكافآت")),
    "titles that differ in case": reply_buttons(("a", "Yes"), ("b", "yes")),
    "three buttons": reply_buttons(("a", "1"), ("b", "2"), ("c", "3")),
    "a button id of 256": reply_buttons(("i" * 256, "Yes")),
    "a button body of 1024": reply_buttons(("a", "Yes"), body={"text": "b" * 1024}),
    "header and footer of 60": reply_buttons(
        ("a", "Yes"), header={"type": "text", "text": "h" * 60}, footer={"text": "f" * 60}
    ),
    "a picture above buttons": reply_buttons(
        ("a", "Yes"), header={"type": "image", "image": {"link": "https://a.example/b.png"}}
    ),
    "ten rows in a section without a title": sections({"rows": rows(10)}),
    "ten rows in ten sections": sections(*({"title": f"s{n}", "rows": [row(f"r{n}")]} for n in range(10))),
    "all list texts at their limit": sections(
        {"title": "s" * 24, "rows": [row("i" * 200, "t" * 24, description="d" * 72)]},
        button="b" * 20,
        header={"type": "text", "text": "h" * 60},
        footer={"text": "f" * 60},
        body={"text": "b" * 1024},
    ),
    "equal row titles": sections({"rows": [row("a", "Same"), row("b", "Same")]}),
    "a link": interactive(
        "cta_url", {"name": "cta_url", "parameters": {"display_text": "Go", "url": "https://a.example"}}
    ),
    "a location request": interactive("location_request_message", {"name": "send_location"}),
    "a contact request": interactive("request_contact_info", {"name": "request_contact_info"}),
    "a carousel of links": carousel(
        {"name": "cta_url", "parameters": {"display_text": "l" * 20, "url": "https://a.example"}}
    ),
    "a carousel of replies": carousel(quick_replies("i" * 20, "t" * 20), body={"text": f"{'b' * 158}\n\n"}),
    "a picture by link": message("image", {"link": "https://a.example/b.png", "caption": "c" * 1024}),
    "a document by id": message("document", {"id": "1", "filename": "a.pdf", "caption": "c"}),
    "a voice note": message("audio", {"id": "1", "voice": True}),
    "a film": message("video", {"link": "http://a.example/b.mp4"}),
    "a sticker": message("sticker", {"id": "1"}),
    "a place in texts": message("location", {"latitude": "45.46", "longitude": "9.19"}),
    "a reaction": message("reaction", {"message_id": "wamid.x", "emoji": FAMILY}),
    "a reaction taken back": message("reaction", {"message_id": "wamid.x", "emoji": ""}),
    "a contact": message("contacts", [{"name": {"formatted_name": "Ada", "first_name": "Ada"}}]),
    "a template": template(),
    "a template with parameters": template(components=[body_parameter("Ada"), {"type": "BODY", "parameters": []}]),
    "read": {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.x"},
    "read and typing": {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": "wamid.x",
        "typing_indicator": {"type": "text"},
    },
}

REFUSED: dict[str, tuple[int, Json]] = {
    "nothing": (100, {}),
    "another product": (100, {**text(), "messaging_product": "sms"}),
    "no addressee": (100, {"messaging_product": "whatsapp", "type": "text", "text": {"body": "x"}}),
    "an empty addressee": (100, {**text(), "to": ""}),
    "a number as a number": (131009, {**text(), "to": 393331234567}),
    "digits of another script": (131009, {**text(), "to": "٣٩٣٣٣١٢٣٤٥٦٧"}),
    "a name as addressee": (131009, {**text(), "to": "Giulia"}),
    "a broken user id": (131009, text(recipient="it.134")),
    "a group": (131009, text(recipient_type="group")),
    "an unknown type": (131051, message("poll", {})),
    "a type that is a list": (100, {**text(), "type": ["text"]}),
    "type and content that differ": (100, {**text(), "type": "image"}),
    "a misspelt field": (100, text(bizopaque="x")),
    "an empty text": (131008, text("")),
    "a blank text": (131009, text(" \n ")),
    "no text": (131008, message("text", {})),
    "text as null": (131008, text(None)),
    "text as a number": (100, text(7)),
    "text as a string": (100, message("text", "Ciao")),
    "text of 4097": (100, text("a" * 4097)),
    "text of 4097 units": (100, text("a" + PARTY * 2048)),
    "a preview that is a text": (100, message("text", {"body": "x", "preview_url": "yes"})),
    "opaque of 513": (100, text(biz_opaque_callback_data="o" * 513)),
    "an answer to nothing": (131008, text(context={})),
    "no buttons": (131009, reply_buttons()),
    "four buttons": (131009, reply_buttons(("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"))),
    "a title of 21": (131009, reply_buttons(("a", "t" * 21))),
    "a title of 21 units": (131009, reply_buttons(("a", "t" + PARTY * 10))),
    "a title of two joined emoji": (131009, reply_buttons(("a", FAMILY * 2))),
    "an empty title": (131008, reply_buttons(("a", ""))),
    "a blank title": (131009, reply_buttons(("a", " "))),
    "equal titles": (131009, reply_buttons(("a", "Yes"), ("b", "Yes"))),
    "equal ids": (131009, reply_buttons(("a", "Yes"), ("a", "No"))),
    "a button id of 257": (131009, reply_buttons(("i" * 257, "Yes"))),
    "a button id with a space before": (131009, reply_buttons((" a", "Yes"))),
    "a button id with a line break after": (131009, reply_buttons(("a\n", "Yes"))),
    "no button id": (131008, interactive("button", {"buttons": [{"type": "reply", "reply": {"title": "Yes"}}]})),
    "a url as a reply button": (131009, interactive("button", {"buttons": [{"type": "url", "reply": {}}]})),
    "buttons as an object": (100, interactive("button", {"buttons": {}})),
    "a button as a text": (100, interactive("button", {"buttons": ["Yes"]})),
    "no body": (131008, message("interactive", {"type": "button", "action": {"buttons": []}})),
    "an empty body": (131008, reply_buttons(("a", "Yes"), body={"text": ""})),
    "a body of 1025": (131009, reply_buttons(("a", "Yes"), body={"text": "b" * 1025})),
    "a footer of 61": (131009, reply_buttons(("a", "Yes"), footer={"text": "f" * 61})),
    "an empty footer": (131008, reply_buttons(("a", "Yes"), footer={"text": ""})),
    "a header of 61": (131009, reply_buttons(("a", "Yes"), header={"type": "text", "text": "h" * 61})),
    "a header without its picture": (131008, reply_buttons(("a", "Yes"), header={"type": "image"})),
    "an unknown interactive type": (131009, interactive("quiz", {})),
    "an unknown interactive field": (100, reply_buttons(("a", "Yes"), buttons=[])),
    "no action": (131008, message("interactive", {"type": "list", "body": {"text": "x"}})),
    "no list button": (131008, interactive("list", {"sections": [{"rows": rows(1)}]})),
    "a list button of 21": (131009, sections({"rows": rows(1)}, button="b" * 21)),
    "no sections": (131009, sections()),
    "a section without rows": (131009, sections({"rows": []})),
    "eleven rows": (131009, sections({"rows": rows(11)})),
    "eleven rows in two sections": (
        131009,
        sections({"title": "a", "rows": rows(6)}, {"title": "b", "rows": rows(5, 6)}),
    ),
    "eleven sections": (131009, sections(*({"title": f"s{n}", "rows": [row(f"r{n}")]} for n in range(11)))),
    "two sections, one without a title": (131008, sections({"title": "a", "rows": rows(1)}, {"rows": rows(1, 1)})),
    "a section title of 25": (131009, sections({"title": "s" * 25, "rows": rows(1)})),
    "a row title of 25": (131009, sections({"rows": [row("a", "t" * 25)]})),
    "a row title of 25 units": (131009, sections({"rows": [row("a", "t" + COFFEE * 2 + PARTY * 11)]})),
    "an empty row title": (131008, sections({"rows": [row("a", "")]})),
    "a row description of 73": (131009, sections({"rows": [row("a", description="d" * 73)]})),
    "an empty row description": (131008, sections({"rows": [row("a", description="")]})),
    "a row id of 201": (131009, sections({"rows": [row("i" * 201)]})),
    "equal row ids in two sections": (
        131009,
        sections({"title": "a", "rows": rows(1)}, {"title": "b", "rows": rows(1)}),
    ),
    "a picture above a list": (131009, sections({"rows": rows(1)}, header={"type": "image", "image": {"id": "1"}})),
    "a list body of 1025": (131009, sections({"rows": rows(1)}, body={"text": "b" * 1025})),
    "a link without an address": (
        131008,
        interactive("cta_url", {"name": "cta_url", "parameters": {"display_text": "x"}}),
    ),
    "a link to a script": (
        131009,
        interactive("cta_url", {"name": "cta_url", "parameters": {"display_text": "x", "url": "javascript:alert(1)"}}),
    ),
    "a link label of 21": (
        131009,
        interactive(
            "cta_url", {"name": "cta_url", "parameters": {"display_text": "x" * 21, "url": "https://a.example"}}
        ),
    ),
    "a location request with a footer": (
        100,
        interactive("location_request_message", {"name": "send_location"}, footer={"text": "x"}),
    ),
    "a location request for a contact": (131009, interactive("location_request_message", {"name": "send_contact"})),
    "a flow without an id": (
        131008,
        interactive("flow", {"name": "flow", "parameters": {"flow_message_version": "3", "flow_cta": "Go"}}),
    ),
    "a carousel of one card": (131009, interactive("carousel", {"cards": [card(0, quick_replies("a", "Yes"))]})),
    "a card of 161": (131009, carousel(quick_replies("a", "Yes"), body={"text": "b" * 161})),
    "a card of four lines": (131009, carousel(quick_replies("a", "Yes"), body={"text": "1\n2\n3\n4"})),
    "a card without a picture": (131009, carousel(quick_replies("a", "Yes"), header={"type": "text", "text": "x"})),
    "a reply of 21 on a card": (131009, carousel(quick_replies("a", "t" * 21))),
    "a reply id of 21 on a card": (131009, carousel(quick_replies("i" * 21, "Yes"))),
    "cards of two kinds": (
        131009,
        interactive(
            "carousel",
            {"cards": [card(0, quick_replies("a", "Yes")), card(1, {"parameters": {"display_text": "x", "url": "y"}})]},
        ),
    ),
    "cards in another order": (
        131009,
        interactive("carousel", {"cards": [card(1, quick_replies("a", "Yes")), card(0, quick_replies("b", "No"))]}),
    ),
    "a picture without a source": (131008, message("image", {"caption": "x"})),
    "a picture with two sources": (131008, message("image", {"id": "1", "link": "https://a.example"})),
    "a picture from a disk": (131009, message("image", {"link": "file:///etc/passwd"})),
    "a caption of 1025": (100, message("image", {"id": "1", "caption": "c" * 1025})),
    "a caption under a voice note": (100, message("audio", {"id": "1", "caption": "c"})),
    "a caption under a sticker": (100, message("sticker", {"id": "1", "caption": "c"})),
    "a place without a longitude": (131008, message("location", {"latitude": 45})),
    "a place nowhere": (131009, message("location", {"latitude": 91, "longitude": 0})),
    "a place that is not a number": (131009, message("location", {"latitude": "nan", "longitude": 0})),
    "a reaction to nothing": (131008, message("reaction", {"emoji": "👍"})),
    "a reaction without an emoji": (131008, message("reaction", {"message_id": "wamid.x"})),
    "contacts as an object": (100, message("contacts", {})),
    "no contacts": (131009, message("contacts", [])),
    "258 contacts": (131009, message("contacts", [{"name": {"formatted_name": "A"}}] * 258)),
    "a contact without a name": (131008, message("contacts", [{"phones": []}])),
    "a template without a name": (131008, message("template", {"language": {"code": "en"}})),
    "a template with capitals": (131009, template(name="Points")),
    "a template name of 513": (131009, template(name="n" * 513)),
    "a template without a language": (131008, message("template", {"name": "a"})),
    "a template in an impossible language": (131009, template(language={"code": "English"})),
    "a template parameter with a line break": (132012, template(components=[body_parameter("a\nb")])),
    "a template parameter with five spaces": (132012, template(components=[body_parameter("a     b")])),
    "an empty template parameter": (131008, template(components=[body_parameter("")])),
    "an unknown component": (131009, template(components=[{"type": "buttons"}])),
    "components as an object": (100, template(components={})),
    "a template button without an index": (131009, template(components=[{"type": "button", "sub_type": "url"}])),
    "an unknown status": (131009, {"messaging_product": "whatsapp", "status": "delivered", "message_id": "x"}),
    "read nothing": (131008, {"messaging_product": "whatsapp", "status": "read"}),
    "read with an addressee": (100, {"messaging_product": "whatsapp", "status": "read", "message_id": "x", "to": "1"}),
    "typing in colour": (
        131009,
        {"messaging_product": "whatsapp", "status": "read", "message_id": "x", "typing_indicator": {"type": "red"}},
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_takes(name: str) -> None:
    check(TAKEN[name])


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str) -> None:
    code, body = REFUSED[name]
    assert code_of(body) == code


def test_counts_utf16_units() -> None:
    assert [units(sample) for sample in ("", "a", "è", COFFEE, PARTY, FAMILY, "\ud83c")] == [0, 1, 1, 1, 2, 11, 1]


@pytest.mark.parametrize("kind", ["text", "interactive", "image", "template", "location", "reaction"])
@pytest.mark.parametrize("content", [None, 0, "", [], "x", {"type": None}, {"body": {}}])
def test_never_fails_otherwise_than_by_refusing(kind: str, content: Any) -> None:
    with pytest.raises(Rejected):
        check(message(kind, content))


# --- over HTTP ---


@pytest.fixture
def graph() -> StandInGraph:
    return StandInGraph(TOKEN, NUMBER)


Post = Callable[..., Any]


@pytest.fixture
async def client(graph: StandInGraph) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(graph.application())) as client:
        yield client


async def post(client: TestClient[Any, Any], body: Any, path: str = PATH, **options: Any) -> tuple[int, Json]:
    async with client.post(path, json=body, headers=HEADERS, **options) as answer:
        return answer.status, await answer.json()


async def test_answers_like_meta(graph: StandInGraph, client: TestClient[Any, Any]) -> None:
    status, body = await post(client, text("Ciao"))
    (sent,) = graph.messages
    assert status == 200
    assert body == {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "+393331234567", "wa_id": "393331234567"}],
        "messages": [{"id": sent.wamid}],
    }
    assert sent.wamid.startswith("wamid.HBg")
    assert (sent.to, sent.kind, sent.text, sent.failure) == ("393331234567", "text", "Ciao", None)


@pytest.mark.parametrize(
    ("address", "contact"),
    [
        ({"to": "393331234567"}, {"input": "393331234567", "wa_id": "393331234567"}),
        ({"recipient": "IT.134"}, {"input": "IT.134", "user_id": "IT.134"}),
        (
            {"to": "+393331234567", "recipient": "IT.134"},
            {"input": "+393331234567", "wa_id": "393331234567", "user_id": "IT.134"},
        ),
    ],
)
async def test_names_the_addressee(client: TestClient[Any, Any], address: Json, contact: Json) -> None:
    _, body = await post(client, {"messaging_product": "whatsapp", "type": "text", "text": {"body": "x"}, **address})
    assert body["contacts"] == [contact]


async def test_errors_have_metas_shape(graph: StandInGraph, client: TestClient[Any, Any]) -> None:
    status, body = await post(client, reply_buttons(("a", "t" * 21)))
    trace = body["error"].pop("fbtrace_id")
    assert status == 400
    assert trace
    details = "Param interactive.action.buttons[0].reply.title must be at most 20 characters long (it has 21)."
    assert body == {
        "error": {
            "message": "(#131009) Parameter value is not valid",
            "type": "OAuthException",
            "code": 131009,
            "error_data": {"messaging_product": "whatsapp", "details": details},
        }
    }
    assert graph.messages == []
    assert [refused.error.code for refused in graph.refused] == [131009]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}])
async def test_asks_for_the_token(graph: StandInGraph, client: TestClient[Any, Any], headers: dict[str, str]) -> None:
    async with client.post(PATH, json=text(), headers=headers) as answer:
        assert answer.status == 401
        assert (await answer.json())["error"]["code"] == 190
    assert graph.messages == []


async def test_knows_its_number(client: TestClient[Any, Any]) -> None:
    status, body = await post(client, text(), path="/v24.0/1/messages")
    assert (status, body["error"]["code"]) == (400, 33)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe"])
async def test_a_body_that_is_no_object(client: TestClient[Any, Any], raw: bytes) -> None:
    async with client.post(PATH, data=raw, headers=HEADERS) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] == 100


async def test_read_receipts(graph: StandInGraph, client: TestClient[Any, Any]) -> None:
    for name in ("read", "read and typing"):
        assert await post(client, TAKEN[name]) == (200, {"success": True})
    assert [(mark.wamid, mark.typing) for mark in graph.reads] == [("wamid.x", False), ("wamid.x", True)]
    assert graph.messages == []


async def test_planned_failures(graph: StandInGraph, client: TestClient[Any, Any]) -> None:
    graph.fail_next(131056, times=2)
    graph.fail_next(2)
    graph.fail_next(424242, http_status=418)
    answers = [await post(client, text()) for _ in range(5)]
    assert [(status, body.get("error", {}).get("code")) for status, body in answers] == [
        (400, 131056),
        (400, 131056),
        (503, 2),
        (418, 424242),
        (200, None),
    ]
    assert len(graph.messages) == 1


async def test_late_failures_are_accepted_first(graph: StandInGraph, client: TestClient[Any, Any]) -> None:
    graph.fail_next(131026, later=True)
    assert [(await post(client, text()))[0] for _ in range(2)] == [200, 200]
    first, second = graph.messages
    assert first.failure is not None
    assert first.failure.code == 131026
    assert second.failure is None


async def test_waits_and_observes(graph: StandInGraph, client: TestClient[Any, Any]) -> None:
    seen: list[Sent] = []
    graph.on_message.append(seen.append)
    graph.delay = 0.02
    waiting = asyncio.create_task(graph.wait_for(2))
    await asyncio.gather(post(client, text("1")), post(client, {**text("2"), "to": "+447700900123"}))
    assert await waiting == seen == graph.messages
    assert [sent.text for sent in graph.sent_to("+447700900123")] == ["2"]
    assert graph.sent_to("1") == []
    assert await graph.wait_for(1) == seen
    with pytest.raises(TimeoutError, match="2 of 3"):
        await graph.wait_for(3, timeout=0.01)
    graph.clear()
    assert graph.messages == []


def test_text_of_a_message() -> None:
    samples = {"one button": "Choose", "a picture by link": "c" * 1024, "a contact": "", "a template": ""}
    for name, words in samples.items():
        assert Sent("wamid.x", "1", TAKEN[name], 0.0).text == words


async def test_serve_gives_the_address() -> None:
    graph = StandInGraph(TOKEN)
    async with (
        serve(graph) as url,
        aiohttp.ClientSession(headers=HEADERS) as session,
        session.post(f"{url}/4711/messages", json=text()) as answer,
    ):
        assert answer.status == 200
    assert len(graph.messages) == 1


# --- rules that depend on time ---


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


DAY = 24 * 3600


def failure_code(graph: StandInGraph, body: Json) -> int | None:
    graph.accept(body)
    failure = graph.messages[-1].failure
    return failure.code if failure else None


def test_window() -> None:
    clock = Clock()
    window = ServiceWindow()
    graph = StandInGraph(TOKEN, window=window, clock=clock)
    to_user = {"messaging_product": "whatsapp", "recipient": "IT.134", "type": "text", "text": {"body": "x"}}
    assert failure_code(graph, text()) == 131047
    assert failure_code(graph, template()) is None
    window.wrote(("393331234567", "IT.134"), clock.now)
    assert failure_code(graph, text()) is None
    assert failure_code(graph, {**text(), "to": "393331234567"}) is None
    assert failure_code(graph, to_user) is None
    clock.now += DAY - 1
    assert failure_code(graph, text()) is None
    clock.now += 1
    assert failure_code(graph, text()) == 131047
    window.wrote(("393331234567",), clock.now)
    window.wrote(("393331234567",), clock.now - DAY)  # a late webhook never shortens it
    assert failure_code(graph, text()) is None
    assert failure_code(graph, to_user) == 131047


def test_pair_limit() -> None:
    clock = Clock()
    graph = StandInGraph(TOKEN, pair_limit=PairLimit(), clock=clock)

    def refusal(body: Json) -> int | None:
        try:
            graph.accept(body)
        except Rejected as error:
            return error.code
        return None

    assert [refusal(text()) for _ in range(46)] == [None] * 45 + [131056]
    assert not refusal({**text(), "to": "+447700900123"})
    clock.now += 45 * 6 - 1
    assert refusal(text())
    clock.now += 1
    assert [refusal(text()) for _ in range(20)] == [None] * 20
    clock.now += 7
    assert refusal(text())
    clock.now += 20 * 6
    assert not refusal(text())


def test_a_message_every_six_seconds_is_never_limited() -> None:
    limit = PairLimit()
    assert all(limit.admit("1", 6.0 * number) for number in range(1000))
