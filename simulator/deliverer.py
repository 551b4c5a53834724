"""Posts webhooks to the chat process, signed, in order per customer, until they are taken.

Meta retries any answer but 200 for days, with a growing pause. Here the first pauses are short, so that a demo survives
a chat process that is still loading its model, and the last try comes after minutes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import aiohttp

from simulator.webhooks import encode, sign


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait between tries, in seconds, and when to give up."""

    first: float = 0.1
    factor: float = 1.6
    longest: float = 5.0
    give_up_after: float = 900.0
    answer_within: float = 10.0


@dataclass(frozen=True, slots=True)
class Report:
    """How the webhook stands: ``ok`` after a 200, else one line that says what it answered."""

    ok: bool
    detail: str


Pending = deque[tuple[bytes, asyncio.Future[bool]]]


class Deliverer:
    """Delivers webhook bodies. Nothing in here raises: trouble goes to ``on_report`` and to the handle's result."""

    def __init__(
        self,
        url: str,
        app_secret: str,
        *,
        patience: Patience | None = None,
        on_report: Callable[[Report], None] = lambda report: None,
    ) -> None:
        self._url = url
        self._secret = app_secret
        self._patience = patience or Patience()
        self._on_report = on_report
        self._queues: dict[str, Pending] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def post(self, customer: str, body: Mapping[str, Any]) -> asyncio.Future[bool]:
        """Queue ``body`` behind earlier ones of ``customer``; the future says True once the webhook answered 200."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiting = self._queues.get(customer)
        if waiting is not None:
            waiting.append((encode(body), done))
            return done
        self._queues[customer] = deque([(encode(body), done)])
        worker = asyncio.create_task(self._drain(customer))
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)
        return done

    async def join(self) -> None:
        """Wait until everything queued so far is delivered or given up."""
        while self._workers:
            await asyncio.gather(*self._workers, return_exceptions=True)

    async def close(self) -> None:
        """Drop what is still queued and close the connections."""
        for worker in tuple(self._workers):
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for waiting in self._queues.values():
            for _, done in waiting:
                done.cancel()
        self._queues.clear()
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _drain(self, customer: str) -> None:
        waiting = self._queues[customer]
        while waiting:
            body, done = waiting[0]  # stays in the queue while it is tried, so that close() finds it
            delivered = await self._persist(body)
            waiting.popleft()
            if not done.done():
                done.set_result(delivered)
        del self._queues[customer]

    async def _persist(self, body: bytes) -> bool:
        """Try until the webhook answers 200; False once the patience is used up."""
        patience = self._patience
        pause, waited = patience.first, 0.0
        while True:
            report = await self._try(body)
            self._on_report(report)
            if report.ok or waited >= patience.give_up_after:
                return report.ok
            await asyncio.sleep(pause)
            waited += pause
            pause = min(pause * patience.factor, patience.longest)

    async def _try(self, body: bytes) -> Report:
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": sign(self._secret, body)}
        headers["User-Agent"] = "facebookexternalua"
        try:
            async with self._connection().post(self._url, data=body, headers=headers) as answer:
                if answer.status == HTTPStatus.OK:
                    return Report(True, "")
                return Report(False, f"The chat at {self._url} answered {answer.status}; trying again.")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return Report(False, f"The chat at {self._url} does not answer yet; trying again.")

    def _connection(self) -> aiohttp.ClientSession:
        # Made at the first post: a session needs a running loop, and a test double may never post at all.
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=self._patience.answer_within)
            connector = aiohttp.TCPConnector(limit=32)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=connector)
        return self._session
