"""What the dispatcher asks of the inbox."""

from datetime import datetime
from typing import Protocol

from conversation.arriving import inbox
from conversation.arriving.inbox import Waiting
from conversation.arriving.incoming import Incoming
from loyalty.clock import Clock
from loyalty.store import Store


class Backlog(Protocol):
    """The messages that wait for an answer. Every method raises `StoreUnavailable`."""

    async def waiting(self, before: datetime | None = None) -> list[Waiting]:
        """Messages that are not answered yet, oldest first; `before` leaves out what came in since."""

    async def begin(self, incoming: Incoming) -> int:
        """Note that a turn begins for a message that was left behind. Returns which try it is, 0 if none is needed."""

    async def calm(self, incoming: Incoming) -> None:
        """Take a `begin` back: the turn did not end, but the message was not to blame."""

    async def fail(self, incoming: Incoming, error: str) -> None:
        """Set a message aside."""


class StoredBacklog:
    """The inbox of a store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def waiting(self, before: datetime | None = None) -> list[Waiting]:
        return await self._store.read(lambda session: inbox.waiting(session, before=before))

    async def begin(self, incoming: Incoming) -> int:
        return await self._store.write(lambda session: inbox.begin(session, incoming))

    async def calm(self, incoming: Incoming) -> None:
        await self._store.write(lambda session: inbox.calm(session, incoming))

    async def fail(self, incoming: Incoming, error: str) -> None:
        now = self._clock.now()
        await self._store.write(lambda session: inbox.fail(session, incoming, error=error, now=now))
