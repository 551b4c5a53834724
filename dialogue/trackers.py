"""Rasa's trackers, kept as short as rules need them and saved with the turn.

A stock tracker replays every event of the session several times a turn. Rules look at one turn, so the one before is
all that is kept, and the cost of a turn stays the same however long the conversation gets.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.utils.common import all_subclasses

from conversation.turning.memory import Memory, recall, remember
from loyalty.clock import Clock
from loyalty.store import Store

TURNS_KEPT = 1


@dataclass
class Turn:
    """A turn under way: what was remembered before it, and what is to be remembered after it."""

    remembered: Sequence[Mapping[str, Any]]
    kept: Memory | None = None


class TurnTrackers(TrackerStore):
    """A tracker store on our own store. Inside `turn` it hands the tracker to the turn, which saves it."""

    def __init__(self, domain: Domain, store: Store, clock: Clock) -> None:
        super().__init__(domain)
        self._store = store
        self._clock = clock
        self._turn: ContextVar[tuple[str, Turn] | None] = ContextVar("turn", default=None)
        """The turn of the task that runs; a request of Rasa's HTTP API for the same conversation has none."""
        # Rasa's own way to decode an event walks all subclasses of `Event`, three hundred steps for each.
        self._kinds: dict[str, type[Event]] = {kind.type_name: kind for kind in all_subclasses(Event)}

    @contextmanager
    def turn(self, sender_id: str, remembered: Sequence[Mapping[str, Any]]) -> Iterator[Turn]:
        """A turn of one conversation: saving its tracker within means remembering it for the turn's transaction."""
        turn = Turn(remembered)
        token = self._turn.set((sender_id, turn))
        try:
            yield turn
        finally:
            self._turn.reset(token)

    def _under_way(self, sender_id: str) -> Turn | None:
        named = self._turn.get()
        return named[1] if named is not None and named[0] == sender_id else None

    async def save(self, tracker: DialogueStateTracker) -> None:
        memory = Memory(tracker.sender_id, tuple(event.as_dict() for event in newest(list(tracker.events))))
        turn = self._under_way(tracker.sender_id)
        if turn is not None:
            turn.kept = memory
            return
        await self._store.write(lambda session: remember(session, memory, now=self._clock.now()))

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        turn = self._under_way(sender_id)
        events: Sequence[Mapping[str, Any]]
        if turn is not None:
            events = turn.kept.events if turn.kept is not None else turn.remembered
        else:
            events = await self._store.look(lambda session: recall(session, sender_id))
        if not events:
            return None
        decoded = [self._kinds[row["event"]]._from_parameters(row) for row in events]
        return DialogueStateTracker.from_events(sender_id, decoded, self.domain.slots)

    async def keys(self) -> list[str]:
        """Nothing lists conversations through Rasa; the store knows them."""
        await asyncio.sleep(0)
        return []


def newest(events: list[Event]) -> list[Event]:
    """The events of the last turns, with the slots that were set before them."""
    events = [event for event in events if not isinstance(event, BotUttered)]  # what was said is in the outbox
    starts = [number for number, event in enumerate(events) if isinstance(event, UserUttered)]
    if len(starts) <= TURNS_KEPT:
        return events
    first = starts[-TURNS_KEPT] - 1  # the listening that the turn begins with
    slots: dict[str, Event] = {event.key: event for event in events[:first] if isinstance(event, SlotSet)}
    return [*slots.values(), *events[max(first, 0) :]]
