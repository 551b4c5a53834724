"""Twilio's webhooks as a channel of Rasa: `POST /webhooks/twilio/webhook` and `POST /webhooks/twilio/status`.

Twilio calls once and, if told so by `#rc=5&rp=all` at the end of the address, again when that fails (Twilio,
"Connection overrides"). So it is answered when what it told is stored, and only then.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from rasa.core.agent import Agent
from rasa.core.channels.channel import InputChannel, OutputChannel, UserMessage
from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, json, raw, text

from connectors.errors import BadUpdate, NotConfigured
from connectors.twilio.reading import read_message, read_receipt
from connectors.twilio.signature import Form, is_signed, read_form
from connectors.whatsapp.proactive import Proactive
from connectors.whatsapp.strict_http import StrictRequest
from conversation.arriving.intake import Batch
from conversation.messages.model import Answer
from loyalty.clock import Clock
from loyalty.correlation import correlated, correlation_of
from loyalty.errors import StoreUnavailable
from loyalty.tracing import span

log = structlog.get_logger()

LARGEST = 512 * 1024
"""Bytes of a form. A text of 4,096 signs, each written as 12, told twice, is a fifth of it."""
NOTHING_TO_SAY = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
"""TwiML without an answer: answers go by the outbox."""


@dataclass(frozen=True, slots=True)
class TwilioGuard:
    """What proves that a form is from Twilio: its token, and the address it calls (None: the one we see)."""

    auth_token: str
    public_url: str | None = None

    def __post_init__(self) -> None:
        if not self.auth_token:
            raise NotConfigured("TWILIO_AUTH_TOKEN is not set: without it nobody can trust a form")

    def check(self, seen: str, path: str, form: Form, header: str | None) -> None:
        """Raises `BadUpdate` (403) unless the form was signed. `seen` is our own address as the request has it."""
        url = (self.public_url or seen).rstrip("/") + path
        if not is_signed(self.auth_token, url, form, header):
            told = "" if self.public_url else ": set PASSAPAROLA_PUBLIC_CHAT_URL to the address that Twilio calls"
            raise BadUpdate(403, f"X-Twilio-Signature is missing or wrong{told}")


class Wiring(Protocol):
    """What the channel needs of the application."""

    async def start(self, agent: Agent) -> None:
        """The model is loaded and the server about to accept updates."""

    async def accept(self, batch: Batch) -> None:
        """Store what came in, durably; it is acknowledged when this returns."""

    async def say(self, sender_id: str, answers: Sequence[Answer]) -> object:
        """Put answers into the outbox of the member a conversation belongs to, by the rules of the window."""

    async def close(self) -> None:
        """Finish what is under way."""


class TwilioInput(InputChannel):
    """The two webhooks. Its name is that of the channel, WhatsApp; its address that of the provider."""

    def __init__(self, wiring: Wiring, guard: TwilioGuard, clock: Clock) -> None:
        """Forms tell no time: `clock` says when they came."""
        self._wiring = wiring
        self._guard = guard
        self._clock = clock

    @classmethod
    def name(cls) -> str:
        return "whatsapp"

    def url_prefix(self) -> str:
        """Where the routes are, below `/webhooks/`."""
        return "twilio"

    def get_output_channel(self) -> OutputChannel:
        """The channel for what Rasa says without a message before it."""
        return Proactive(self._wiring.say)

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The routes. Turns do not go through `on_new_message`, which would hold the request until they end."""
        blueprint = Blueprint("twilio_webhook")

        @blueprint.listener("before_server_start")
        async def limit(app: Sanic, _loop: object) -> None:
            app.config.REQUEST_MAX_SIZE = LARGEST
            app.request_class = StrictRequest
            app.config.ACCESS_LOG = False

        @blueprint.listener("after_server_start")
        async def start(app: Sanic, _loop: object) -> None:
            await self.start(app.ctx.agent)

        @blueprint.listener("before_server_stop")
        async def stop(_app: Sanic, _loop: object) -> None:
            await self.stop()

        @blueprint.post("/webhook")
        async def message(request: Request) -> HTTPResponse:
            with correlated(correlation_of(request.headers.get("x-request-id"))), span("webhook"):
                refused = await self._answer(self.receive(*_told(request)))
            return refused or raw(NOTHING_TO_SAY, content_type="text/xml; charset=utf-8")

        @blueprint.post("/status")
        async def status(request: Request) -> HTTPResponse:
            with correlated(correlation_of(request.headers.get("x-request-id"))), span("webhook"):
                return await self._answer(self.receive_status(*_told(request), request.args.get("outbox"))) or text("")

        return blueprint

    async def start(self, agent: Agent) -> None:
        """The server is about to accept forms."""
        await self._wiring.start(agent)

    async def stop(self) -> None:
        """Finish what is under way."""
        await self._wiring.close()

    async def receive(self, seen: str, path: str, body: bytes, signature: str | None) -> None:
        """Verify a customer's message, read it, store it. Raises `BadUpdate` (403, 400, 413): nothing was stored.

        `seen` is the scheme and host of the request, `path` its path with the query, as it came.
        """
        form = self._verified(seen, path, body, signature)
        await self._wiring.accept(Batch((read_message(form, self._clock.now()),), ()))

    async def receive_status(
        self, seen: str, path: str, body: bytes, signature: str | None, outbox: str | None
    ) -> None:
        """The same for a receipt; `outbox` is our number of the message, out of the signed address."""
        form = self._verified(seen, path, body, signature)
        receipt = read_receipt(form, outbox, self._clock.now())
        if receipt is not None:
            await self._wiring.accept(Batch((), (receipt,)))

    def _verified(self, seen: str, path: str, body: bytes, signature: str | None) -> Form:
        if len(body) > LARGEST:
            raise BadUpdate(413, "a form is at most 512 kB")
        try:
            form = read_form(body)
        except ValueError:
            raise BadUpdate(400, "the body is no form") from None
        self._guard.check(seen, path, form, signature)
        return form

    async def _answer(self, work: Awaitable[None]) -> HTTPResponse | None:
        """What a request is answered that could not be taken; None if it was."""
        try:
            await work
        except BadUpdate as error:
            return json({"error": {"code": "bad_update", "message": str(error)}}, status=error.status)
        except StoreUnavailable as error:
            log.error(
                "a form could not be stored; Twilio sends it again if its address ends in #rc=5&rp=all",
                error=str(error),
            )
            return json({"error": {"code": "unavailable", "message": "try again"}}, status=503)
        return None


def _told(request: Request) -> tuple[str, str, bytes, str | None]:
    path = request.raw_url.decode("utf-8", "replace")
    return f"{request.scheme}://{request.host}", path, request.body, request.headers.get("x-twilio-signature")
