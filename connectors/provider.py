"""What a provider of WhatsApp is to the rest of the house: something that sends, and limits on what it can show."""

from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self

from conversation.leaving.outbox import Due
from conversation.leaving.refusals import Do
from conversation.messages.layout import Limits


class Provider(Protocol):
    """Sends messages of the outbox. Open while it is used (`async with`)."""

    @property
    def name(self) -> str:
        """By what the settings call it: `meta`, `twilio`."""

    @property
    def limits(self) -> Limits:
        """How much it can show in one message; layouts are made for it."""

    async def send(self, due: Due) -> str:
        """Send one message; returns the provider's id of it. Raises a `SendError` by what is to be done."""

    def judge(self, code: int | None) -> Do:
        """What an error code in a receipt asks for."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class ChatProvider(Provider, Protocol):
    """A provider as the chat process uses it."""

    @property
    def lacks(self) -> Mapping[str, str]:
        """What it cannot do, and what happens instead: said at the start, so that nobody finds out by accident."""

    async def mark(self, number_id: str, message_id: str) -> None:
        """Show a customer that her message was read and an answer is under way, if it can. Raises a `SendError`."""
