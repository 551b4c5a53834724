"""What a provider of WhatsApp is to the rest of the house: something that sends, and limits on what it can show."""

from types import TracebackType
from typing import Protocol, Self

from conversation.layout import Limits
from conversation.outbox import Due


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

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
