"""The output channel of a turn: what Rasa says is collected, not sent. Sending is the outbox's business."""

import json
from typing import Any

from rasa.core.channels.channel import OutputChannel

from conversation.model import Answer, Choice, Message
from conversation.wire import answer_from_json
from flows.model import Ask


class Collector(OutputChannel):
    """Takes every response a designer can write and makes it an answer; a payload is never shown to anybody."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    @classmethod
    def name(cls) -> str:
        return "whatsapp"

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Take one response: text, buttons or quick replies, a picture, or an answer of our own actions."""
        if custom := message.get("custom"):
            answer = answer_from_json(custom)
            if answer is not None:
                self.answers.append(answer)
                return
        buttons = [*(message.get("quick_replies") or []), *(message.get("buttons") or [])]
        choices = tuple(choice for choice in map(_choice, buttons) if choice is not None)
        text = (message.get("text") or "").strip()
        if text or choices or message.get("image"):
            self.answers.append(Message(text, choices, None, message.get("image")))


def _choice(button: dict[str, Any]) -> Choice | None:
    """A Rasa button, `{title, payload: /intent{"entity": "value"}}`, as a choice."""
    name, brace, rest = str(button.get("payload", "")).strip().lstrip("/").partition("{")
    if not name or not button.get("title"):
        return None
    try:
        entities = json.loads(brace + rest) if brace else {}
    except ValueError:
        entities = {}
    return Choice(Ask(name, {key: str(value) for key, value in entities.items()}), str(button["title"]))
