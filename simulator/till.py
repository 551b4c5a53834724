"""The shop's till and the member's card: the page's window on the service's ``/v1`` (contract, section 5)."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web
from yarl import URL

from simulator.answers import Refusal, answer, body_of, text_in
from simulator.chats import Chat, ChatBook

AMOUNT = re.compile(r"[0-9]{1,7}(\.[0-9]{1,2})?")


class Till:
    """Proxies the page's purchases and its questions about a member; the api key never reaches the page."""

    def __init__(self, book: ChatBook, service_url: str, api_key: str, currency: str) -> None:
        self._book = book
        self._url = service_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._currency = currency
        self._session: aiohttp.ClientSession | None = None

    def routes(self) -> list[web.RouteDef]:
        """For the application under `/sim`; ``chat`` in the query names the member."""
        return [
            web.post("/purchase", self.purchase),
            web.get("/member", self.member),
            web.get("/ledger", self.ledger),
        ]

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def purchase(self, request: web.Request) -> web.Response:
        """``{"chat": key, "amount": "42.50"}`` becomes a purchase event with an id of its own."""
        body = await body_of(request)
        amount = text_in(body, "amount").replace(",", ".")
        if not AMOUNT.fullmatch(amount) or not Decimal(amount):
            raise Refusal(400, "Write the amount like 42.50.")
        number = uuid.uuid4().hex
        event = {
            "type": "purchase",
            "id": f"demo-till/{number}",
            "member": self._chat(text_in(body, "chat")).customer.member,
            "amount": str(Decimal(amount).quantize(Decimal("0.01"))),
            "currency": self._currency,
            "occurred_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        return await self._ask("POST", "/v1/events", json=event, headers={"Idempotency-Key": number})

    async def member(self, request: web.Request) -> web.Response:
        """The member behind the chat, as the service answers; ``{"stranger": true}`` if there is none."""
        return await self._ask("GET", f"/v1/members/{self._ref(request)}", unknown={"stranger": True})

    async def ledger(self, request: web.Request) -> web.Response:
        """The first page of the member's entries, as the service answers; none for a stranger."""
        return await self._ask("GET", f"/v1/members/{self._ref(request)}/ledger", unknown={"entries": []})

    def _ref(self, request: web.Request) -> str:
        return quote(self._chat(request.query.get("chat", "")).customer.ref, safe="")

    def _chat(self, key: str) -> Chat:
        chat = self._book.get(key)
        if chat is None:
            raise Refusal(404, "There is no such chat.")
        return chat

    async def _ask(
        self, method: str, path: str, *, unknown: dict[str, Any] | None = None, **options: Any
    ) -> web.Response:
        """The service's own JSON answer; if there is none, one line that says what to do.

        ``unknown`` stands for a 404: not being a member is no error on the page.
        """
        headers = {**self._headers, **options.pop("headers", {})}
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        try:
            # encoded: the reference's own "%3A" and "%2B" must arrive as they are
            target = URL(self._url + path, encoded=True)
            async with self._session.request(method, target, headers=headers, **options) as reply:
                if reply.status == HTTPStatus.NOT_FOUND and unknown is not None:
                    return answer(unknown)
                return answer(await reply.json(content_type=None), reply.status)
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise Refusal(502, f"The service at {self._url} does not answer. Is it running?") from None
        except ValueError:
            raise Refusal(502, f"The service at {self._url} answered something that is not JSON.") from None
