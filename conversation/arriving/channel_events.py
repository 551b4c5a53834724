"""What a channel told beside messages and receipts: kept once, then handed to whoever registered for its kind.

An event is handled in a transaction of its own, with what the handlers change; so it is handled once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from conversation.alarms import raise_alarm
from conversation.arriving.happenings import (
    AccountEvent,
    Happening,
    Problem,
    TemplateChanged,
    happening_from_json,
    happening_to_json,
    people_of,
)
from conversation.arriving.incoming import Sender
from conversation.tables import ChannelEvent
from loyalty.store.sql import execute, insert_once, table_of

log = structlog.get_logger()

TRIES = 3
KEPT = timedelta(days=400)
"""How long the history of the account is kept; changes of identity stay as long as messages of before may come."""
Handler: TypeAlias = Callable[[Session, Happening, datetime], None]
_EVENT = table_of(ChannelEvent)
_DROP = delete(_EVENT).where(_EVENT.c.state == "done", _EVENT.c.received_at < bindparam("before"))
_FAILED = (
    update(_EVENT)
    .where(_EVENT.c.id == bindparam("row"), _EVENT.c.state == "new")
    .values(attempts=_EVENT.c.attempts + 1, error=bindparam("why"))
    .returning(_EVENT.c.attempts, _EVENT.c.kind)
)
_SET_ASIDE = update(_EVENT).where(_EVENT.c.id == bindparam("row")).values(state="failed", done_at=bindparam("now"))


@dataclass(frozen=True, slots=True)
class Registry:
    """Who handles which kind of event. The composition root fills it."""

    _handlers: dict[str, list[Handler]]

    @classmethod
    def empty(cls) -> "Registry":
        """A registry where nobody handles anything."""
        return cls({})

    def on(self, kind: str, handler: Handler) -> None:
        """Hand events of a kind (`template`, `account` …) to a function, after those that registered before."""
        self._handlers.setdefault(kind, []).append(handler)

    def of(self, kind: str) -> Sequence[Handler]:
        """Who handles a kind."""
        return self._handlers.get(kind, ())


def accept(session: Session, events: Sequence[Happening], *, now: datetime) -> int:
    """Keep events, each once however often it is told. Returns how many are new."""
    return sum(insert_once(session, ChannelEvent, _row(event, now)) for event in events)


def waiting(session: Session, *, limit: int = 1000) -> list[int]:
    """The numbers of the events nobody handled yet, oldest first."""
    query = select(ChannelEvent.id).where(ChannelEvent.state == "new").order_by(ChannelEvent.id).limit(limit)
    return list(session.scalars(query))


def handle(session: Session, id_: int, registry: Registry, *, now: datetime) -> None:
    """Hand an event to its handlers and mark it done; nothing happens if somebody else was faster."""
    query = select(ChannelEvent).where(ChannelEvent.id == id_, ChannelEvent.state == "new").with_for_update()
    row = session.scalars(query).first()
    if row is None:
        return
    event = happening_from_json(row.kind, row.identity, row.at, row.body)
    row.state, row.done_at = "done", now
    session.flush()
    for handler in registry.of(row.kind):
        handler(session, event, now)


def stumbled(session: Session, id_: int, error: str, *, now: datetime) -> None:
    """Note that handling failed; after a few tries the event is set aside and an operator is told."""
    row = execute(session, _FAILED, {"row": id_, "why": error[:2000]}).first()
    if row is None or row.attempts < TRIES:
        return
    execute(session, _SET_ASIDE, {"row": id_, "now": now})
    raise_alarm(session, "event_set_aside", f"channel event {id_} ({row.kind}) could not be handled", now=now)


def report(_session: Session, event: Happening, _now: datetime) -> None:
    """A line for the operator."""
    match event:
        case TemplateChanged():
            log.warning("WhatsApp changed a template", what=event.what, template=event.name, value=event.value)
        case AccountEvent():
            log.warning("WhatsApp told of the account", what=event.what, value=event.value)
        case Problem():
            log.error("WhatsApp reports a problem", code=event.code, title=event.title, number_id=event.number_id)


def drop_old(session: Session, *, now: datetime) -> int:
    """Drop what was handled long ago. Returns how many."""
    return execute(session, _DROP, {"before": now - KEPT}).rowcount


def _row(event: Happening, now: datetime) -> dict[str, object]:
    about, former = people_of(event)
    about, former = about or Sender(None, None), former or Sender(None, None)
    return {
        "identity": event.id, "kind": event.kind, "number_id": getattr(event, "number_id", None), "phone": about.phone,
        "user_id": about.user_id, "former_phone": former.phone, "former_user_id": former.user_id,
        "body": happening_to_json(event), "state": "new", "attempts": 0, "at": event.at, "received_at": now,
    }  # fmt: skip
