"""A bot of thirty lines that answers what it hears, for tests of the conformance kit itself."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from simulator import sign


class EchoBot:
    """Hears messages, each once, and sends them back, again after an error or a lost answer."""

    def __init__(self, graph: str, token: str, app_secret: str) -> None:
        self._graph, self._secret = graph, app_secret
        self._headers = {"Authorization": f"Bearer {token}"}
        self.bodies: list[dict[str, Any]] = []
        self._seen: set[str] = set()

    async def hook(self, request: web.Request) -> web.Response:
        raw = await request.read()
        assert request.headers["X-Hub-Signature-256"] == sign(self._secret, raw)
        self.bodies.append(json.loads(raw))
        for entry in self.bodies[-1]["entry"]:
            for change in entry["changes"]:
                for message in change["value"].get("messages", ()):
                    if message["type"] == "text" and message["id"] not in self._seen:
                        self._seen.add(message["id"])
                        await self._answer(message)
        return web.Response()

    async def _answer(self, message: dict[str, Any]) -> None:
        to = {"to": message["from"]} if "from" in message else {"recipient": message["from_user_id"]}
        text = {"body": f"you said {message['text']['body']}"}
        body = {"messaging_product": "whatsapp", "type": "text", "text": text, **to}
        async with aiohttp.ClientSession(headers=self._headers) as session:
            for _ in range(5):
                try:
                    async with session.post(f"{self._graph}/1/messages", json=body) as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass


@asynccontextmanager
async def echo_bot(graph: str, token: str, app_secret: str) -> AsyncIterator[tuple[str, EchoBot]]:
    """The bot and the address of its webhook."""
    bot = EchoBot(graph, token, app_secret)
    app = web.Application()
    app.router.add_post("/hook", bot.hook)
    async with TestServer(app) as server:
        yield str(server.make_url("/hook")), bot
