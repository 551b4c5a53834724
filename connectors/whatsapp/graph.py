"""The Graph API: one call sends one message. What an error code asks for is decided here.

Source of the codes: Meta, "Cloud API error codes" (2026-05-15).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from connectors.errors import (
    Malformed,
    NeedsOperator,
    OutsideWindow,
    PairLimited,
    Retryable,
    SendError,
    Unreachable,
)
from connectors.whatsapp.render import render
from conversation.layout import WHATSAPP, Limits
from conversation.outbox import Due

TIMEOUT = aiohttp.ClientTimeout(total=40, connect=10)
CONNECTIONS = 100

_BY_CODE: Mapping[int, type[SendError]] = {
    **dict.fromkeys((1, 2, 4, 80007, 130429, 131000, 131016, 131053, 131057, 133004, 133016, 134101), Retryable),
    131056: PairLimited,
    **dict.fromkeys((470, 131047), OutsideWindow),
    **dict.fromkeys((130472, 130497, 131026, 131030, 131049, 131050, 131062, 137000), Unreachable),
    **dict.fromkeys(
        (0, 3, 10, 33, 190, 368, 131005, 131031, 131037, 131042, 131045, 131048, 131064, 133010, *range(200, 300)),
        NeedsOperator,
    ),
}
_SERVER_ERROR = 500
_TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class GraphConfig:
    """Where the Graph API is (version included) and how we are known there."""

    url: str
    access_token: str


class Graph:
    """A client of the messages endpoint. Use as an async context manager."""

    def __init__(self, config: GraphConfig) -> None:
        self._url = config.url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {config.access_token}"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Graph":
        self._session = aiohttp.ClientSession(
            headers=self._headers, timeout=TIMEOUT, connector=aiohttp.TCPConnector(limit=CONNECTIONS)
        )
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

    async def send(self, due: Due) -> str:
        return await self.post(due.number_id, render(due))

    async def post(self, number_id: str, body: Mapping[str, Any]) -> str:
        """Send a message from a number; returns its id. Raises a `SendError` by what is to be done."""
        assert self._session is not None, "use `async with Graph(…)`"
        try:
            async with self._session.post(f"{self._url}/{number_id}/messages", json=body) as response:
                status, answer = response.status, await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Retryable(f"the Graph API cannot be reached: {type(error).__name__}") from error
        return message_id(status, answer)


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
    raise _unknown(status)(f"the Graph API answered {status} without a message id")


def graph_error(status: int, error: Mapping[str, Any]) -> SendError:
    """The error of an answer, as the class that says what to do."""
    code = error.get("code")
    details = error.get("error_data")
    text = str((details.get("details") if isinstance(details, dict) else None) or error.get("message") or "no message")
    kind = _BY_CODE.get(code) if isinstance(code, int) else None
    return (kind or _unknown(status))(text, code=code if isinstance(code, int) else None)


def _unknown(status: int) -> type[SendError]:
    """What to do about an answer whose error code is missing or unknown."""
    return Retryable if status >= _SERVER_ERROR or status == _TOO_MANY else Malformed
