"""The Graph API: one call sends one message. What an error code asks for is in `codes`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from connectors.errors import Malformed, MaybeSent, Retryable, SendError, TryFewTimes
from connectors.whatsapp.codes import kind_of
from connectors.whatsapp.limits import check
from connectors.whatsapp.render import render
from conversation.leaving.outbox import Due
from conversation.leaving.refusals import Do
from conversation.messages.layout import WHATSAPP, Limits

TIMEOUT = aiohttp.ClientTimeout(total=40, connect=10)
CONNECTIONS = 400
_REFUSED = frozenset({429, 503})
"""Nothing was done, whatever the body says."""


@dataclass(frozen=True, slots=True)
class GraphConfig:
    """Where the Graph API is (version included) and how we are known there."""

    url: str
    access_token: str


class Graph:
    """A client of the messages endpoint. Use as an async context manager."""

    def __init__(self, config: GraphConfig) -> None:
        self._url = config.url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {config.access_token}", "Content-Type": "application/json"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Graph":
        self._session = aiohttp.ClientSession(
            headers=self._headers, timeout=TIMEOUT, connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
        )  # fmt: skip
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def name(self) -> str:
        return "meta"

    @property
    def limits(self) -> Limits:
        return WHATSAPP

    @property
    def lacks(self) -> Mapping[str, str]:
        return {}

    async def send(self, due: Due) -> str:
        body = render(due)
        check(body)
        return await self.post(due.number_id, body)

    def judge(self, code: int | None) -> Do:
        return kind_of(code).do

    async def post(self, number_id: str, body: Mapping[str, Any]) -> str:
        """Send a message from a number; returns its id. Raises a `SendError` by what is to be done."""
        return message_id(*await self._call(number_id, body))

    async def mark(self, number_id: str, message_id: str, *, typing: bool = True) -> None:
        """Mark a customer's message and all before it as read, and show that an answer is being written.

        That vanishes with the answer or after 25 s (Meta: "Typing indicators"). Raises a `SendError`.
        """
        body: dict[str, Any] = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id}
        status, answer = await self._call(number_id, body | ({"typing_indicator": {"type": "text"}} if typing else {}))
        fields: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
        if isinstance(error := fields.get("error"), dict):
            raise graph_error(status, error)
        if fields.get("success") is not True:
            raise _silent(status)(f"the Graph API answered {status} to a read mark without success")

    async def _call(self, number_id: str, body: Mapping[str, Any]) -> tuple[int, object]:
        """The status and the JSON of an answer."""
        assert self._session is not None, "use `async with Graph(…)`"
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        try:
            async with self._session.post(f"{self._url}/{number_id}/messages", data=data) as response:
                status, raw = response.status, await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Retryable(f"the Graph API cannot be reached: {type(error).__name__}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise MaybeSent(f"the Graph API did not answer: {type(error).__name__}") from error
        try:
            answer = json.loads(raw)
        except ValueError:
            raise _unreadable(status)(f"the Graph API answered {status} with something that is no JSON") from None
        return status, answer


def message_id(status: int, answer: object) -> str:
    """The id in an answer of the Graph API. Raises a `SendError` if it holds an error or nothing."""
    fields: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
    error = fields.get("error")
    if isinstance(error, dict):
        raise graph_error(status, error)
    try:
        id_ = fields["messages"][0]["id"]
    except (KeyError, IndexError, TypeError):
        id_ = None
    if isinstance(id_, str) and id_:
        return id_
    raise _silent(status)(f"the Graph API answered {status} without a message id")


def graph_error(status: int, error: Mapping[str, Any]) -> SendError:
    """The error of an answer, as the class that says what to do."""
    code = error.get("code")
    details = error.get("error_data")
    text = str((details.get("details") if isinstance(details, dict) else None) or error.get("message") or "no message")
    return kind_of(code, status)(text, code=code if isinstance(code, int) else None)


def _silent(status: int) -> type[SendError]:
    """What to do about an answer with neither an id nor an error: only a clear no means that nothing was sent."""
    if status in _REFUSED:
        return Retryable
    return Malformed if 400 <= status < 500 else MaybeSent


def _unreadable(status: int) -> type[SendError]:
    """The same where something in between has answered; a page that is not found now may be there in a minute."""
    kind = _silent(status)
    return TryFewTimes if kind is Malformed else kind
