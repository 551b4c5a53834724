"""The WhatsApp channel of Rasa: a thin shell of HTTP around what the wiring does.

`credentials.yml` names the wiring, a function that puts the application together; so the same channel serves any
Rasa project that brings its own.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hmac import compare_digest
from importlib import import_module
from typing import Any, Protocol

import structlog
from rasa.core.agent import Agent
from rasa.core.channels.channel import InputChannel, OutputChannel, UserMessage
from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, json, text

from connectors.errors import BadUpdate, NotConfigured
from connectors.whatsapp.proactive import Proactive
from connectors.whatsapp.signature import is_signed
from connectors.whatsapp.strict_http import StrictRequest
from connectors.whatsapp.updates import LARGEST, Batch, read_batch
from conversation.messages.model import Answer
from loyalty.correlation import correlated, correlation_of
from loyalty.errors import StoreUnavailable
from loyalty.tracing import span

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """What proves that an update is from Meta, and that we are who Meta asked."""

    app_secret: str
    verify_token: str

    def __post_init__(self) -> None:
        for name in ("app_secret", "verify_token"):
            if not getattr(self, name):
                raise NotConfigured(f"WHATSAPP_{name.upper()} is not set: without it nobody can trust an update")


class Wiring(Protocol):
    """What the channel needs of the application."""

    @property
    def secrets(self) -> WebhookSecrets:
        """What its updates are checked with."""

    async def start(self, agent: Agent) -> None:
        """The model is loaded and the server about to accept updates."""

    async def accept(self, batch: Batch) -> None:
        """Store what came in, durably; it is acknowledged when this returns."""

    async def say(self, sender_id: str, answers: Sequence[Answer]) -> object:
        """Put answers into the outbox of the member a conversation belongs to, by the rules of the window."""

    async def close(self) -> None:
        """Finish what is under way."""


class WhatsAppInput(InputChannel):
    """`GET` and `POST /webhooks/whatsapp/webhook`."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    @classmethod
    def name(cls) -> str:
        return "whatsapp"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> InputChannel:
        """Make the channel that `credentials.yml` describes: `wiring:` is the path of a function without arguments."""
        path = (credentials or {}).get("wiring")
        if not path:
            raise NotConfigured("credentials.yml: connectors.whatsapp.channel.WhatsAppInput needs `wiring:`")
        module, _, name = path.rpartition(".")
        return cls(getattr(import_module(module), name)())

    def get_output_channel(self) -> OutputChannel:
        """The channel for what Rasa says without a message before it."""
        return Proactive(self._wiring.say)

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The routes. Turns do not go through `on_new_message`, which would hold the request until they end."""
        blueprint = Blueprint("whatsapp_webhook")

        @blueprint.listener("before_server_start")
        async def limit(app: Sanic, _loop: object) -> None:
            app.config.REQUEST_MAX_SIZE = LARGEST
            app.request_class = StrictRequest
            app.config.ACCESS_LOG = False

        @blueprint.listener("after_server_start")
        async def start(app: Sanic, _loop: object) -> None:
            await self._wiring.start(app.ctx.agent)

        @blueprint.listener("before_server_stop")
        async def stop(_app: Sanic, _loop: object) -> None:
            await self._wiring.close()

        @blueprint.get("/webhook")
        async def handshake(request: Request) -> HTTPResponse:
            given = request.args.get("hub.verify_token", "").encode()
            if request.args.get("hub.mode") != "subscribe" or not compare_digest(
                given, self._wiring.secrets.verify_token.encode()
            ):
                return text("the verify token does not match", status=403)
            return text(request.args.get("hub.challenge", ""))

        @blueprint.post("/webhook")
        async def update(request: Request) -> HTTPResponse:
            try:
                with correlated(correlation_of(request.headers.get("x-request-id"))), span("webhook"):
                    await self.receive(request.body, request.headers.get("x-hub-signature-256"))
            except BadUpdate as error:
                return json({"error": {"code": "bad_update", "message": str(error)}}, status=error.status)
            except StoreUnavailable as error:
                log.error("an update could not be stored, WhatsApp will send it again", error=str(error))
                return json({"error": {"code": "unavailable", "message": "try again"}}, status=503)
            return text("")

        return blueprint

    async def receive(self, body: bytes, signature: str | None) -> None:
        """Verify, read, store. Raises `BadUpdate` (401: signature, 400: shape), and then nothing was stored."""
        if len(body) > LARGEST:
            raise BadUpdate(413, "an update is at most 3 MB")
        if not is_signed(self._wiring.secrets.app_secret, body, signature):
            raise BadUpdate(401, "X-Hub-Signature-256 is missing or wrong")
        await self._wiring.accept(read_batch(body))
