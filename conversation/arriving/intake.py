"""What came in is stored before it is acknowledged: a whole batch in one transaction, each part of it once."""

import asyncio
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import TypeAlias

import structlog
from sqlalchemy.orm import Session

from conversation.arriving import channel_events, inbox, recipients
from conversation.arriving.early_receipts import ApplyReceipts
from conversation.arriving.happenings import Happening
from conversation.arriving.incoming import Incoming, Receipt
from loyalty.clock import Clock
from loyalty.correlation import current
from loyalty.errors import StoreUnavailable
from loyalty.store import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Batch:
    """What one webhook told: messages, receipts and events, each in their order."""

    messages: tuple[Incoming, ...]
    receipts: tuple[Receipt, ...]
    events: tuple[Happening, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.messages or self.receipts or self.events)

    def __len__(self) -> int:
        return len(self.messages) + len(self.receipts) + len(self.events)

    def ids(self) -> list[str]:
        """By what each update is known."""
        messages, receipts = ([one.message_id for one in some] for some in (self.messages, self.receipts))
        return [*messages, *receipts, *(event.id for event in self.events)]

    def parts(self) -> list["Batch"]:
        """The same, each update by itself."""
        return [
            *(Batch((message,), ()) for message in self.messages),
            *(Batch((), (receipt,)) for receipt in self.receipts),
            *(Batch((), (), (event,)) for event in self.events),
        ]


_GROUP = 64
"""How many batches share a transaction at most."""
_Waiting: TypeAlias = tuple[Batch, asyncio.Future[list[Incoming]]]


class Intake:
    """Stores batches. `numbers` are those of ours: what is told of others is not for us."""

    def __init__(self, store: Store, numbers: Container[str], apply_receipts: ApplyReceipts, clock: Clock) -> None:
        self._store = store
        self._numbers = numbers
        self._apply_receipts = apply_receipts
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    async def accept(self, batch: Batch) -> list[Incoming]:
        """Store a batch. Returns the messages that are new and want an answer; raises `StoreUnavailable`.

        If the store refuses the batch as a whole, each part is stored by itself, so that one costs nothing of the
        others.
        """
        batch = _labelled(self._ours(batch), current())
        if not batch:
            return []
        try:
            return await self._together(batch)
        except StoreUnavailable:
            raise
        except Exception:
            if len(batch) == 1:
                raise
            log.exception("a batch could not be stored, its parts are stored one by one", count=len(batch))
        fresh: list[Incoming] = []
        for part in batch.parts():
            try:
                fresh += await self._store.write(lambda session, part=part: self._store_all(session, part))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            except StoreUnavailable:
                raise
            except Exception:
                log.exception("an update could not be stored and is lost", update_id=part.ids()[0])
        return fresh

    async def _together(self, batch: Batch) -> list[Incoming]:
        """Store a batch, in one transaction with those that came while the one before was written."""
        stored: asyncio.Future[list[Incoming]] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, stored))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="intake")
        return await stored

    async def _write(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
                await self._write_group(group)
        finally:
            self._writing = None

    async def _write_group(self, group: list[_Waiting]) -> None:
        try:
            told = await self._store.write(lambda session: [self._store_all(session, batch) for batch, _ in group])
        except asyncio.CancelledError:
            for _, stored in group:
                stored.cancel()
            raise
        except Exception as error:  # noqa: BLE001 -- handed to the callers that wait for it
            if len(group) > 1 and not isinstance(error, StoreUnavailable):
                for one in group:  # one of them was refused: each is stored by itself
                    await self._write_group([one])
                return
            for _, stored in group:
                if not stored.done():
                    stored.set_exception(error)
            return
        for (_, stored), fresh in zip(group, told, strict=True):
            if not stored.done():  # else whoever waited for it has gone
                stored.set_result(fresh)

    def _ours(self, batch: Batch) -> Batch:
        """The batch without what belongs to other numbers that share the app."""
        told = {message.number_id for message in batch.messages} | {receipt.number_id for receipt in batch.receipts}
        told |= {getattr(event, "number_id", None) for event in batch.events}
        foreign = {number for number in told if number is not None and number not in self._numbers}
        if not foreign:
            return batch
        ours = replace(
            batch,
            messages=tuple(one for one in batch.messages if one.number_id not in foreign),
            receipts=tuple(one for one in batch.receipts if one.number_id not in foreign),
            events=tuple(one for one in batch.events if getattr(one, "number_id", None) not in foreign),
        )
        log.warning("updates for numbers that no programme has", count=len(batch) - len(ours), numbers=sorted(foreign))
        return ours

    def _store_all(self, session: Session, batch: Batch) -> list[Incoming]:
        now = self._clock.now()
        if batch.receipts:
            self._apply_receipts(session, batch.receipts, now=now)
            recipients.learn(session, batch.receipts, now=now)
        if batch.events:
            channel_events.accept(session, batch.events, now=now)
        return inbox.accept(session, batch.messages, now=now)


def _labelled(batch: Batch, correlation: str | None) -> Batch:
    """The batch with the id of its request on each message; it is stored and answered by other tasks than this."""
    if correlation is None or not batch.messages:
        return batch
    return replace(batch, messages=tuple(replace(one, correlation=correlation) for one in batch.messages))
