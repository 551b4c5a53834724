"""Twilio's Messages resource: one call sends one message. What an error code asks for is in `codes`.

Source: Twilio, "Messages resource" (201 and the message's `sid`; it may still fail, which a status callback tells) and
"Twilio's response" (errors as `{"code": …, "message": …}`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
import structlog

from connectors.errors import Malformed, MaybeSent, Retryable, SendError, TryFewTimes
from connectors.twilio.codes import kind_of
from connectors.twilio.contents import Contents
from connectors.twilio.render import LIMITS, Fields, fields_of
from conversation.leaving.outbox import Due
from conversation.leaving.refusals import Do
from conversation.messages.layout import Limits

log = structlog.get_logger()

TIMEOUT = aiohttp.ClientTimeout(total=40, connect=10)
CONNECTIONS = 400
STATUS_PATH = "/webhooks/twilio/status"
_REFUSED = frozenset({429, 503})
"""Nothing was done, whatever the body says."""
LACKS: Mapping[str, str] = {
    "reply buttons and lists": "numbered lines; the typed number or title chooses",
    "link buttons": "the address in the text",
    "documents, pins, contact cards": "words and addresses in the text",
    "requests for a location or a number": "asked in words",
    "product messages": "their text alone",
    "reactions": "the emoji as a text",
    "read marks and typing": "not shown",
    "people without a phone number": "not reached",
    "prices": "not told, so costs are not recorded",
}
"""What cannot be done as Meta does it, and what happens instead."""


@dataclass(frozen=True, slots=True)
class TwilioConfig:
    """Where the API is, how we are known there, which templates it has, and how it reaches us (None: not set)."""

    url: str
    account_sid: str
    auth_token: str
    contents: Contents
    public_url: str | None = None


class TwilioApi:
    """A client of the Messages resource. Use as an async context manager."""

    def __init__(self, config: TwilioConfig) -> None:
        self._config = config
        self._url = f"{config.url.rstrip('/')}/2010-04-01/Accounts/{config.account_sid}/Messages.json"
        key = aiohttp.encode_basic_auth(config.account_sid, config.auth_token)
        self._headers = {"Authorization": key, "Content-Type": "application/x-www-form-urlencoded"}
        self._session: aiohttp.ClientSession | None = None
        self._told = False

    async def __aenter__(self) -> "TwilioApi":
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
        return "twilio"

    @property
    def limits(self) -> Limits:
        return LIMITS

    @property
    def lacks(self) -> Mapping[str, str]:
        more = {} if self._config.public_url else {"receipts": "not asked for: PASSAPAROLA_PUBLIC_CHAT_URL is not set"}
        names = sorted({name for name, _ in self._config.contents.known})
        templates = f"only {', '.join(names)}" if names else f"none: {self._config.contents.file} names none"
        return {**LACKS, "templates": f"{templates}; others are withheld", **more}

    async def send(self, due: Due) -> str:
        return await self.post(fields_of(due, self._config.contents, callback=self._callback(due.id)))

    def judge(self, code: int | None) -> Do:
        return kind_of(code).do

    async def mark(self, number_id: str, message_id: str) -> None:
        if not self._told:
            self._told = True
            log.debug("read marks and typing are not shown through Twilio")

    async def post(self, fields: Fields) -> str:
        """Send a form; returns the message's sid. Raises a `SendError` by what is to be done."""
        assert self._session is not None, "use `async with TwilioApi(…)`"
        data = urlencode(fields, encoding="utf-8", errors="replace").encode()
        try:
            async with self._session.post(self._url, data=data) as response:
                status, raw = response.status, await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Retryable(f"Twilio cannot be reached: {type(error).__name__}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise MaybeSent(f"Twilio did not answer: {type(error).__name__}") from error
        try:
            answer = json.loads(raw)
        except ValueError:
            kind = _silent(status)
            kind = TryFewTimes if kind is Malformed else kind  # something in between has answered
            raise kind(f"Twilio answered {status} with something that is no JSON") from None
        return message_sid(status, answer)

    def _callback(self, number: int) -> str | None:
        """Where receipts of a message are sent: our number of it comes back in the address, which is signed."""
        base = self._config.public_url
        return f"{base.rstrip('/')}{STATUS_PATH}?outbox={number}" if base else None


def message_sid(status: int, answer: object) -> str:
    """The sid in an answer. Raises a `SendError` if it holds an error or nothing."""
    fields: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
    sid, code = fields.get("sid"), fields.get("code")
    if 200 <= status < 300 and isinstance(sid, str) and sid:
        return sid
    if code is not None or "message" in fields:
        number = code if type(code) is int else None
        raise kind_of(number, status)(str(fields.get("message") or "no message")[:500], code=number)
    raise _silent(status)(f"Twilio answered {status} without a sid")


def _silent(status: int) -> type[SendError]:
    """What to do about an answer with neither a sid nor an error: only a clear no means that nothing was sent."""
    if status in _REFUSED:
        return Retryable
    return Malformed if 400 <= status < 500 else MaybeSent
