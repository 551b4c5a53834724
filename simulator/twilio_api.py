"""A local stand-in for Twilio's WhatsApp API: the Messages resource, and the forms that Twilio posts.

In: ``POST /2010-04-01/Accounts/{sid}/Messages.json`` with the account's key. Out: Twilio's answers. What WhatsApp
refuses Twilio tells only afterwards, in a status form; here it is kept as the ``failure`` of what was sent.
Sources: Twilio's pages "Messages resource", "Twilio's request to your incoming message webhook URL", "Webhooks
security", and its dictionary of errors.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import encode_basic_auth, web

from simulator.parties import Customer
from simulator.rules import ServiceWindow

LONGEST = 1600
OUTSIDE_WINDOW = 63016
ACCOUNT, TOKEN = "AC" + "0123456789abcdef" * 2, "twilio-token"


@dataclass(frozen=True, slots=True)
class TwilioSent:
    """A message that was taken. ``failure`` is the code that its status form will tell, if it will not arrive."""

    sid: str
    form: Mapping[str, str]
    failure: int | None = None

    @property
    def to(self) -> str:
        """The customer's digits."""
        return self.form["To"].removeprefix("whatsapp:+")

    @property
    def text(self) -> str:
        """What it says."""
        return self.form.get("Body", "")


class StandInTwilio:
    """The stand-in. ``window`` None: that rule is off. ``clock`` gives seconds since 1970."""

    def __init__(
        self,
        *,
        account: str = ACCOUNT,
        token: str = TOKEN,
        number: str = "+14155238886",
        window: ServiceWindow | None = None,
        clock: Callable[[], float],
    ) -> None:
        self.delay = 0.0
        self.messages: list[TwilioSent] = []
        self.refused: list[int] = []
        self._key = encode_basic_auth(account, token)
        self._account = account
        self._sender = f"whatsapp:{number}"
        self._window = window
        self._clock = clock
        self._answers: deque[tuple[int, int]] = deque()
        self._later: deque[int] = deque()
        self._arrived = asyncio.Condition()

    def fail_next(self, code: int, http_status: int = 400, *, times: int = 1) -> None:
        """Refuse the next ``times`` messages in the answer."""
        self._answers.extend([(code, http_status)] * times)

    def fail_later(self, code: int) -> None:
        """Take the next message, and let it fail afterwards."""
        self._later.append(code)

    async def wait_for(self, count: int, within: float = 10.0) -> list[TwilioSent]:
        """Everything sent, once that is ``count`` messages."""
        async with asyncio.timeout(within), self._arrived:
            await self._arrived.wait_for(lambda: len(self.messages) >= count)
        return list(self.messages)

    def application(self) -> web.Application:
        """The API as an application."""
        app = web.Application()
        app.add_routes([web.post("/2010-04-01/Accounts/{account}/Messages.json", self._handle)])
        return app

    async def _handle(self, request: web.Request) -> web.Response:
        fields = await request.post()
        form = {name: str(value) for name, value in fields.items()}
        code, status = self._judge(request, form)
        if code:
            self.refused.append(code)
            said = {"code": code, "message": f"error {code}", "status": status}
            said["more_info"] = f"https://www.twilio.com/docs/errors/{code}"
            return web.json_response(said, status=status)
        sent = TwilioSent(_sid("MM" if "MediaUrl" in form else "SM"), form, self._failure(form))
        async with self._arrived:
            self.messages.append(sent)
            self._arrived.notify_all()
        if self.delay:
            await asyncio.sleep(self.delay)
        return web.json_response({"sid": sent.sid, "status": "queued", "error_code": None}, status=201)

    def _judge(self, request: web.Request, form: Mapping[str, str]) -> tuple[int, int]:
        if request.headers.get("Authorization") != self._key or request.match_info["account"] != self._account:
            return 20003, 401
        if self._answers:
            return self._answers.popleft()
        if form.get("From") != self._sender:
            return 63007, 400
        if not form.get("To", "").startswith("whatsapp:+"):
            return 21211, 400
        if not (form.get("Body") or form.get("MediaUrl") or form.get("ContentSid")):
            return 21619, 400
        return (21617, 400) if len(form.get("Body", "").encode("utf-16-le")) // 2 > LONGEST else (0, 201)

    def _failure(self, form: Mapping[str, str]) -> int | None:
        if self._later:
            return self._later.popleft()
        if self._window is None or "ContentSid" in form:
            return None
        return None if self._window.is_open(form["To"].removeprefix("whatsapp:+"), self._clock()) else OUTSIDE_WINDOW


@dataclass(frozen=True, slots=True)
class TwilioPost:
    """A form as Twilio posts it."""

    url: str
    body: bytes
    signature: str

    @property
    def path(self) -> str:
        """The address without scheme and host."""
        return "/" + self.url.split("/", 3)[3]


class TwilioForms:
    """Makes signed forms for a service that Twilio reaches at ``base``, such as ``https://chat.example``."""

    def __init__(self, base: str, number: str = "+14155238886", account: str = ACCOUNT, token: str = TOKEN) -> None:
        self._base = base
        self._number = number
        self._account = account
        self._token = token

    def message(self, customer: Customer, sid: str | None = None, **fields: str) -> TwilioPost:
        """A message of a customer; ``fields`` are what it holds."""
        sid = sid or _sid("SM")
        form = {
            "SmsMessageSid": sid, "MessageSid": sid, "SmsSid": sid, "AccountSid": self._account, "NumMedia": "0",
            "ProfileName": customer.name, "WaId": customer.wa_id or "", "SmsStatus": "received", "Body": "",
            "To": f"whatsapp:{self._number}", "From": f"whatsapp:{customer.phone}", "ApiVersion": "2010-04-01",
        }  # fmt: skip
        return self.post("/webhooks/twilio/webhook", {**form, **fields})

    def text(self, customer: Customer, said: str) -> TwilioPost:
        """Something typed."""
        return self.message(customer, Body=said, MessageType="text")

    def status(self, sent: TwilioSent, state: str, code: int | None = None) -> TwilioPost:
        """What became of a message, at the address that came with it."""
        form = {
            "MessageSid": sent.sid, "SmsSid": sent.sid, "AccountSid": self._account, "MessageStatus": state,
            "SmsStatus": state, "From": sent.form["From"], "To": sent.form["To"], "ApiVersion": "2010-04-01",
        }  # fmt: skip
        if code is not None:
            form["ErrorCode"] = str(code)
        return self.post(sent.form["StatusCallback"].removeprefix(self._base), form)

    def post(self, path: str, form: Mapping[str, str]) -> TwilioPost:
        """Any form, signed."""
        url = self._base + path
        said = url + "".join(name + form[name] for name in sorted(form))
        mac = hmac.new(self._token.encode(), said.encode(), hashlib.sha1).digest()
        return TwilioPost(url, urlencode(form).encode(), base64.b64encode(mac).decode())


@asynccontextmanager
async def serve(twilio: StandInTwilio) -> AsyncIterator[str]:
    """Serve the stand-in on 127.0.0.1; hands out its base address (``TWILIO_API_URL``)."""
    runner = web.AppRunner(twilio.application(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _sid(kind: str) -> str:
    return kind + secrets.token_hex(16)
