"""A stand-in for `POST /{version}/{number}/messages`: answers at once and tells who waits for it what came when."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from time import perf_counter
from typing import Any, Self

from aiohttp import web

from benchmarks.programs import HOST


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message the bot sent, and when it was here."""

    at: float
    body: Mapping[str, Any]


class Sink:
    """The Graph API as far as a bot can see it. Use as an async context manager."""

    def __init__(self) -> None:
        self.received = 0
        self.url = ""
        self._numbers = count(1)
        self._expected: dict[str, asyncio.Future[Arrival]] = {}
        app = web.Application()
        app.router.add_post("/{version}/{number}/messages", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        port = self._runner.addresses[0][1]
        self.url = f"http://{HOST}:{port}/v24.0"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def expect(self, phone: str) -> asyncio.Future[Arrival]:
        """The next message to a phone (`+39…`); at most one is expected at a time."""
        future: asyncio.Future[Arrival] = asyncio.get_running_loop().create_future()
        self._expected[phone] = future
        return future

    async def _take(self, request: web.Request) -> web.Response:
        raw = await request.read()
        at = perf_counter()
        body = json.loads(raw)
        if "to" not in body:  # a message is marked as read, because its answer took long
            return web.json_response({"success": True})
        self.received += 1
        phone = str(body["to"])
        future = self._expected.pop(phone, None)
        if future is not None and not future.done():
            future.set_result(Arrival(at, body))
        answer = {
            "messaging_product": "whatsapp",
            "contacts": [{"input": phone, "wa_id": phone.removeprefix("+")}],
            "messages": [{"id": f"wamid.out{next(self._numbers)}"}],
        }
        return web.json_response(answer)
