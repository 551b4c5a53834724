"""The members of our bot as the network sees them: webhooks go out, the answers come in at the sink."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any
from uuid import uuid4

import aiohttp

from benchmarks.load import WrongAnswer
from benchmarks.sink import Sink
from connectors.whatsapp.signature import sign

PATIENCE = 30.0
Json = Mapping[str, Any]
Post = Callable[[bytes], Awaitable[None]]
"""Hands a webhook body to our bot; returns when it is acknowledged."""


def signed(session: aiohttp.ClientSession, url: str, secret: str) -> Post:
    """A `Post` by HTTP, with the signature Meta gives."""

    async def post(body: bytes) -> None:
        headers = {"X-Hub-Signature-256": sign(secret, body), "Content-Type": "application/json"}
        async with session.post(url, data=body, headers=headers) as response:
            if response.status != 200:
                raise WrongAnswer(f"the webhook answered {response.status}")

    return post


class Customer:
    """A member of our bot: posts webhooks, finds the answers in the sink."""

    def __init__(self, post: Post, sink: Sink, number_id: str, phone: str) -> None:
        self._post = post
        self._sink = sink
        self._number_id = number_id
        self._phone = phone

    async def say(self, message: Json) -> tuple[float, Json]:
        """Send a message; how long the answer took, and the answer."""
        body = webhook(self._number_id, self._phone, message)
        arrival = self._sink.expect(self._phone)
        began = perf_counter()
        await self._post(body)
        try:
            answer = await asyncio.wait_for(arrival, PATIENCE)
        except TimeoutError:
            raise WrongAnswer(f"our bot did not answer within {PATIENCE:.0f} s") from None
        return answer.at - began, answer.body


class Writer:
    """Writes one sentence after the other. `check` looks at every answer."""

    def __init__(self, customer: Customer, sentences: Iterator[str], check: Callable[[Json], None]) -> None:
        self._customer = customer
        self._sentences = sentences
        self._check = check

    async def turn(self) -> float:
        seconds, answer = await self._customer.say({"type": "text", "text": {"body": next(self._sentences)}})
        self._check(answer)
        return seconds


class Tapper:
    """Taps what the last answer offers: the first title of `wanted` that is there, else what stands first."""

    def __init__(self, customer: Customer, opening: str, wanted: Sequence[str], check: Callable[[Json], None]) -> None:
        self._customer = customer
        self._opening = opening
        self._wanted = wanted
        self._check = check
        self._choices: Sequence[Json] = ()

    async def open(self) -> None:
        """Ask something, so that there is something to tap."""
        self._take((await self._customer.say({"type": "text", "text": {"body": self._opening}}))[1])

    async def turn(self) -> float:
        choice = min(self._choices, key=self._rank)
        kind = "list_reply" if choice["row"] else "button_reply"
        reply = {"type": kind, kind: {"id": choice["id"], "title": choice["title"]}}
        seconds, answer = await self._customer.say({"type": "interactive", "interactive": reply})
        self._take(answer)
        return seconds

    def _rank(self, choice: Json) -> int:
        return self._wanted.index(choice["title"]) if choice["title"] in self._wanted else len(self._wanted)

    def _take(self, answer: Json) -> None:
        self._check(answer)
        action = answer.get("interactive", {}).get("action", {})
        buttons = [{**button["reply"], "row": False} for button in action.get("buttons", ())]
        rows = [{**row, "row": True} for section in action.get("sections", ()) for row in section["rows"]]
        self._choices = buttons + rows
        if not self._choices:
            raise WrongAnswer("the answer offers nothing to tap")


def webhook(number_id: str, phone: str, message: Json) -> bytes:
    """The body of a webhook with one message of a customer, as Meta posts it."""
    wa_id = phone.removeprefix("+")
    told = {"from": wa_id, "id": f"wamid.in{uuid4().hex}", "timestamp": str(int(time.time())), **message}
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "390612345678", "phone_number_id": number_id},
        "contacts": [{"profile": {"name": "Somebody"}, "wa_id": wa_id}],
        "messages": [told],
    }
    entry = {"id": "1", "changes": [{"field": "messages", "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
