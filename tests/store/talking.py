"""A customer who writes to the bot, without a model: what her words mean is told by the test, all else is real."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from actions.answers import ANSWERS, Answers
from conversation.arriving import inbox
from conversation.arriving.incoming import Incoming, Sender, Tap, Text
from conversation.choosing.menus import Menus
from conversation.choosing.opting import OptWords
from conversation.errors import NotYet
from conversation.flowing.parts import Tools, build_parts
from conversation.flowing.runner import FlowRunner
from conversation.messages.model import Inquiry, Message, Understood
from conversation.saying.sentences import Sentences
from conversation.tables import OutboxRow
from conversation.turning.deciding import Decider, Response
from conversation.turning.memory import Memory, sender_of
from conversation.turning.turn import Turns
from tests.store.helpers import Shop

ROOT = Path(__file__).parents[2]
NUMBER = "100000000000001"
SENTENCES = Sentences.load(ROOT / "data" / "responses")
OPT_WORDS = OptWords.load(ROOT / "data" / "words" / "opting.yml")


class Told:
    """A dialogue that understands what it was told, and answers as the real one does."""

    def __init__(self, answers: Answers, meanings: Mapping[str, str]) -> None:
        self._answers = answers
        self._meanings = meanings

    async def parse(self, text: str) -> Understood:
        intent = self._meanings.get(text, "nlu_fallback")
        return Understood(intent, 0.3 if intent == "nlu_fallback" else 0.99, {}, None, {})

    async def respond(
        self, inquiry: Inquiry, understood: Understood, remembered: Sequence[Mapping[str, Any]]
    ) -> Response:
        memory = Memory(sender_of(inquiry.programme.id, inquiry.member), ({"text": inquiry.text},))
        if inquiry.intent in ANSWERS:
            return Response(await self._answers.answer(inquiry.intent, inquiry), memory)
        name = "not_understood" if inquiry.intent == "nlu_fallback" else inquiry.intent
        return Response((Message(SENTENCES.say(inquiry.language, f"utter_{name}")),), memory)


class Customer:
    """Somebody with a phone. Every message of hers is a turn; `said` is what the bot answered to the last one."""

    def __init__(
        self, shop: Shop, meanings: Mapping[str, str], phone: str = "393331234567", name: str = "Anna"
    ) -> None:
        self.shop, self.phone, self.name = shop, phone, name
        answers = Answers(shop.store, SENTENCES, shop.clock, public_url="https://shop.example")
        flows = FlowRunner(SENTENCES, build_parts(Tools(SENTENCES, "https://shop.example", "https://wa.me")))
        menus = Menus(SENTENCES)
        decider = Decider(shop.store, Told(answers, meanings), flows, OPT_WORDS, menus)
        self.turns = Turns(shop.store, {NUMBER: shop.programme}, decider, flows, SENTENCES, shop.clock)
        self.said: list[dict[str, Any]] = []
        self._count = 0

    async def types(self, text: str) -> str:
        """She writes; returns the text of the answer, nothing if there is none."""
        return await self.sends(self.message(Text(text)))

    async def taps(self, title: str) -> str:
        """She taps a choice of the last answer that had any."""
        for part in reversed(self.said):
            for choice in part.get("choices") or ():
                if choice["title"] == title:
                    return await self.sends(self.message(Tap(choice["id"], title)))
        raise AssertionError(f"there is no {title!r} to tap, only {self.titles}")

    @property
    def titles(self) -> list[str]:
        """What the last answer offers."""
        return [choice["title"] for choice in self.said[-1].get("choices") or ()] if self.said else []

    def message(self, content: Text | Tap) -> Incoming:
        self._count += 1
        self.shop.clock.forward(timedelta(seconds=10))
        id_ = f"wamid.{self.phone}.{self._count}"
        return Incoming(id_, NUMBER, Sender(self.phone, None, self.name), self.shop.now, content)

    async def sends(self, incoming: Incoming) -> str:
        """A message comes in and has its turn."""
        before = await self._sent()
        self.shop.clock.forward(timedelta(milliseconds=500))
        await self.shop.do(lambda session: inbox.accept(session, [incoming], now=self.shop.now))
        await self._has_its_turn(incoming)
        return await self._answered(before)

    async def _has_its_turn(self, incoming: Incoming) -> None:
        """As the dispatcher of a process does, whose sweeper comes back when an older message has been answered."""
        async with asyncio.timeout(10):
            while True:
                try:
                    return await self.turns.run(incoming)
                except NotYet:
                    await asyncio.sleep(0.01)

    async def _sent(self) -> frozenset[str]:
        return frozenset(await self.shop.ask(lambda session: session.scalars(select(OutboxRow.key)).all()))

    async def _answered(self, before: frozenset[str]) -> str:
        rows = await self.shop.ask(lambda session: session.scalars(select(OutboxRow).order_by(OutboxRow.id)).all())
        parts = [row.message for row in rows if row.key not in before]
        if parts:
            self.said = parts
        return "\n".join(part["text"] for part in parts)
