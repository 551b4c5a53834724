"""The output channel of a turn: what Rasa says is collected, not sent. Sending is the outbox's business."""

from collections.abc import Mapping
from typing import Any

import structlog
from rasa.core.channels.channel import OutputChannel

from conversation.messages.model import Answer
from conversation.messages.responses import read_response, unread
from conversation.messages.wire import answer_from_json

log = structlog.get_logger()


class Collector(OutputChannel):
    """Takes every response a designer can write and makes it an answer; a payload is never shown to anybody."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    @classmethod
    def name(cls) -> str:
        return "whatsapp"

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Take one response: text, buttons, pictures, cards, custom JSON, or an answer of our own actions."""
        custom = message.get("custom")
        if isinstance(custom, Mapping) and (answer := answer_from_json(custom)) is not None:
            self.answers.append(answer)
            return
        self.answers.extend(read_response(message))
        if keys := unread(message):
            log.warning("custom JSON of a response says nothing on this channel", keys=keys)
