"""The Graph API: what its answers mean, and a client that meets it on a real connection."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from connectors.errors import (
    AskHer,
    AskInChat,
    ConnectorError,
    Malformed,
    MaybeSent,
    NeedsOperator,
    OptedOut,
    OutsideWindow,
    PairLimited,
    PauseCampaigns,
    PauseTemplate,
    Retryable,
    SendError,
    TryFewTimes,
    TryInMinutes,
    TryTomorrow,
    Unreachable,
)
from connectors.whatsapp.codes import CODES, kind_of
from connectors.whatsapp.graph import Graph, GraphConfig, graph_error, message_id
from conversation.leaving.refusals import Do
from simulator.errors import KNOWN
from tests.unit.helpers_quick_loop import run_quickly

POLICY: dict[type[SendError], dict[int, int]] = {
    Retryable: {2: 503, 4: 400, 80007: 400, 130429: 400, 131016: 500, 131057: 500, 133004: 503, 133016: 400},
    TryFewTimes: {1: 400, 131000: 500, 131053: 400},
    TryInMinutes: {134101: 400},
    TryTomorrow: {131049: 400, 131064: 400},
    PairLimited: {131056: 400},
    OutsideWindow: {470: 400, 131047: 400},
    Unreachable: {130472: 400, 130497: 403, 131026: 400, 131030: 400},
    OptedOut: {131050: 400},
    PauseCampaigns: {131048: 400},
    PauseTemplate: {132015: 400, 132016: 400},
    AskInChat: {132068: 400, 132069: 400},
    AskHer: {131052: 400, 131062: 400, 137000: 400},
    NeedsOperator: {
        0: 401, 3: 500, 10: 403, 33: 400, 190: 401, 200: 403, 210: 403, 299: 403, 368: 403, 131005: 403, 131031: 403,
        131037: 400, 131042: 400, 131045: 500, 133010: 400,
    },
    Malformed: {
        100: 400, 131008: 400, 131009: 400, 131021: 400, 131051: 400, 131055: 400, 131063: 400, 132000: 400,
        132001: 404, 132005: 400, 132007: 400, 132012: 400, 134100: 400, 135000: 400,
    },
}  # fmt: skip
"""Every code of Meta's page, with its HTTP status, by what is to be done about it."""
CASES = [(kind, code, status) for kind, codes in POLICY.items() for code, status in codes.items()]


def refused(status: int, answer: object) -> SendError:
    with pytest.raises(SendError) as caught:
        message_id(status, answer)
    return caught.value


# ---- what an answer means


@pytest.mark.parametrize(("kind", "code", "status"), CASES)
def test_every_code_of_meta_asks_for_the_right_thing(kind: type[SendError], code: int, status: int) -> None:
    error = refused(status, {"error": {"code": code, "message": f"(#{code}) as it is", "type": "OAuthException"}})
    assert type(error) is kind
    assert error.code == code
    assert str(code) in str(error)


def test_no_code_is_listed_twice_and_none_is_missing() -> None:
    listed = [code for codes in CODES.values() for code in codes]
    assert len(listed) == len(set(listed))
    assert set(listed) == {code for _, code, _ in CASES} | set(range(200, 300))
    assert set(KNOWN) <= set(listed), "what the stand-in can answer"


def test_every_error_is_named_by_another_thing_to_do() -> None:
    kinds: list[type[SendError]] = [*POLICY, MaybeSent]
    assert {kind.do for kind in kinds} == set(Do)
    assert len({kind.do for kind in kinds}) == len(kinds)
    assert all(issubclass(kind, ConnectorError) for kind in kinds)


def test_what_is_retryable_and_what_is_not() -> None:
    retryable = {kind for kind in POLICY if issubclass(kind, Retryable)}
    assert retryable == {Retryable, PairLimited, TryFewTimes, TryInMinutes, TryTomorrow}


def test_an_unknown_code_in_a_receipt_is_tried_a_few_times() -> None:
    assert kind_of(999_999) is TryFewTimes
    assert kind_of(None) is TryFewTimes
    assert Graph(GraphConfig("http://127.0.0.1", "t")).judge(131047) is Do.USE_TEMPLATE


@pytest.mark.parametrize("status", [500, 502, 503, 429])
@pytest.mark.parametrize(
    "error", [{}, {"code": 999999}, {"code": "131047"}, {"code": None}, {"message": "x"}, {"code": [1]}]
)
def test_a_server_error_or_too_many_requests_without_a_known_code_is_tried_again(
    status: int, error: dict[str, Any]
) -> None:
    assert type(refused(status, {"error": error})) is Retryable


@pytest.mark.parametrize("status", [400, 401, 403, 404, 200])
def test_an_unknown_code_of_a_refusal_is_our_mistake(status: int) -> None:
    error = refused(status, {"error": {"code": 999999, "message": "never heard of"}})
    assert type(error) is Malformed
    assert error.code == 999999


def test_a_known_code_counts_more_than_the_status() -> None:
    assert type(graph_error(500, {"code": 131047})) is OutsideWindow
    assert type(graph_error(400, {"code": 131016})) is Retryable


def test_the_details_are_told_where_there_are_any() -> None:
    assert str(graph_error(400, {"message": "short", "error_data": {"details": "long"}})) == "long"
    nothing: list[Any] = [None, {}, [], "x", {"details": None}, {"details": ""}]
    for data in nothing:
        assert str(graph_error(400, {"message": "short", "error_data": data})) == "short"
    assert str(graph_error(400, {})) == "no message"


def test_the_id_of_a_sent_message_is_read() -> None:
    answer = {"messaging_product": "whatsapp", "contacts": [{"wa_id": "1"}], "messages": [{"id": "wamid.HBg"}]}
    assert message_id(200, answer) == "wamid.HBg"


JUNK: list[Any] = [
    None, True, 7, "", "ok", [], {}, [{"messages": [{"id": "x"}]}], {"messages": None}, {"messages": []},
    {"messages": {}}, {"messages": "x"}, {"messages": [None]}, {"messages": ["x"]}, {"messages": [{}]},
    {"messages": [{"id": None}]}, {"messages": [{"id": ""}]}, {"messages": [{"id": 7}]}, {"messages": [{"id": ["x"]}]},
    {"error": None}, {"error": "no"}, {"error": []}, {"success": True},
]  # fmt: skip


@pytest.mark.parametrize("answer", JUNK, ids=json.dumps)
def test_an_answer_without_a_message_id_is_an_error_by_its_status(answer: object) -> None:
    assert type(refused(200, answer)) is MaybeSent
    assert type(refused(400, answer)) is Malformed
    assert type(refused(500, answer)) is MaybeSent
    assert type(refused(503, answer)) is Retryable
    assert type(refused(429, answer)) is Retryable


# ---- over a connection

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def graph_answering(handler: Handler) -> AsyncIterator[Graph]:
    """A client of a Graph API that answers so."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server, Graph(GraphConfig(str(server.make_url("/v24.0/")), "token-1")) as graph:
        yield graph


def answering(status: int, body: str, content_type: str = "application/json") -> Handler:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type=content_type)

    return handler


async def test_a_message_is_posted_to_its_number_with_the_token() -> None:
    got: list[tuple[str, str, str, Any]] = []

    async def handler(request: web.Request) -> web.Response:
        got.append((request.method, request.path, request.headers["Authorization"], await request.json()))
        return web.json_response({"messages": [{"id": "wamid.1"}]})

    body = {"type": "text", "text": {"body": "caffè 👍"}}
    async with graph_answering(handler) as graph:
        assert await graph.post("106540352242922", body) == "wamid.1"
    assert got == [("POST", "/v24.0/106540352242922/messages", "Bearer token-1", body)]


async def test_an_answer_is_json_whatever_it_says_of_itself() -> None:
    async with graph_answering(answering(200, '{"messages": [{"id": "wamid.1"}]}', "text/html")) as graph:
        assert await graph.post("1", {}) == "wamid.1"


async def test_a_refusal_comes_with_its_code() -> None:
    body = '{"error": {"code": 131047, "message": "(#131047) Re-engagement message"}}'
    async with graph_answering(answering(400, body)) as graph:
        with pytest.raises(OutsideWindow) as caught:
            await graph.post("1", {})
    assert caught.value.code == 131047


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, MaybeSent), (404, TryFewTimes), (500, MaybeSent), (502, MaybeSent), (503, Retryable), (429, Retryable)],
)
@pytest.mark.parametrize("body", ["", "<html>Bad gateway</html>", "{", '{"messages": [', "\x00"])
async def test_an_answer_that_is_no_json_is_tried_again_only_if_nothing_was_sent(
    status: int, kind: type[SendError], body: str
) -> None:
    async with graph_answering(answering(status, body, "text/html")) as graph:
        with pytest.raises(SendError) as caught:
            await graph.post("1", {})
    assert type(caught.value) is kind


async def test_nobody_knows_what_became_of_a_message_whose_connection_broke() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with graph_answering(handler) as graph:
        with pytest.raises(MaybeSent):
            await graph.post("1", {})


async def test_a_graph_api_that_is_not_there_is_tried_again() -> None:
    async with Graph(GraphConfig(f"http://127.0.0.1:{unused_port()}", "token-1")) as graph:
        with pytest.raises(Retryable, match="cannot be reached") as caught:
            await graph.post("1", {})
    assert type(caught.value) is Retryable
    assert caught.value.code is None
    assert "token-1" not in str(caught.value)


def test_nobody_knows_what_became_of_a_message_that_is_never_answered() -> None:
    async def never(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async def scenario() -> None:
        async with graph_answering(never) as graph:
            with pytest.raises(MaybeSent, match="Timeout"):
                await graph.post("1", {})

    run_quickly(scenario())


async def test_a_client_that_was_not_entered_or_was_left_can_be_left() -> None:
    graph = Graph(GraphConfig("http://127.0.0.1:1", "token-1"))
    await graph.__aexit__(None, None, None)
    with pytest.raises(AssertionError):
        await graph.post("1", {})
