"""From Rasa's idea of a message to an inquiry, for actions in the chat process and behind an action server alike."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from conversation.messages.model import Answer, Inquiry
from loyalty.ids import MemberId, ProgrammeId
from loyalty.programme import Programme


class Answering(Protocol):
    """Answers inquiries by intent."""

    @property
    def intents(self) -> Collection[str]:
        """The intents it answers."""

    async def answer(self, intent: str, inquiry: Inquiry) -> tuple[Answer, ...]:
        """Answer an inquiry."""


class Inquiries:
    """Reads inquiries out of Rasa's parse data, whose `metadata` is what `RasaDialogue` put there."""

    def __init__(self, programmes: Mapping[ProgrammeId, Programme]) -> None:
        self._programmes = programmes

    def read(self, message: Mapping[str, Any]) -> Inquiry:
        """The inquiry in a message."""
        told = message["metadata"]
        return Inquiry(
            self._programmes[ProgrammeId(told["programme"])],
            MemberId(told["member"]),
            told["language"],
            message["intent"]["name"],
            {entity["entity"]: str(entity["value"]) for entity in message.get("entities", [])},
            told["message_id"],
            message.get("text") or "",
        )
