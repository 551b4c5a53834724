"""The whole stack in one process: signed updates in, the real model, a stand-in for the Graph API, the service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from rasa.core.agent import Agent
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.whatsapp.channel import WhatsAppInput
from conversation.tables import InboxRow, OutboxRow
from loyalty.clock import FixedClock
from loyalty.due import run_due
from loyalty.files.reading import read_programme
from passaparola.chat import ChatWiring
from passaparola.compose import House, build
from passaparola.settings import Settings
from service.app import build_app
from simulator import Business, Customer, Sent, ServiceWindow, StandInGraph, Update, WebhookBuilder, encode, serve, sign

NUMBER_ID = "100000000000001"
APP_SECRET, API_KEY, ACCESS_TOKEN = "app-secret", "api-key", "access-token"
PATIENCE = 10.0


@dataclass
class Stack:
    """Everything a conversation needs."""

    house: House
    clock: FixedClock
    graph: StandInGraph
    channel: WhatsAppInput
    service: TestClient[Any, Any]
    webhooks: WebhookBuilder
    window: ServiceWindow
    wiring: ChatWiring
    settings: Settings
    agent: Agent
    _purchases: int = field(default=0)

    async def restarts(self) -> None:
        """The chat process ends and begins anew: nothing is left of it but the database."""
        await self.settled()
        await self.wiring.close()
        self.house = build(self.settings, clock=self.clock)
        self.wiring = ChatWiring(self.house)
        await self.wiring.start(self.agent)
        self.channel = WhatsAppInput(self.wiring)

    async def receive(self, *updates: Update) -> None:
        """WhatsApp posts updates, one after the other."""
        for update in updates:
            body = encode(update.body)
            await self.channel.receive(body, sign(APP_SECRET, body))

    async def answers(self, *updates: Update) -> list[Sent]:
        """What the bot sends in answer, each update answered by one message."""
        before = len(self.graph.messages)
        await self.receive(*updates)
        await self.graph.wait_for(before + len(updates), timeout=PATIENCE)
        return self.graph.messages[before:]

    async def settled(self) -> list[Sent]:
        """Everything sent, once all turns have ended and nothing waits in the outbox."""
        while await self.house.store.read(_under_way):  # noqa: ASYNC110 -- the database has no event to wait for
            await asyncio.sleep(0.02)
        return list(self.graph.messages)

    async def buys(self, customer: Customer, amount: str) -> dict[str, Any]:
        """The till reports a purchase."""
        self._purchases += 1
        body = {
            "type": "purchase",
            "id": f"till/{self._purchases:06}",
            "member": {"phone": customer.phone} if customer.phone else {"user_id": customer.user_id},
            "amount": amount,
            "currency": "EUR",
            "occurred_at": self.clock.now().isoformat(),
        }
        async with self.service.post("/v1/events", json=body, headers=BEARER) as response:
            answer: dict[str, Any] = await response.json()
            assert response.status == 200, answer
            return answer

    async def decides(self, decision: dict[str, Any]) -> None:
        """A colleague decides about the oldest claim that waits."""
        async with self.service.get("/v1/claims", headers=BEARER) as response:
            waiting = (await response.json())["claims"]
        body = {"author": "Mara", "reason": "looked at", **decision}
        async with self.service.post(f"/v1/claims/{waiting[0]['id']}", json=body, headers=BEARER) as response:
            assert response.status == 200, await response.text()

    async def later(self, by: timedelta) -> None:
        """Time goes by, and what falls due in it is done."""
        self.clock.forward(by)
        for programme in self.house.programmes.values():
            await run_due(self.house.store, programme, now=self.clock.now())


def _under_way(session: Session) -> bool:
    waiting = select(InboxRow.id).where(InboxRow.state == "new")
    going_out = select(OutboxRow.id).where(OutboxRow.state.in_(["waiting", "sending"]))
    return session.scalars(waiting).first() is not None or session.scalars(going_out).first() is not None


BEARER = {"Authorization": f"Bearer {API_KEY}"}


@asynccontextmanager
async def running(agent: Agent, database: str, clock: FixedClock, programme: Path) -> AsyncIterator[Stack]:
    """A running stack on an empty database."""
    window = ServiceWindow()
    number = read_programme(programme).whatsapp.phone_number_id or NUMBER_ID
    graph = StandInGraph(ACCESS_TOKEN, number, window=window, clock=lambda: clock.now().timestamp())
    async with serve(graph) as url:
        settings = Settings(
            _env_file=None,
            database_url=database,
            programme=programme,
            api_key=API_KEY,
            public_url="https://aurora.example",
            graph_url=url,
            phone_number_id=number,
            pair_seconds=0,  # the clock stands still, and with it whoever has to wait
            access_token=ACCESS_TOKEN,
            app_secret=APP_SECRET,
            verify_token="verify-token",
        )
        house = build(settings, clock=clock)
        wiring = ChatWiring(house)
        await wiring.start(agent)
        business = Business("Caffè Aurora", "+390612345678", number)
        webhooks = WebhookBuilder(business, lambda: clock.now().timestamp())
        last = wiring
        try:
            async with TestClient(TestServer(build_app(house.service(), version="test"))) as service:
                stack = Stack(
                    house, clock, graph, WhatsAppInput(wiring), service, webhooks, window, wiring, settings, agent
                )  # fmt: skip
                try:
                    yield stack
                finally:
                    last = stack.wiring
        finally:
            await last.close()
