"""What the stand-ins have in common: what they keep, what they count, and the troubles they can be in."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from aiohttp import web

KEY = "loyalty_member_id"


class Trouble(StrEnum):
    """What a stand-in can do instead of answering as it should."""

    ERROR = "500"
    HTML = "a page of something in between"
    NOT_JSON = "half a JSON"
    EMPTY = "nothing at all, with 200"
    STRANGE = "JSON of another shape"
    MISSING = "an answer that leaves out every second contact"
    CUT = "the connection is cut before the answer"
    DONE_AND_CUT = "it does what it should, and the connection is cut"
    SLOW = "it does not answer for as long as `delay` says"
    BUSY = "too many requests, as documented"
    LOCKED_OUT = "the token is not accepted"


class StandInCrm(ABC):
    """A CRM in memory. Contacts are dicts by our names of fields, under an id of the system's."""

    name = ""
    per_second: tuple[int, float] = (10**9, 1.0)
    """So many calls in so many seconds; more are refused."""

    def __init__(self, *, clock: Callable[[], float] | None = None) -> None:
        self.contacts: dict[int, dict[str, Any]] = {}
        self.deals: dict[int, dict[str, Any]] = {}
        self.fields: set[str] = set()
        self.refused: set[str] = set()
        """Members whose contact is not taken, by the value of our key."""
        self.poisoned: set[str] = set()
        """Members whose contact makes it fail."""
        self.delay = 0.0
        self.calls: list[str] = []
        self.batches: list[int] = []
        """How many contacts each call wrote."""
        self.limited = 0
        self._troubles: deque[Trouble] = deque()
        self._forever: Trouble | None = None
        self._times: deque[float] = deque()
        self._clock = clock
        self._last = 1000

    def trouble(self, *kinds: Trouble, times: int = 1) -> None:
        """The next calls go wrong, one after the other."""
        for _ in range(times):
            self._troubles.extend(kinds)

    def always(self, kind: Trouble | None) -> None:
        """Every call goes wrong, until this is called with None."""
        self._forever = kind

    def of(self, member: str) -> list[dict[str, Any]]:
        """The contacts that have a member's key: one, if all is well."""
        return [one for one in self.contacts.values() if one.get(KEY) == member]

    def put(self, **values: Any) -> int:
        """Make a contact, as somebody would who works there."""
        self._last += 1
        self.contacts[self._last] = dict(values)
        return self._last

    def application(self) -> web.Application:
        """The API as an application."""
        app = web.Application(client_max_size=16 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(f"{request.method} /{request.match_info['path']}")
        raw = await request.read()
        kind = self._forever or (self._troubles.popleft() if self._troubles else None)
        if kind is Trouble.SLOW:
            await asyncio.sleep(self.delay)
        if kind is Trouble.CUT:
            return _cut(request)
        if kind is Trouble.LOCKED_OUT:
            return self.locked_out()
        if kind is Trouble.BUSY or self._too_fast():
            self.limited += 1
            return self.busy()
        if (strange := _STRANGE.get(kind) if kind is not None else None) is not None:
            status, text, type_ = strange
            return web.Response(status=status, text=text, content_type=type_)
        answer = await self.answer(request, raw)
        if kind is Trouble.DONE_AND_CUT:
            return _cut(request)
        if kind is Trouble.MISSING and isinstance(answer.body, bytes):
            halved = self.halved(json.loads(answer.body or b"null"))
            return web.json_response(halved, status=answer.status)
        return answer

    def _too_fast(self) -> bool:
        if self._clock is None:
            return False
        most, seconds = self.per_second
        now = self._clock()
        while self._times and self._times[0] <= now - seconds:
            self._times.popleft()
        self._times.append(now)
        return len(self._times) > most

    def fails_on(self, members: list[str]) -> None:
        """Fail, as a server does that trips over a contact."""
        self.batches.append(len(members))
        if self.poisoned & set(members):
            raise web.HTTPInternalServerError(text="<html>oops</html>")

    @abstractmethod
    async def answer(self, request: web.Request, raw: bytes) -> web.Response:
        """What it answers if it is well."""

    @abstractmethod
    def busy(self) -> web.Response:
        """What it answers if it is called too often."""

    @abstractmethod
    def locked_out(self) -> web.Response:
        """What it answers to a token that it does not know."""

    @abstractmethod
    def halved(self, body: Any) -> Any:
        """An answer without every second contact."""


_STRANGE: Mapping[Trouble, tuple[int, str, str]] = {
    Trouble.ERROR: (500, "<html>Internal Server Error</html>", "text/html"),
    Trouble.HTML: (200, "<html>Please log in</html>", "text/html"),
    Trouble.NOT_JSON: (200, '{"results": [', "application/json"),
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
