"""A call to a CRM: its answer as JSON, or the error that says what to do. Nothing of a URL gets into an error."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

import aiohttp

from calls.answers import UNREADABLE, Answer, read_json, retry_after, within
from crm.errors import Down, Nonsense, NotAllowed, Wait, told
from crm.pace import Pace

TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10)
LARGEST = 8 * 1024 * 1024
IN_DOUBT = timedelta(minutes=2)
"""A call that was not answered may still take effect; what it wrote is looked for after that."""
LONGEST_WAIT = timedelta(hours=24)


class Http:
    """Calls one system, each with a session, a pace and limits of its own. Use as an async context manager."""

    def __init__(
        self, name: str, base: str, *, headers: Mapping[str, str], pace: Pace, timeout: aiohttp.ClientTimeout = TIMEOUT
    ) -> None:
        self._name, self._base = name, base.rstrip("/")
        self._headers, self._pace, self._timeout = headers, pace, timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=self._timeout, connector=aiohttp.TCPConnector(limit=8), cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(
        self, method: str, path: str, *, body: Any = None, form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | list[tuple[str, str]] | None = None, headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """Make a call once it may be made. `path` may be a whole URL. Answers of 2xx and of 4xx come back.

        Raises `Wait` (429), `Down` (no answer, 5xx), `NotAllowed` (401) and `Nonsense` (no JSON, a redirect).
        """
        assert self._session is not None, "use `async with`"
        await self._pace.turn()
        url = path if path.startswith(("http://", "https://")) else f"{self._base}/{path.lstrip('/')}"
        data: Any = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace") if body is not None else form
        sent = {"Accept": "application/json", **self._headers, **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        try:
            async with self._session.request(
                method, url, data=data, params=query, headers=sent, allow_redirects=False
            ) as response:
                status, got = response.status, dict(response.headers)
                raw = await response.content.read(LARGEST + 1)
                while len(raw) <= LARGEST and (more := await response.content.read(LARGEST)):
                    raw += more
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Down(f"{self._name} cannot be reached ({type(error).__name__})") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Down(f"{self._name} did not answer ({type(error).__name__})", least=IN_DOUBT) from None
        if len(raw) > LARGEST:
            raise Nonsense(f"{self._name} answered more than {LARGEST // 2**20} MB")
        return self._judged(status, raw, got)

    def _judged(self, status: int, raw: bytes, headers: Mapping[str, str]) -> Answer:
        body = read_json(raw) if raw.strip() else None
        answer = Answer(status, body, {name.lower(): value for name, value in headers.items()})
        if status == 429:
            raise Wait(f"{self._name} asks us to slow down", after=wait_of(answer, _pause_of(answer.fields)))
        if status == 401:
            said = told(answer.fields.get("message") or answer.fields.get("error_description") or "")
            raise NotAllowed(f"{self._name} does not accept our token (401) {said}".rstrip())
        if status >= 500 and answer.body is UNREADABLE:
            raise Down(f"{self._name} answered {status}", least=self._least(status))
        if 300 <= status < 400:
            raise Nonsense(f"{self._name} answered {status}, a redirect; is its address right?")
        if answer.body is UNREADABLE:
            raise Nonsense(f"{self._name} answered {status} with something that is no JSON")
        if status >= 500 and "error" not in answer.fields and "errorMsg" not in answer.fields:
            raise Down(f"{self._name} answered {status}", least=self._least(status))
        return answer

    @staticmethod
    def _least(status: int) -> timedelta:
        return timedelta(0) if status == 503 else IN_DOUBT


def _pause_of(said: Mapping[str, Any]) -> timedelta:
    """How long to wait where no header says so: HubSpot names the limit, Bitrix24 the moment a method is free again."""
    if said.get("policyName") == "DAILY":
        return timedelta(hours=1)
    if said.get("error") == "OPERATION_TIME_LIMIT":
        times = said.get("time")
        reset = times.get("operating_reset_at") if isinstance(times, dict) else None
        if isinstance(reset, int | Decimal):
            return timedelta(seconds=float(reset) - datetime.now(UTC).timestamp())  # by the server's clock
        return timedelta(minutes=10)
    return timedelta(seconds=10)


def wait_of(answer: Answer, otherwise: timedelta) -> timedelta:
    """How long an answer asks us to wait (`Retry-After`, in seconds or as a date), at most a day."""
    text = answer.headers.get("retry-after", "").strip()
    return retry_after(text, unreadable=otherwise, most=LONGEST_WAIT) if text else within(otherwise, LONGEST_WAIT)
