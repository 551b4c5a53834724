"""The output channel for what Rasa says without a message before it: `trigger_intent`, events added by its HTTP API.

Rasa asks the input channel for it and gives the conversation's name with each response. Nothing is sent from here: it
goes to the outbox, by the rules of the window.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from rasa.core.channels.channel import OutputChannel

from conversation.messages.model import Answer
from conversation.messages.responses import read_response


class Say(Protocol):
    """Puts answers into the outbox of the member a conversation belongs to, as one message."""

    async def __call__(self, sender_id: str, answers: Sequence[Answer]) -> object:
        """Raises an error for a conversation that there is not."""


class Proactive(OutputChannel):  # type: ignore[misc]  # Rasa has no types
    """Says things in a conversation."""

    def __init__(self, say: Say) -> None:
        self._say = say

    @classmethod
    def name(cls) -> str:
        return "whatsapp"

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Say one response. A processor that knows `deliver` says all of a turn at once."""
        await self.deliver(recipient_id, read_response(message))

    async def deliver(self, sender_id: str, answers: Sequence[Answer]) -> None:
        """Say all that a turn had to say, as one message."""
        if answers:
            await self._say(sender_id, answers)
