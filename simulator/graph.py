"""A local stand-in for Meta's Graph API: the messages endpoint of the WhatsApp Cloud API.

In: ``POST /{version}/{phone_number_id}/messages`` with a bearer token. Out: Meta's answers, byte shapes included.
It serves the demo's page, tests (``fail_next``, ``drop_next``, ``wait_for`` …) and benchmarks (as a sink).
Sources: Meta's pages "Send messages" (answers), "Error codes" (errors), "Business-scoped user IDs" (``recipient``).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from simulator.errors import Rejected
from simulator.limits import check, recipient_of
from simulator.parties import message_id
from simulator.records import ReadMark, Refused, Sent
from simulator.rules import PairLimit, PortfolioLimit, ServiceWindow, Throughput
from simulator.template_book import TemplateBook
from simulator.template_routes import template_routes
from simulator.troubles import Trouble, Troubles

Json = dict[str, Any]

ASKED = "Asked for by the test."
PLAIN = Trouble()
REACTION_AGE = 30 * 24 * 3600.0  # Meta, "Reaction messages"


class StandInGraph:
    """The stand-in. A rule that is None is off; ``phone_number_id`` None: any sender will do.

    With ``templates`` it has the template endpoints as well, and refuses to send what is not approved there.

    ``clock`` gives seconds since 1970. ``on_message``, ``on_read`` and ``on_failure`` are lists of callbacks, called in
    order; the last are told of messages that were refused and will have a failed status as well. ``url`` is the base
    address, version included, while ``serve`` runs.
    """

    def __init__(
        self,
        access_token: str,
        phone_number_id: str | None = None,
        *,
        window: ServiceWindow | None = None,
        pair_limit: PairLimit | None = None,
        throughput: Throughput | None = None,
        portfolio: PortfolioLimit | None = None,
        templates: TemplateBook | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.window = window
        self.throughput = throughput
        self.url = ""
        self.delay = 0.0
        self.calls = 0
        self.messages: list[Sent] = []
        self.reads: list[ReadMark] = []
        self.refused: list[Refused] = []
        self.on_message: list[Callable[[Sent], None]] = []
        self.on_read: list[Callable[[ReadMark], None]] = []
        self.on_failure: list[Callable[[Sent], None]] = []
        self._authorization = f"Bearer {access_token}"
        self._phone_number_id = phone_number_id
        self._pair_limit = pair_limit
        self._portfolio = portfolio
        self.templates = templates
        self._clock = clock
        self._failures: deque[tuple[Rejected, bool]] = deque()
        self._late_failures: deque[Rejected] = deque()
        self._troubles = Troubles()
        self._known: dict[str, tuple[float, str]] = {}
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def fail_next(
        self, code: int, times: int = 1, *, http_status: int | None = None, later: bool = False, both: bool = False
    ) -> None:
        """Make the next ``times`` messages fail with ``code``: in the answer, ``later`` in a failed status, or in both.

        Meta tells of some errors twice; who counts them twice resends twice.
        """
        errors = [Rejected(code, ASKED, http_status=http_status) for _ in range(times)]
        if later:
            self._late_failures.extend(errors)
        else:
            self._failures.extend((error, both) for error in errors)

    def delay_next(self, seconds: float, times: int = 1) -> None:
        """Answer the next ``times`` calls so much later; ``delay`` is for all calls."""
        self._troubles.plan(Trouble(delay=seconds), times)

    def hang_next(self, times: int = 1, *, accepted: bool) -> None:
        """Never answer the next ``times`` calls; whether what they bring is ``accepted`` is not told."""
        self._troubles.plan(Trouble("silence", accepted), times)

    def drop_next(self, times: int = 1, *, accepted: bool) -> None:
        """Cut off the connection of the next ``times`` calls, before or after what they bring is ``accepted``."""
        self._troubles.plan(Trouble("drop", accepted), times)

    def heard(self, wamid: str, kind: str, at: float, keys: Iterable[str] = ()) -> None:
        """A customer, known under all of ``keys``, sent a message: reactions, window and throughput depend on that."""
        self._known[wamid] = (at, kind)
        if self.window is not None:
            self.window.wrote(keys, at)
        if self.throughput is not None:
            self.throughput.heard(at)

    @property
    def mistakes(self) -> list[Refused]:
        """What was refused although no test had asked for it: bodies, tokens or limits that Meta would not take."""
        return [refused for refused in self.refused if not refused.planned]

    def sent_to(self, address: str) -> list[Sent]:
        """What was accepted for a phone number (with or without "+") or a user id."""
        key = address.lstrip("+")
        return [sent for sent in self.messages if sent.to == key]

    def last_to(self, address: str) -> Sent:
        """The newest message that was accepted for somebody; AssertionError if there is none."""
        sent = self.sent_to(address)
        assert sent, f"nothing was sent to {address}, but {len(self.messages)} messages to others"
        return sent[-1]

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
        self._known.clear()
        for received in (self.messages, self.reads, self.refused):
            received.clear()

    def routes(self) -> list[web.RouteDef]:
        """The routes to add to an application."""
        messages = web.post(r"/{version:v[0-9]+\.[0-9]+}/{phone_number_id:[0-9]+}/messages", self.handle)
        others = [] if self.templates is None else template_routes(self.templates, self._authorization)
        return [messages, *others]

    def application(self) -> web.Application:
        """An application of its own, for tests."""
        app = web.Application(client_max_size=256 * 1024)
        app.add_routes(self.routes())
        app.on_shutdown.append(self._troubles.release)
        return app

    async def handle(self, request: web.Request) -> web.Response:
        """The HTTP side: token, sender, JSON; everything else is ``accept``."""
        self.calls += 1
        trouble = self._troubles.next() or PLAIN
        if self.delay or trouble.delay:
            await asyncio.sleep(self.delay + trouble.delay)
        if not trouble.accepted:
            return await self._troubles.cut_off(request, trouble.ending)
        answer = await self._answered(request)
        return answer if trouble.ending == "answer" else await self._troubles.cut_off(request, trouble.ending)

    async def _answered(self, request: web.Request) -> web.Response:
        body: Any = None
        planned = bool(self._failures)
        try:
            if request.headers.get("Authorization") != self._authorization:
                raise Rejected(190, "Invalid OAuth access token - Cannot parse access token")
            if self._phone_number_id not in (None, request.match_info["phone_number_id"]):
                raise Rejected(33, "Object with this ID does not exist or cannot be loaded due to missing permissions.")
            body = _decoded(await request.read())
            return _answer(self.accept(body), 200)
        except Rejected as error:
            self.refused.append(Refused(body, error, planned and error.details == ASKED))
            return _answer(error.body(), error.http_status)
        except ConnectionError:  # the sender died in the middle of its body
            return web.Response(status=400)

    def accept(self, body: Mapping[str, Any]) -> Json:
        """One call without HTTP: the answer's body, or ``Rejected``."""
        now = self._clock()
        if self._failures:
            error, both = self._failures.popleft()
            if both:
                check(body)
                to = recipient_of(body)
                failed = Sent(message_id(to, inbound=False), to, body, now, error)
                self._tell(self.on_failure, failed)
            raise error
        check(body)
        if "status" in body:
            self._notify_read(ReadMark(str(body["message_id"]), "typing_indicator" in body, now))
            return {"success": True}
        if self.templates is not None and body.get("type") == "template":
            self.templates.check_sending(body["template"])
        to = recipient_of(body)
        self._check_limits(body, to, now)
        sent = Sent(message_id(to, inbound=False), to, body, now, self._failure(to, body, now))
        self._record(sent)
        contact = {"input": body["to"], "wa_id": to} if body.get("to") else {"input": to, "user_id": to}
        if body.get("to") and body.get("recipient"):
            contact["user_id"] = body["recipient"]
        return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": sent.wamid}]}

    def _check_limits(self, body: Mapping[str, Any], to: str, now: float) -> None:
        if body.get("type") == "reaction":
            at, kind = self._known.get(body["reaction"]["message_id"], (now, ""))
            if kind == "reaction" or now - at > REACTION_AGE:
                raise Rejected(131009, "The message is older than 30 days, or a reaction itself.")
        if self.throughput is not None and not self.throughput.admit(now):
            raise Rejected(130429, "Cloud API message throughput has been reached.")
        outside = self.window is None or not self.window.is_open(to, now)
        first = self._portfolio if outside and body.get("type") == "template" else None
        if first is not None and not first.admit(to, now):
            raise Rejected(131064, "The business wrote to as many people as it may within 24 hours.")
        if self._pair_limit is not None and not self._pair_limit.admit(to, now):
            raise Rejected(131056, "Too many messages sent from this phone number to the same recipient.")

    def _failure(self, to: str, body: Mapping[str, Any], now: float) -> Rejected | None:
        """What Meta finds out only after it said 200."""
        if self._late_failures:
            return self._late_failures.popleft()
        if self.window is None or body.get("type") == "template" or self.window.is_open(to, now):
            return None
        return Rejected(131047, "More than 24 hours have passed since the customer last replied to this number.")

    def _record(self, sent: Sent) -> None:
        self.messages.append(sent)
        self._known[sent.wamid] = (sent.at, sent.kind)
        self._tell(self.on_message, sent)
        if self._waiting:
            for count, arrived in self._waiting:
                if len(self.messages) >= count and not arrived.done():
                    arrived.set_result(None)
            self._waiting = [(count, arrived) for count, arrived in self._waiting if not arrived.done()]

    @staticmethod
    def _tell(observers: Iterable[Callable[[Sent], None]], sent: Sent) -> None:
        for observe in observers:
            observe(sent)

    def _notify_read(self, mark: ReadMark) -> None:
        self.reads.append(mark)
        for observe in self.on_read:
            observe(mark)


@asynccontextmanager
async def serve(graph: StandInGraph, *, port: int = 0, version: str = "v24.0") -> AsyncIterator[str]:
    """Serve ``graph`` on 127.0.0.1; hands out its base address, version included (``WHATSAPP_GRAPH_URL``)."""
    runner = web.AppRunner(graph.application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        graph.url = f"http://127.0.0.1:{runner.addresses[0][1]}/{version}"
        yield graph.url
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
