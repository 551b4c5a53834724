"""A local stand-in for Meta's Graph API: the messages endpoint of the WhatsApp Cloud API.

In: ``POST /{version}/{phone_number_id}/messages`` with a bearer token. Out: Meta's answers, byte shapes included.
It serves the demo's page, tests (``fail_next``, ``wait_for`` …) and benchmarks (as a sink).
Sources: Meta's pages "Send messages" (answers), "Error codes" (errors), "Business-scoped user IDs" (``recipient``).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from simulator.errors import Rejected
from simulator.limits import check, recipient_of
from simulator.parties import message_id
from simulator.records import ReadMark, Refused, Sent
from simulator.rules import PairLimit, ServiceWindow

Json = dict[str, Any]


class StandInGraph:
    """The stand-in. ``window`` and ``pair_limit`` None: that rule is off; ``phone_number_id`` None: any sender will do.

    ``clock`` gives seconds since 1970. ``on_message`` and ``on_read`` are lists of callbacks, called in order.
    """

    def __init__(
        self,
        access_token: str,
        phone_number_id: str | None = None,
        *,
        window: ServiceWindow | None = None,
        pair_limit: PairLimit | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.window = window
        self.delay = 0.0
        self.calls = 0
        self.messages: list[Sent] = []
        self.reads: list[ReadMark] = []
        self.refused: list[Refused] = []
        self.on_message: list[Callable[[Sent], None]] = []
        self.on_read: list[Callable[[ReadMark], None]] = []
        self._authorization = f"Bearer {access_token}"
        self._phone_number_id = phone_number_id
        self._pair_limit = pair_limit
        self._clock = clock
        self._failures: deque[Rejected] = deque()
        self._late_failures: deque[Rejected] = deque()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def fail_next(self, code: int, times: int = 1, *, http_status: int | None = None, later: bool = False) -> None:
        """Make the next ``times`` messages fail with ``code``: in the answer, or ``later`` in a failed status."""
        errors = self._late_failures if later else self._failures
        errors.extend(Rejected(code, "Asked for by the test.", http_status=http_status) for _ in range(times))

    def sent_to(self, address: str) -> list[Sent]:
        """What was accepted for a phone number (with or without "+") or a user id."""
        key = address.lstrip("+")
        return [sent for sent in self.messages if sent.to == key]

    async def wait_for(self, count: int, timeout: float = 5.0) -> list[Sent]:  # noqa: ASYNC109 -- for tests, which have no timeout of their own at hand
        """Return once ``count`` messages in all were accepted; TimeoutError if that does not happen."""
        if len(self.messages) < count:
            arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((count, arrived))
            try:
                await asyncio.wait_for(arrived, timeout)
            except TimeoutError:
                raise TimeoutError(f"{len(self.messages)} of {count} messages after {timeout} s") from None
        return list(self.messages)

    def clear(self) -> None:
        """Forget what was received; planned failures and the window stay."""
        self.calls = 0
        for received in (self.messages, self.reads, self.refused):
            received.clear()

    def routes(self) -> list[web.RouteDef]:
        """The routes to add to an application."""
        return [web.post(r"/{version:v[0-9]+\.[0-9]+}/{phone_number_id:[0-9]+}/messages", self.handle)]

    def application(self) -> web.Application:
        """An application of its own, for tests."""
        app = web.Application(client_max_size=256 * 1024)
        app.add_routes(self.routes())
        return app

    async def handle(self, request: web.Request) -> web.Response:
        """The HTTP side: token, sender, JSON; everything else is ``accept``."""
        self.calls += 1
        if self.delay:
            await asyncio.sleep(self.delay)
        body: Any = None
        try:
            if request.headers.get("Authorization") != self._authorization:
                raise Rejected(190, "Invalid OAuth access token - Cannot parse access token")
            if self._phone_number_id not in (None, request.match_info["phone_number_id"]):
                raise Rejected(33, "Object with this ID does not exist or cannot be loaded due to missing permissions.")
            body = _decoded(await request.read())
            return _answer(self.accept(body), 200)
        except Rejected as error:
            self.refused.append(Refused(body, error))
            return _answer(error.body(), error.http_status)

    def accept(self, body: Mapping[str, Any]) -> Json:
        """One call without HTTP: the answer's body, or ``Rejected``."""
        if self._failures:
            raise self._failures.popleft()
        check(body)
        now = self._clock()
        if "status" in body:
            self._notify_read(ReadMark(str(body["message_id"]), "typing_indicator" in body, now))
            return {"success": True}
        to = recipient_of(body)
        if self._pair_limit is not None and not self._pair_limit.admit(to, now):
            raise Rejected(131056, "Too many messages sent from this phone number to the same recipient.")
        sent = Sent(message_id(to, inbound=False), to, body, now, self._failure(to, body, now))
        self._record(sent)
        contact = {"input": body["to"], "wa_id": to} if body.get("to") else {"input": to, "user_id": to}
        if body.get("to") and body.get("recipient"):
            contact["user_id"] = body["recipient"]
        return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": sent.wamid}]}

    def _failure(self, to: str, body: Mapping[str, Any], now: float) -> Rejected | None:
        """What Meta finds out only after it said 200."""
        if self._late_failures:
            return self._late_failures.popleft()
        if self.window is None or body.get("type") == "template" or self.window.is_open(to, now):
            return None
        return Rejected(131047, "More than 24 hours have passed since the customer last replied to this number.")

    def _record(self, sent: Sent) -> None:
        self.messages.append(sent)
        for observe in self.on_message:
            observe(sent)
        if self._waiting:
            for count, arrived in self._waiting:
                if len(self.messages) >= count and not arrived.done():
                    arrived.set_result(None)
            self._waiting = [(count, arrived) for count, arrived in self._waiting if not arrived.done()]

    def _notify_read(self, mark: ReadMark) -> None:
        self.reads.append(mark)
        for observe in self.on_read:
            observe(mark)


@asynccontextmanager
async def serve(graph: StandInGraph, *, port: int = 0, version: str = "v24.0") -> AsyncIterator[str]:
    """Serve ``graph`` on 127.0.0.1; hands out its base address, version included (``WHATSAPP_GRAPH_URL``)."""
    runner = web.AppRunner(graph.application(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/{version}"
    finally:
        await runner.cleanup()


def _decoded(raw: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        raise Rejected(100, "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Rejected(100, "The body must be a JSON object.")
    return body


def _answer(body: Json, status: int) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), status=status, content_type="application/json")
