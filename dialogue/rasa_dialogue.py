"""The dialogue: Rasa's model understands a text, Rasa's rule picks the action, the action answers."""

from collections.abc import Mapping, Sequence
from time import time
from typing import Any

import structlog
from rasa.core.agent import Agent
from rasa.core.channels.channel import UserMessage

from conversation.messages.model import Inquiry, Message, Understood
from conversation.turning.deciding import Response
from conversation.turning.memory import Memory, sender_of
from dialogue.collector import Collector
from dialogue.processor import ChatProcessor
from dialogue.shortcuts import Shortcut, Shortcuts
from dialogue.trackers import TurnTrackers

log = structlog.get_logger()

NOT_UNDERSTOOD = "nlu_fallback"
LONGEST = 600
"""So many characters of a message are understood; what says more than that says it at the beginning."""
SURE_LANGUAGE = 0.95
"""How sure the model has to be of a language before the conversation changes to it."""


class RasaDialogue:
    """Answers through a Rasa agent."""

    def __init__(self, agent: Agent, trackers: TurnTrackers) -> None:
        if agent.processor is None:
            raise ValueError("the agent has no model")
        self._processor = agent.processor
        self._trackers = trackers
        self._own = agent.processor if isinstance(agent.processor, ChatProcessor) else None
        self._shortcuts = Shortcuts(self._own.shortcuts if self._own is not None else ())

    async def parse(self, text: str) -> Understood:
        """What a text means. A leading slash, which is Rasa's own command language, is text like any other."""
        whole = text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is no sign
        plain = whole.strip().lstrip("/").strip()[:LONGEST]
        if not plain:
            return Understood("out_of_scope", 1.0, {}, None, {})
        raw: Mapping[str, Any] = await self._processor.parse_message(UserMessage(plain))
        intent = raw["intent"]
        return Understood(
            intent["name"] or NOT_UNDERSTOOD, float(intent["confidence"]), _entities(raw), _language(raw), raw,
            tuple((raw.get("clarity") or {}).get("alternatives", ())),
        )  # fmt: skip

    async def respond(
        self, inquiry: Inquiry, understood: Understood, remembered: Sequence[Mapping[str, Any]]
    ) -> Response:
        """Run Rasa's turn: the rule of the intent, its action, and what that says."""
        sender = sender_of(inquiry.programme.id, inquiry.member)
        told = {
            "programme": inquiry.programme.id, "member": inquiry.member, "language": inquiry.language,
            "message_id": inquiry.message_id,
        }  # fmt: skip
        known = self._shortcuts.find(remembered, understood)
        if known is not None and self._own is not None:
            answers = await self._own.answer(known.action, inquiry)
            events = known.remembered(remembered, _user_event(known, inquiry, understood, told), at=time())
            return Response(answers, Memory(sender, events))
        collector = Collector()
        message = UserMessage(
            text=inquiry.text or inquiry.intent,
            output_channel=collector,
            sender_id=sender,
            parse_data=_parse_data(inquiry, understood),
            input_channel=collector.name(),
            message_id=inquiry.message_id,
            metadata=told,
        )
        with self._trackers.turn(sender, remembered) as memory:
            await self._processor.handle_message(message)
        if memory.kept is not None:
            self._shortcuts.learn(remembered, understood, memory.kept.events)
        answers = tuple(collector.answers)
        if not any(not isinstance(answer, Message) or answer.text for answer in answers):
            log.error("no action answered", intent=inquiry.intent, message_id=inquiry.message_id)
        return Response(answers, memory.kept)


def _entities(raw: Mapping[str, Any]) -> dict[str, str]:
    """Entities by name; of several with one name the longest value wins."""
    found: dict[str, str] = {}
    for entity in raw.get("entities", []):
        name, value = entity["entity"], str(entity["value"])
        if len(value) > len(found.get(name, "")):
            found[name] = value
    return found


def _language(raw: Mapping[str, Any]) -> str | None:
    guess = raw.get("language") or {}
    return guess.get("name") if guess.get("confidence", 0.0) >= SURE_LANGUAGE else None


def _user_event(known: Shortcut, inquiry: Inquiry, understood: Understood, told: Mapping[str, str]) -> dict[str, Any]:
    """What Rasa would note of a message, where it differs from the one by which the way was learned."""
    [old] = (row for row in known.events if row["event"] == "user")
    parsed = {**old["parse_data"], **_parse_data(inquiry, understood), "message_id": inquiry.message_id}
    return {
        "metadata": {**old["metadata"], **told}, "text": inquiry.text or inquiry.intent,
        "parse_data": {**parsed, "metadata": told}, "message_id": inquiry.message_id,
    }  # fmt: skip


def _parse_data(inquiry: Inquiry, understood: Understood) -> dict[str, Any]:
    entities = [{"entity": name, "value": value} for name, value in understood.entities.items()]
    return {
        "text": inquiry.text,
        "intent": {"name": understood.intent, "confidence": understood.confidence},
        "entities": entities,
    }
