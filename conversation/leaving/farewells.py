"""The last message to somebody who was erased: it is sent, and then forgotten as well.

Until then one row of the outbox says where it goes, and a bare conversation without any way to reach her holds the
customer service window open. Both go with the next upkeep after it was sent, after a day in any case.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from conversation.leaving.outbox import enqueue
from conversation.tables import Conversation, OutboxRow
from loyalty.ids import new_id

KEY = "farewell:"
KEPT = timedelta(days=1)
"""How long it is tried."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How somebody is reached, remembered past her erasure."""

    member: str
    programme: str
    number: str
    phone: str | None
    user: str | None
    heard_at: datetime | None


def reach_of(conversation: Conversation) -> Reach:
    """How the person of a conversation is reached."""
    return Reach(
        conversation.member_id, conversation.programme_id, conversation.number_id, conversation.phone,
        conversation.user_id, conversation.last_heard_at,
    )  # fmt: skip


def say_farewell(session: Session, reach: Reach, parts: Sequence[dict[str, Any]], *, now: datetime) -> None:
    """Send the last message to somebody whose conversation is gone. It must have no choices: they would be kept."""
    bare = Conversation(
        member_id=reach.member, programme_id=reach.programme, number_id=reach.number, phone=reach.phone,
        user_id=reach.user, last_heard_at=reach.heard_at, flow=None, offer_id=None,
    )  # fmt: skip
    session.add(bare)
    session.flush()
    enqueue(session, bare, parts, key=f"{KEY}{new_id()}", now=now)
    bare.phone = bare.user_id = None
    session.flush()


def forget_farewells(session: Session, *, now: datetime) -> int:
    """Forget those that were sent, or cannot be. Returns how many rows went."""
    ours = OutboxRow.key.startswith(KEY)
    under_way = OutboxRow.state.in_(("waiting", "sending")) & (OutboxRow.created_at > now - KEPT)
    waiting = exists().where(OutboxRow.member_id == Conversation.member_id, ours, under_way)
    over = select(OutboxRow.member_id).where(ours, ~under_way)
    bare = delete(Conversation).where(Conversation.member_id.in_(over), Conversation.phone.is_(None), ~waiting)
    bare = bare.where(Conversation.user_id.is_(None))
    gone = session.execute(bare.execution_options(synchronize_session=False))
    sent = session.execute(delete(OutboxRow).where(ours, ~under_way).execution_options(synchronize_session=False))
    return int(getattr(gone, "rowcount", 0)) + int(getattr(sent, "rowcount", 0))
