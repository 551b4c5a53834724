"""The simulator's page routes, with a chat process and a service played by two small servers."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, unused_port

from simulator import Customer, SimulatorConfig, sign
from simulator.app import GRAPH, STATIC, build_simulator

Json = dict[str, Any]

GIULIA = Customer("Giulia", "+393331234567", "IT.134", "it", wrote_recently=True)
TOM = Customer("Tom", "+447700900123")
LUCIA = Customer("Lucía", user_id="ES.987A", language="es")
BUTTONS = {"buttons": [{"type": "reply", "reply": {"id": "tok-1", "title": "Yes"}}]}
ROWS = {"button": "Rewards", "sections": [{"rows": [{"id": "tok-2", "title": "Coffee", "description": "100 points"}]}]}


@dataclass
class Rest:
    """The chat process and the service: what they got, and what they answer."""

    updates: list[Json] = field(default_factory=list)
    events: list[tuple[Json, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    status: int = 200
    known: bool = True

    async def webhook(self, request: web.Request) -> web.Response:
        raw = await request.read()
        assert request.headers["X-Hub-Signature-256"] == sign("app-secret", raw)
        self.updates.append(json.loads(raw)["entry"][0]["changes"][0]["value"])
        return web.Response(status=self.status)

    async def event(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer api-key"
        self.events.append((await request.json(), request.headers["Idempotency-Key"]))
        return web.json_response({"status": "accepted", "points": 42})

    async def member(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer api-key"
        self.asked.append(request.raw_path)
        if not self.known:
            return web.json_response({"error": {"code": "unknown", "message": "no such member"}}, status=404)
        return web.json_response({"points": {"available": 7}, "ref": request.match_info["ref"]})

    @property
    def messages(self) -> list[Json]:
        return [message for update in self.updates for message in update.get("messages", ())]

    @property
    def statuses(self) -> list[Json]:
        return [status for update in self.updates for status in update.get("statuses", ())]


class Simulator:
    """The simulator under test, with shortcuts."""

    def __init__(self, client: TestClient[Any, Any], rest: Rest, config: SimulatorConfig) -> None:
        self.client = client
        self.rest = rest
        self.config = config

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        async with self.client.request(method, path, json=body, **options) as answer:
            return answer.status, await answer.json()

    async def state(self) -> dict[str, Json]:
        _, state = await self.call("GET", "/sim/state")
        return {chat["key"]: chat for chat in state["chats"]}

    async def bubbles(self, key: str) -> list[Json]:
        return list((await self.state())[key]["bubbles"])

    async def business_sends(self, body: Json) -> str:
        headers = {"Authorization": f"Bearer {self.config.access_token}"}
        path = f"/v24.0/{self.config.phone_number_id}/messages"
        status, answer = await self.call("POST", path, {"messaging_product": "whatsapp", **body}, headers=headers)
        assert status == 200, answer
        return str(answer["messages"][0]["id"]) if "messages" in answer else ""

    async def until(self, reached: Callable[[], Any]) -> None:
        for _ in range(200):
            if reached():
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"never reached; webhooks so far: {self.rest.updates}")


@pytest.fixture
def rest() -> Rest:
    return Rest()


@pytest.fixture
async def simulator(rest: Rest) -> AsyncIterator[Simulator]:
    async with AsyncExitStack() as stack:
        yield await start(rest, stack)


async def start(rest: Rest, stack: AsyncExitStack, **changes: Any) -> Simulator:
    app = web.Application()
    app.router.add_post("/hook", rest.webhook)
    app.router.add_post("/v1/events", rest.event)
    app.router.add_get("/v1/members/{ref}", rest.member)
    app.router.add_get("/v1/members/{ref}/ledger", rest.member)
    server = await stack.enter_async_context(TestServer(app))
    config = SimulatorConfig(
        business_name="Caffè Aurora",
        business_phone="+390612345678",
        phone_number_id="106540352242922",
        access_token="token-1",
        app_secret="app-secret",
        webhook_url=str(server.make_url("/hook")),
        service_url=str(server.make_url("/")),
        api_key="api-key",
        customers=(GIULIA, TOM, LUCIA),
    )
    config = replace(config, **changes)
    client = await stack.enter_async_context(TestClient(TestServer(build_simulator(config))))
    return Simulator(client, rest, config)


def interactive(kind: str, action: Json, **address: str) -> Json:
    return {**address, "type": "interactive", "interactive": {"type": kind, "body": {"text": "?"}, "action": action}}


async def test_state(simulator: Simulator) -> None:
    status, state = await simulator.call("GET", "/sim/state")
    assert status == 200
    assert state["business"] == {"name": "Caffè Aurora", "phone": "+390612345678"}
    assert [chat["key"] for chat in state["chats"]] == ["393331234567", "447700900123", "ES.987A"]
    assert "token-1" not in json.dumps(state)
    assert "api-key" not in json.dumps(state)


async def test_the_secrets_stay_out_of_the_log(simulator: Simulator) -> None:
    assert not re.search("token-1|app-secret|api-key", repr(simulator.config))


async def test_a_typed_message_and_its_ticks(simulator: Simulator, rest: Rest) -> None:
    status, bubble = await simulator.call("POST", "/sim/chats/ES.987A/text", {"text": " ¿cuántos puntos tengo? "})
    assert (status, bubble["ticks"], bubble["side"]) == (201, 1, "out")
    await simulator.until(lambda: rest.messages)
    (message,) = rest.messages
    assert message["from_user_id"] == "ES.987A"
    assert message["text"] == {"body": "¿cuántos puntos tengo?"}
    assert [each["ticks"] for each in await simulator.bubbles("ES.987A")] == [2]
    await simulator.business_sends(
        {"status": "read", "message_id": message["id"], "typing_indicator": {"type": "text"}}
    )
    assert [each["ticks"] for each in await simulator.bubbles("ES.987A")] == [3]


async def test_an_answer_turns_the_ticks_blue_and_is_reported(simulator: Simulator, rest: Rest) -> None:
    await simulator.call("POST", "/sim/chats/393331234567/text", {"text": "Ciao"})
    text = {"body": "Ciao *Giulia*"}
    wamid = await simulator.business_sends(
        {"to": "+393331234567", "type": "text", "text": text, "biz_opaque_callback_data": "out-1"}
    )
    first, second = await simulator.bubbles("393331234567")
    assert (first["ticks"], second["side"], second["content"]["text"]) == (3, "in", text)
    await simulator.until(lambda: len(rest.statuses) == 2)
    await simulator.call("POST", "/sim/chats/393331234567/open", {})
    await simulator.until(lambda: len(rest.statuses) == 3)
    assert [status["status"] for status in rest.statuses] == ["sent", "delivered", "read"]
    assert {status["id"] for status in rest.statuses} == {wamid}
    assert {status["biz_opaque_callback_data"] for status in rest.statuses} == {"out-1"}
    await simulator.call("POST", "/sim/chats/393331234567/open", {})
    assert (await simulator.bubbles("393331234567"))[1]["seen"] is True
    assert len(rest.statuses) == 3, "read is reported once"


async def test_taps_repeat_the_words_of_the_business(simulator: Simulator, rest: Rest) -> None:
    address = {"to": "+393331234567"}
    asked = await simulator.business_sends(interactive("button", BUTTONS, **address))
    listed = await simulator.business_sends(interactive("list", ROWS, **address))
    quick = {"type": "payload", "payload": "tok-3"}
    button = {"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": [quick]}
    offered = await simulator.business_sends(
        {**address, "type": "template", "template": {"name": "a", "language": {"code": "it"}, "components": [button]}}
    )
    taps = [(asked, "tok-1"), (listed, "tok-2"), (offered, "tok-3"), (asked, "tok-1")]  # the last one is stale
    for wamid, key in taps:
        body = {"message": wamid, "id": key, "title": "Stop"}
        assert (await simulator.call("POST", "/sim/chats/393331234567/tap", body))[0] == 201
    await simulator.until(lambda: len(rest.messages) == 4)
    first, second, third, fourth = rest.messages
    assert (
        first["interactive"]["button_reply"] == fourth["interactive"]["button_reply"] == {"id": "tok-1", "title": "Yes"}
    )
    row = {"id": "tok-2", "title": "Coffee", "description": "100 points"}
    assert second["interactive"]["list_reply"] == row
    assert third["button"] == {"payload": "tok-3", "text": "Stop"}
    assert [message["context"]["id"] for message in rest.messages] == [wamid for wamid, _ in taps]


@pytest.mark.parametrize(
    ("key", "change"),
    [("447700900123", {}), ("393331234567", {"id": "tok-9"}), ("393331234567", {"message": "wamid.other"})],
)
async def test_a_tap_on_nothing(simulator: Simulator, rest: Rest, key: str, change: Json) -> None:
    asked = await simulator.business_sends(interactive("button", BUTTONS, to="+393331234567"))
    status, body = await simulator.call("POST", f"/sim/chats/{key}/tap", {"message": asked, "id": "tok-1"} | change)
    assert (status, body) == (404, {"error": {"message": "There is no such button in this chat."}})
    assert rest.messages == []


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        ("voice", "audio"),
        ("photo", "image"),
        ("video", "video"),
        ("document", "document"),
        ("sticker", "sticker"),
        ("location", "location"),
        ("poll", "unsupported"),
        ("contact", "contacts"),
    ],
)
async def test_media(simulator: Simulator, rest: Rest, kind: str, type_: str) -> None:
    body = {"kind": kind, "reply_to": "wamid.q"}
    assert (await simulator.call("POST", "/sim/chats/447700900123/media", body))[0] == 201
    await simulator.until(lambda: rest.messages)
    assert rest.messages[0]["type"] == type_


async def test_the_window_opens_by_writing(simulator: Simulator, rest: Rest) -> None:
    text = {"type": "text", "text": {"body": "x"}}
    await simulator.business_sends({"to": "+447700900123", **text})
    await simulator.until(lambda: rest.statuses)
    (failed,) = rest.statuses
    assert failed["status"] == "failed"
    assert failed["errors"][0]["code"] == 131047
    assert "contacts" not in rest.updates[0]
    assert "131047" in (await simulator.bubbles("447700900123"))[0]["failure"]
    await simulator.call("POST", "/sim/chats/447700900123/text", {"text": "hello"})
    await simulator.business_sends({"to": "+447700900123", **text})
    assert [bool(each["failure"]) for each in await simulator.bubbles("447700900123")] == [True, False, False]


async def test_seeded_windows_hold_for_both_addresses(simulator: Simulator) -> None:
    for address in ({"to": "+393331234567"}, {"recipient": "IT.134"}):
        await simulator.business_sends({**address, "type": "text", "text": {"body": "x"}})
    assert [each["failure"] for each in await simulator.bubbles("393331234567")] == [None, None]


async def test_reactions_of_the_business(simulator: Simulator, rest: Rest) -> None:
    _, bubble = await simulator.call("POST", "/sim/chats/393331234567/text", {"text": "Ciao"})
    for emoji, shown in (("❤️", "❤️"), ("", None)):
        reaction = {"message_id": bubble["id"], "emoji": emoji}
        await simulator.business_sends({"to": "+393331234567", "type": "reaction", "reaction": reaction})
        (only,) = await simulator.bubbles("393331234567")
        assert only["reaction"] == shown
    await simulator.until(lambda: len(rest.statuses) == 2)
    assert {status["status"] for status in rest.statuses} == {"sent"}


async def test_a_stranger_gets_a_chat(simulator: Simulator) -> None:
    template = {"name": "invitation", "language": {"code": "it"}}
    for address in ({"to": "+33612345678"}, {"recipient": "FR.1"}):
        await simulator.business_sends({**address, "type": "template", "template": template})
    assert {"33612345678", "FR.1"} <= set(await simulator.state())


async def test_without_statuses(rest: Rest) -> None:
    async with AsyncExitStack() as stack:
        simulator = await start(rest, stack, statuses=False)
        await simulator.business_sends({"to": "+393331234567", "type": "text", "text": {"body": "x"}})
        await simulator.call("POST", "/sim/chats/393331234567/text", {"text": "y"})
        await simulator.until(lambda: rest.messages)
        assert rest.statuses == []


async def test_trouble_with_the_webhook_is_told_and_ends(simulator: Simulator, rest: Rest) -> None:
    rest.status = 503
    await simulator.call("POST", "/sim/chats/447700900123/text", {"text": "hello"})
    await simulator.until(lambda: rest.updates)
    _, state = await simulator.call("GET", "/sim/state")
    assert state["webhook"]["ok"] is False
    assert "503" in state["webhook"]["detail"]
    assert [each["ticks"] for each in await simulator.bubbles("447700900123")] == [1]
    rest.status = 200
    await simulator.until(lambda: len(rest.updates) == 2)
    assert [each["ticks"] for each in await simulator.bubbles("447700900123")] == [2]
    _, state = await simulator.call("GET", "/sim/state")
    assert state["webhook"] == {"ok": True, "detail": ""}


async def test_live_events(simulator: Simulator) -> None:
    async with simulator.client.ws_connect("/sim/live") as page:
        _, bubble = await simulator.call("POST", "/sim/chats/393331234567/text", {"text": "Ciao"})
        event = await page.receive_json(timeout=1)
        assert (event["event"], event["chat"], event["bubble"]["ticks"]) == ("bubble", "393331234567", 1)
        await simulator.business_sends(
            {"status": "read", "message_id": bubble["id"], "typing_indicator": {"type": "text"}}
        )
        kinds = set()
        while "typing" not in kinds:
            kinds.add((await page.receive_json(timeout=1))["event"])


async def test_stopping_does_not_wait_for_pages(rest: Rest) -> None:
    async with AsyncExitStack() as stack:
        simulator = await start(rest, stack)
        page = await simulator.client.ws_connect("/sim/live")
        stopping = asyncio.create_task(simulator.client.server.close())
        message = await page.receive(timeout=1)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        await asyncio.wait_for(stopping, 2)


# --- people ---


async def test_adding_people(simulator: Simulator, rest: Rest) -> None:
    status, chat = await simulator.call("POST", "/sim/chats", {"name": "Nino", "phone": "+39 340 111 2222"})
    assert (status, chat["key"], chat["language"]) == (201, "393401112222", "en")
    status, chat = await simulator.call("POST", "/sim/chats", {"name": "ليلى", "language": "ar"})
    assert status == 201
    assert re.fullmatch(r"IT\.\d{20}", chat["user_id"])
    assert chat["phone"] is None
    assert (await simulator.call("POST", f"/sim/chats/{chat['key']}/text", {"text": "كم عدد نقاطي؟"}))[0] == 201
    await simulator.until(lambda: rest.messages)
    assert "from" not in rest.messages[0]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "X", "phone": "340"}, "country code"),
        ({"name": "X", "user_id": "134"}, "User id"),
        ({"name": "X", "phone": "+393331234567"}, "already"),
        ({"name": "X", "user_id": "IT.134"}, "already"),
        ({"name": "X", "language": "de"}, "Languages"),
        ({"name": 7}, "name"),
        ([], "JSON object"),
    ],
)
async def test_people_that_cannot_be_added(simulator: Simulator, body: Any, words: str) -> None:
    status, answer = await simulator.call("POST", "/sim/chats", body)
    assert status == 400
    assert words in answer["error"]["message"]
    assert len(await simulator.state()) == 3


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/sim/chats/1/text", {"text": "x"}, 404),
        ("/sim/chats/1/open", {}, 404),
        ("/sim/chats/393331234567/text", {"text": "  "}, 400),
        ("/sim/chats/393331234567/text", {"text": "x" * 65537}, 400),
        ("/sim/chats/393331234567/media", {"kind": "hologram"}, 400),
        ("/sim/chats/ES.987A/media", {"kind": "contact"}, 400),
        ("/sim/nothing", {}, 404),
    ],
)
async def test_refusals_are_one_line(simulator: Simulator, rest: Rest, path: str, body: Json, expected: int) -> None:
    status, answer = await simulator.call("POST", path, body)
    assert status == expected
    assert answer["error"]["message"]
    assert "\n" not in answer["error"]["message"]
    assert rest.updates == []


async def test_other_sites_are_kept_out(simulator: Simulator) -> None:
    headers = {"Origin": "https://evil.example"}
    assert (await simulator.call("GET", "/sim/state", headers=headers))[0] == 403
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await simulator.client.ws_connect("/sim/live", headers=headers)
    own = {"Origin": str(simulator.client.make_url("/")).rstrip("/")}
    assert (await simulator.call("GET", "/sim/state", headers=own))[0] == 200


# --- the till and the card ---


async def test_purchases(simulator: Simulator, rest: Rest) -> None:
    for key, amount in (("393331234567", "42.50"), ("ES.987A", "7,5")):
        status, answer = await simulator.call("POST", "/sim/purchase", {"chat": key, "amount": amount})
        assert (status, answer["points"]) == (200, 42)
    (first, key_1), (second, key_2) = rest.events
    assert first["type"] == "purchase"
    assert first["id"].startswith("demo-till/")
    assert first["id"] != second["id"]
    assert key_1 != key_2
    assert (first["member"], first["amount"], first["currency"]) == ({"phone": "+393331234567"}, "42.50", "EUR")
    assert (second["member"], second["amount"]) == ({"user": "ES.987A"}, "7.50")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", first["occurred_at"])


@pytest.mark.parametrize("amount", ["", "0", "0.00", "-1", "1.234", "1e3", "NaN", "٤٢", "99999999", 42, None])
async def test_amounts_that_are_none(simulator: Simulator, rest: Rest, amount: Any) -> None:
    status, _ = await simulator.call("POST", "/sim/purchase", {"chat": "ES.987A", "amount": amount})
    assert status == 400
    assert rest.events == []


async def test_the_card(simulator: Simulator, rest: Rest) -> None:
    for key in ("393331234567", "ES.987A"):
        status, member = await simulator.call("GET", f"/sim/member?chat={key}")
        assert (status, member["points"]) == (200, {"available": 7})
    await simulator.call("GET", "/sim/ledger?chat=393331234567")
    assert rest.asked == [
        "/v1/members/phone%3A%2B393331234567",
        "/v1/members/user%3AES.987A",
        "/v1/members/phone%3A%2B393331234567/ledger",
    ]
    rest.known = False
    assert await simulator.call("GET", "/sim/member?chat=ES.987A") == (200, {"stranger": True})
    assert await simulator.call("GET", "/sim/ledger?chat=ES.987A") == (200, {"entries": []})
    assert (await simulator.call("GET", "/sim/member?chat=nobody"))[0] == 404


async def test_a_service_that_is_away(rest: Rest) -> None:
    async with AsyncExitStack() as stack:
        simulator = await start(rest, stack, service_url=f"http://127.0.0.1:{unused_port()}")
        for method, path, body in (
            ("GET", "/sim/member?chat=ES.987A", None),
            ("POST", "/sim/purchase", {"chat": "ES.987A", "amount": "1"}),
        ):
            status, answer = await simulator.call(method, path, body)
            assert status == 502
            assert "does not answer" in answer["error"]["message"]


# --- the page ---


async def test_the_page_and_its_files(simulator: Simulator) -> None:
    async with simulator.client.get("/") as answer:
        page = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert files
    for path in files + [f"/static/{file.name}" for file in STATIC.iterdir()]:
        async with simulator.client.get(path) as answer:
            assert answer.status == 200, path
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/none.js"):
        async with simulator.client.get(path) as answer:
            assert answer.status in (403, 404), path


def test_the_page_asks_nobody_else_and_builds_no_markup_from_data() -> None:
    for file in STATIC.iterdir():
        source = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"""(src|href|url|import|from)\s*[=(:]?\s*["'(](https?:)?//""", source), file.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", source), file.name


async def test_wa_links(simulator: Simulator) -> None:
    for path in ("/wa/390612345678", "/wa/+390612345678", "/wa/%2B390612345678"):
        async with simulator.client.get(f"{path}?text=Ciao%20%26%20code%3DA1", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (302, "/?text=Ciao%20%26%20code%3DA1")
    async with simulator.client.get("/wa/391") as answer:
        assert answer.status == 404
        assert "the business here is +390612345678" in await answer.text()


async def test_the_graph_is_at_hand(simulator: Simulator) -> None:
    app = simulator.client.app
    assert app is not None
    await simulator.business_sends({"to": "+393331234567", "type": "text", "text": {"body": "x"}})
    assert [sent.text for sent in app[GRAPH].sent_to("+393331234567")] == ["x"]


# --- settings and process ---


def settings(**changes: Any) -> str:
    values = {
        "business_name": "B",
        "business_phone": "+390612345678",
        "phone_number_id": "1",
        "access_token": "t",
        "app_secret": "s",
        "webhook_url": "http://127.0.0.1:9/",
        "service_url": "http://127.0.0.1:9/",
        "api_key": "k",
        "customers": [asdict(GIULIA)],
    }
    return json.dumps({key: value for key, value in {**values, **changes}.items() if value is not None})


def test_settings() -> None:
    config = SimulatorConfig.from_json(settings(currency="GBP"))
    assert (config.customers, config.currency, config.statuses) == ((GIULIA,), "GBP", True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("[]", "JSON object"),
        ("{}", "missing access_token"),
        (settings(api_key=None), "missing api_key"),
        (settings(apikey="x"), "unknown apikey"),
        (settings(business_phone="0612"), "country code"),
        (settings(business_phone=39), "texts"),
        (settings(customers={}), "list"),
        (settings(customers=["Giulia"]), "JSON object"),
        (settings(customers=[{"phone": "+393331234567"}]), "missing name"),
        (settings(customers=[{"name": "X"}]), "phone or a user id"),
        (settings(customers=[{"name": "X", "phone": 39}]), "texts"),
    ],
)
def test_settings_that_are_wrong(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SimulatorConfig.from_json(text)


def test_two_customers_of_one_address() -> None:
    config = SimulatorConfig.from_json(settings(customers=[asdict(GIULIA), asdict(replace(TOM, user_id="IT.134"))]))
    with pytest.raises(ValueError, match="already the address of Giulia"):
        build_simulator(config)


ROOT = Path(__file__).parents[2]


def run(*arguments: str, config: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PASSAPAROLA_SIMULATOR": config}
    command = [sys.executable, "-m", "simulator", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False)


async def test_a_taken_port_is_one_line() -> None:
    async with TestServer(web.Application()) as server:
        port = str(server.port)
        done = await asyncio.to_thread(run, port, config=settings())
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"The simulator cannot have port {port}: something else is using it. Choose another one.\n"


@pytest.mark.parametrize(
    ("arguments", "config", "words"),
    [
        ((), settings(), "Usage"),
        (("x",), settings(), "Usage"),
        (("99999",), settings(), "99999"),
        (("0",), "{}", "missing"),
        (("0",), settings(customers=[asdict(GIULIA)] * 2), "already"),
    ],
)
def test_a_wrong_start_is_one_line(arguments: tuple[str, ...], config: str, words: str) -> None:
    done = run(*arguments, config=config)
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


async def test_the_process_serves_and_stops() -> None:
    environment = {**os.environ, "PASSAPAROLA_SIMULATOR": settings()}
    port = unused_port()
    command = (sys.executable, "-m", "simulator", str(port))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe)
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    assert f"http://127.0.0.1:{port}/" in line
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/sim/state") as answer:
        assert answer.status == 200
    process.terminate()
    _, errors = await asyncio.wait_for(process.communicate(), 10)
    assert (process.returncode, errors) == (0, b"")
