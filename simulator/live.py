"""Live events for the open pages: one WebSocket each.

In: ``publish(event)`` from anywhere. Out: the event as JSON on every socket, in order.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import WSCloseCode, web

BACKLOG = 2000  # a page this far behind is better off reloading the whole state


class LiveFeed:
    """The sockets of all open pages."""

    def __init__(self) -> None:
        self._pages: dict[web.WebSocketResponse, asyncio.Queue[str]] = {}

    def publish(self, event: Mapping[str, Any]) -> None:
        """Hand ``event`` to every page; never waits, and drops a page that does not read."""
        text = json.dumps(event)
        for page, waiting in tuple(self._pages.items()):
            try:
                waiting.put_nowait(text)
            except asyncio.QueueFull:
                del self._pages[page]

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """``GET /sim/live``: stays until the page or the simulator goes."""
        page = web.WebSocketResponse(heartbeat=20)
        await page.prepare(request)
        self._pages[page] = asyncio.Queue(BACKLOG)
        writer = asyncio.create_task(self._write(page, self._pages[page]))
        try:
            async for _ in page:  # pages send nothing; reading notices that they are gone
                pass
        finally:
            writer.cancel()
            self._pages.pop(page, None)
        return page

    async def close(self) -> None:
        """Say goodbye to every page, so that stopping does not wait for them."""
        for page in tuple(self._pages):
            await page.close(code=WSCloseCode.GOING_AWAY)

    async def _write(self, page: web.WebSocketResponse, waiting: asyncio.Queue[str]) -> None:
        while page in self._pages:
            try:
                await page.send_str(await waiting.get())
            except ConnectionError:
                return
        await page.close()  # it fell behind: the page connects again and asks for the whole state
