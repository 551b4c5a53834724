"""The dialogue engine's working memory of a conversation: a few events, kept in one row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from conversation.tables import TrackerRow
from loyalty.store.sql import upsert


@dataclass(frozen=True, slots=True)
class Memory:
    """What is to be remembered of a conversation, replacing what was."""

    sender_id: str
    events: tuple[dict[str, Any], ...]


def sender_of(programme: Any, member: Any) -> Any:
    """The dialogue engine's name of a conversation; of values or of columns."""
    return programme + ":" + member


def recall(session: Session, sender_id: str) -> list[dict[str, Any]]:
    """What is remembered of a conversation; empty if nothing is."""
    row = session.get(TrackerRow, sender_id)
    return list(row.events) if row is not None else []


def remember(session: Session, memory: Memory, *, now: datetime) -> None:
    """Keep a memory, in the transaction of the turn it belongs to."""
    values = {"sender_id": memory.sender_id, "events": list(memory.events), "updated_at": now}
    upsert(session, TrackerRow, values, key=("sender_id",))
