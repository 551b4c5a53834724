"""A call to a shop: its answer as JSON, or the error that says what to do. Nothing of a URL gets into an error."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import aiohttp

from calls.answers import UNREADABLE, Answer, read_json, retry_after
from service.shops.apis.errors import Down, Nonsense, NotAllowed, Wait, told

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[object]]

TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
LARGEST = 32 * 1024 * 1024
"""Bytes of an answer: a hundred orders of a hundred lines have a third of that."""
PATIENCE, SHORT = 5, timedelta(seconds=10)
"""So often a call is made again at once that has to wait for so long at most; else all work for the shop waits."""
LONGEST_WAIT = timedelta(hours=1)
_NO_ENTRY = {
    401: "does not accept our key or token", 402: "is frozen, its owner has to pay", 403: "does not give us the right",
    423: "is locked",
}  # fmt: skip


class Http:
    """Calls one shop. `open` before, `close` after."""

    def __init__(
        self, name: str, base: str, *, headers: Mapping[str, str], timeout: aiohttp.ClientTimeout = TIMEOUT,
        sleep: Sleep = asyncio.sleep,
    ) -> None:  # fmt: skip
        self._name, self._base, self._headers = name, base.rstrip("/"), dict(headers)
        self._timeout, self._sleep = timeout, sleep
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            timeout=self._timeout, headers={"Accept": "application/json", **self._headers},
            connector=aiohttp.TCPConnector(limit=4), cookie_jar=aiohttp.DummyCookieJar(),
        )  # fmt: skip

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something once the shop lets us: short waits are waited for, a few times. Raises `Wait` else."""
        for _ in range(PATIENCE):
            try:
                return await work()
            except Wait as wait:
                if wait.after > SHORT:
                    raise
                await self._sleep(wait.after.total_seconds())
        return await work()

    async def call(self, method: str, path: str, *, body: Any = None, query: Mapping[str, str] | None = None) -> Answer:
        """Make a call. Answers of 2xx and those of 4xx that are about what was sent come back.

        Raises `Wait` (429), `NotAllowed` (401, 402, 403, 423), `Down` (no answer, 5xx) and `Nonsense` (no JSON, a
        redirect, 404).
        """
        assert self._session is not None, "open it first"
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace") if body is not None else None
        headers = {"Content-Type": "application/json"} if data is not None else None
        try:
            async with self._session.request(
                method, f"{self._base}/{path}", data=data, params=query, headers=headers, allow_redirects=False
            ) as response:
                status, got = response.status, {name.lower(): value for name, value in response.headers.items()}
                raw = await _read(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Down(f"{self._name} did not answer ({type(error).__name__})") from None
        if len(raw) > LARGEST:
            raise Nonsense(f"{self._name} answered more than {LARGEST // 2**20} MB")
        return self._judged(status, raw, got)

    def _judged(self, status: int, raw: bytes, headers: Mapping[str, str]) -> Answer:
        if status == 429:
            raise Wait(f"{self._name} asks us to slow down", after=wait_of(headers.get("retry-after", "")))
        if status in _NO_ENTRY:
            said = Answer(status, read_json(raw), headers).fields
            why = told(said.get("message") or said.get("errors"))
            raise NotAllowed(f"{self._name} {_NO_ENTRY[status]} ({status}) {why}".rstrip())
        if status >= 500:
            raise Down(f"{self._name} answered {status}")
        if status == 404:
            raise Nonsense(f"{self._name} does not know what it was asked for (404); is its address right?")
        if 300 <= status < 400:
            raise Nonsense(f"{self._name} answered {status}, a redirect; is its address right?")
        body = read_json(raw)
        if body is UNREADABLE:
            raise Nonsense(f"{self._name} answered {status} with something that is no JSON; is its address right?")
        return Answer(status, body, headers)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    raw = bytearray()
    async for chunk in response.content.iter_chunked(2**16):
        raw += chunk
        if len(raw) > LARGEST:
            break
    return bytes(raw)


def wait_of(text: str) -> timedelta:
    """How long `Retry-After` asks us to wait, in seconds or as a date: a second at least, an hour at most."""
    if not text.strip():
        return timedelta(seconds=2)
    return retry_after(text, unreadable=timedelta(seconds=10), most=LONGEST_WAIT)
