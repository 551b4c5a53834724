"""Rasa's own HTTP API beside the webhook: intents and events from outside reach the right member, by the window."""

import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from rasa.core.agent import Agent
from rasa.core.run import configure_app
from sanic import Sanic
from sqlalchemy import select

from conversation.tables import Conversation, OutboxRow
from simulator import Customer
from tests.stack import Stack

TOKEN = "rasa-token-0f3a9c"
GIULIA = Customer("Giulia", phone="+393331234567")
Sanic.test_mode = True  # without it only one server can ever start in a process


class Api:
    """Rasa's HTTP API over a running stack."""

    def __init__(self, stack: Stack, url: str, session: aiohttp.ClientSession) -> None:
        self._stack = stack
        self._url = url
        self._session = session

    async def giulia(self) -> str:
        """How Rasa calls her conversation."""
        row = await self._stack.house.store.read(lambda session: session.scalars(select(Conversation)).one())
        return f"{row.programme_id}:{row.member_id}"

    async def post(self, path: str, body: Any, token: str | None = TOKEN, **query: str) -> tuple[int, Any]:
        """Status and answer."""
        query |= {"token": token} if token else {}
        async with self._session.post(f"{self._url}/conversations/{path}", json=body, params=query) as response:
            return response.status, await response.json()

    async def withheld(self) -> list[str]:
        """Why messages were withheld."""
        query = select(OutboxRow.error).where(OutboxRow.state == "withheld")
        return await self._stack.house.store.read(lambda session: list(session.scalars(query)))


@pytest.fixture
async def api(stack: Stack, agent: Agent) -> AsyncIterator[Api]:
    app = configure_app([stack.channel], auth_token=TOKEN, enable_api=True, use_uvloop=False)
    app.ctx.agent = agent
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = await app.create_server(sock=listening, return_asyncio_server=True, access_log=False)
        try:
            await server.startup()
            await server.before_start()  # the wiring runs already, as it does after the start
            async with aiohttp.ClientSession() as session:
                yield Api(stack, f"http://127.0.0.1:{listening.getsockname()[1]}", session)
        finally:
            await server.close()


async def test_an_intent_from_outside_is_answered_to_the_member_it_names(stack: Stack, api: Api) -> None:
    await stack.answers(stack.webhooks.text(GIULIA, "ciao, quanti punti ho?"))
    name = await api.giulia()
    status, answer = await api.post(f"{name}/trigger_intent", {"name": "list_rewards"}, output_channel="latest")
    assert (status, "messages" in answer) == (200, False), "it was said on WhatsApp, not in the answer"
    *_, said = await stack.settled()
    assert said.to == "393331234567"
    assert "premi" in str(said.body).lower(), "in her language"
    assert await api.withheld() == []


async def test_after_24_hours_it_is_withheld_and_changes_nothing(stack: Stack, api: Api) -> None:
    await stack.answers(stack.webhooks.text(GIULIA, "ciao, quanti punti ho?"))
    name = await api.giulia()
    before = len(stack.graph.messages)
    await stack.later(timedelta(hours=25))
    for intent in ("list_rewards", "join_program"):
        status, _ = await api.post(f"{name}/trigger_intent", {"name": intent}, output_channel="whatsapp")
        assert status == 200
    assert len(await stack.settled()) == before
    assert await api.withheld() == ["the customer service window was closed"]
    async with stack.service.get(
        f"/v1/members/{name.partition(':')[2]}", headers={"Authorization": "Bearer api-key"}
    ) as response:
        assert (await response.json())["joined_at"] is None


async def test_what_is_to_be_done_is_done_inside_the_window(stack: Stack, api: Api) -> None:
    await stack.answers(stack.webhooks.text(GIULIA, "ciao, quanti punti ho?"))
    name = await api.giulia()
    await api.post(f"{name}/trigger_intent", {"name": "join_program"}, output_channel="whatsapp")
    await stack.settled()
    async with stack.service.get(
        f"/v1/members/{name.partition(':')[2]}", headers={"Authorization": "Bearer api-key"}
    ) as response:
        assert (await response.json())["joined_at"] is not None


async def test_events_added_from_outside_are_said_as_one_message(stack: Stack, api: Api) -> None:
    await stack.answers(stack.webhooks.text(GIULIA, "ciao, quanti punti ho?"))
    name = await api.giulia()
    buttons = [{"title": "Premi", "payload": "/list_rewards"}]
    events = [
        {"event": "bot", "text": "Il tuo ordine è pronto."},
        {"event": "bot", "text": "A presto!", "data": {"buttons": buttons, "image": "https://aurora.example/1.jpg"}},
    ]
    status, _ = await api.post(f"{name}/tracker/events", events, output_channel="latest", execute_side_effects="true")
    assert status == 200
    first, said = await stack.settled()
    assert said.body["interactive"]["body"]["text"] == "Il tuo ordine è pronto.\n\nA presto!"
    assert said.body["interactive"]["header"]["image"] == {"link": "https://aurora.example/1.jpg"}
    (button,) = said.body["interactive"]["action"]["buttons"]
    assert "/list_rewards" not in str(said.body)
    (answer,) = await stack.answers(
        stack.webhooks.button_reply(GIULIA, button["reply"]["id"], "Premi", reply_to=said.wamid)
    )
    assert "premi" in str(answer.body).lower()
    assert first.wamid != said.wamid


async def test_nobody_gets_in_without_the_token_or_to_somebody_who_is_not_there(stack: Stack, api: Api) -> None:
    await stack.answers(stack.webhooks.text(GIULIA, "ciao"))
    name = await api.giulia()
    before = len(stack.graph.messages)
    for token in (None, "another-token-77"):
        status, _ = await api.post(f"{name}/trigger_intent", {"name": "list_rewards"}, token, output_channel="whatsapp")
        assert status == 401
    for unknown in ("cafe:nobody", "nobody", f"gym:{name.partition(':')[2]}"):
        status, answer = await api.post(
            f"{unknown}/trigger_intent", {"name": "list_rewards"}, output_channel="whatsapp"
        )
        assert status == 500, "Rasa answers so whatever went wrong"
        assert "there is no such conversation" in answer["message"]
    assert len(await stack.settled()) == before
