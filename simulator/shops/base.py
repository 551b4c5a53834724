"""What the stand-ins have in common: orders, codes, webhooks, and the troubles they can be in."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import web


class Trouble(StrEnum):
    """What a stand-in can do instead of answering as it should."""

    ERROR = "500"
    HTML = "a page of something in between"
    NOT_JSON = "half a JSON"
    EMPTY = "nothing at all, with 200"
    STRANGE = "JSON of another shape"
    REDIRECT = "it is somewhere else"
    CUT = "the connection is cut before the answer"
    DONE_AND_CUT = "it does what it should, and the connection is cut"
    SLOW = "it does not answer for as long as `delay` says"
    BUSY = "too many requests, as documented"
    LOCKED_OUT = "the token is not accepted"
    FORBIDDEN = "the token may not do that"


@dataclass
class Code:
    """A discount code of the shop."""

    id: int
    title: str
    terms: dict[str, Any]
    ended: bool = False
    made: int = 1
    """How often it was made or made anew."""
    ends: int = 0
    used: int = 0


@dataclass
class Webhook:
    """A webhook of the shop."""

    id: int
    topic: str
    address: str
    active: bool = True


@dataclass
class Asked:
    """A call that came."""

    what: str
    query: dict[str, str] = field(default_factory=dict)


class StandInShop(ABC):
    """A shop in memory. Orders are kept in the shape in which it tells of them, by their numbers."""

    def __init__(self) -> None:
        self.orders: dict[int, dict[str, Any]] = {}
        self.codes: dict[str, Code] = {}
        """By the code, in capitals."""
        self.webhooks: list[Webhook] = []
        self.calls: list[Asked] = []
        self.delay = 0.0
        self.limited = 0
        self.after_page: Callable[[int], Awaitable[object]] | None = None
        """Called with the number of pages of orders that were listed, before such an answer goes out."""
        self.pages = 0
        self._troubles: deque[Trouble | None] = deque()
        self._forever: Trouble | None = None
        self._last = 1000

    def trouble(self, *kinds: Trouble | None, times: int = 1) -> None:
        """The next calls go wrong, one after the other; None: that one goes well."""
        for _ in range(times):
            self._troubles.extend(kinds)

    def always(self, kind: Trouble | None) -> None:
        """Every call goes wrong, until this is called with None."""
        self._forever = kind

    def recover(self) -> None:
        """From now on all goes well."""
        self._troubles.clear()
        self._forever = None

    def drop_webhook(self, topic: str) -> None:
        """Do as it does after too many failures of a webhook."""
        self.webhooks = [one for one in self.webhooks if one.topic != topic]

    def live(self) -> set[str]:
        """The codes that customers can use, as far as that does not depend on the time."""
        return {code for code, kept in self.codes.items() if not kept.ended}

    def number(self) -> int:
        """A number that nothing has yet."""
        self._last += 1
        return self._last

    def application(self) -> web.Application:
        """The API as an application."""
        app = web.Application(client_max_size=16 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(Asked(f"{request.method} /{request.match_info['path']}", dict(request.query)))
        raw = await request.read()
        kind = self._forever or (self._troubles.popleft() if self._troubles else None)
        match kind:
            case Trouble.SLOW:
                await asyncio.sleep(self.delay)
            case Trouble.CUT:
                return _cut(request)
            case Trouble.LOCKED_OUT:
                return self.locked_out()
            case Trouble.FORBIDDEN:
                return self.forbidden(request)
            case Trouble.BUSY:
                self.limited += 1
                return self.busy(request)
            case Trouble.REDIRECT:
                return web.Response(status=302, headers={"Location": "https://elsewhere.example/"})
            case Trouble():
                if kind in _STRANGE:
                    status, text, type_ = _STRANGE[kind]
                    return web.Response(status=status, text=text, content_type=type_)
        if not self.lets_in(request):
            return self.locked_out()
        answer = await self.answer(request, read(raw))
        return _cut(request) if kind is Trouble.DONE_AND_CUT else answer

    async def listed(self) -> None:
        """Say that a page of orders was listed."""
        self.pages += 1
        if self.after_page is not None:
            await self.after_page(self.pages)

    @abstractmethod
    def lets_in(self, request: web.Request) -> bool:
        """Whether the caller has the right key."""

    @abstractmethod
    async def answer(self, request: web.Request, body: Any) -> web.Response:
        """What it answers if it is well."""

    @abstractmethod
    def busy(self, request: web.Request) -> web.Response:
        """What it answers if it is called too often."""

    @abstractmethod
    def locked_out(self) -> web.Response:
        """What it answers to a key that it does not know."""

    @abstractmethod
    def forbidden(self, request: web.Request) -> web.Response:
        """What it answers to a key that may not do that."""


_STRANGE = {
    Trouble.ERROR: (500, "<html>Internal Server Error</html>", "text/html"),
    Trouble.HTML: (200, "<html>Please log in</html>", "text/html"),
    Trouble.NOT_JSON: (200, '{"orders": [', "application/json"),
    Trouble.EMPTY: (200, "", "application/json"),
    Trouble.STRANGE: (200, '["what", {"a": 1}, null]', "application/json"),
}


def _cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response(status=500)


def read(raw: bytes) -> Any:
    """A body of JSON; None if it is none."""
    try:
        return json.loads(raw or b"null")
    except ValueError:
        return None
