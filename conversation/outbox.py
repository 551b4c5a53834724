"""Messages on their way out. They are written with what caused them, in one transaction; a sender drains them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from conversation.model import Receipt
from conversation.register import conversation_of
from conversation.tables import Conversation, OutboxRow
from loyalty.ids import MemberId
from loyalty.store.sql import insert_once

WINDOW = timedelta(hours=24)
"""WhatsApp's customer service window: free-form messages only so long after the customer's last one."""
UNSURE_AFTER = timedelta(seconds=60)
"""A send that has no outcome after this is not coming back: its process died in the middle of it."""
_RANK = {"waiting": 0, "sending": 1, "unsure": 1, "sent": 2, "delivered": 3, "read": 4, "failed": 5}


@dataclass(frozen=True, slots=True)
class Due:
    """A message a sender has claimed."""

    id: int
    number_id: str
    phone: str | None
    user_id: str | None
    message: dict[str, Any]
    attempts: int


@dataclass(frozen=True, slots=True)
class Sent:
    """The outcome of a send: a message id, or an error and when to try again (None: never)."""

    id: int
    wamid: str | None
    error_code: int | None = None
    error: str | None = None
    retry_at: datetime | None = None


def window_open(conversation: Conversation, now: datetime) -> bool:
    """Whether a free-form message may go out: decided by when the customer wrote, not by when we heard of it."""
    return conversation.last_heard_at is not None and now < conversation.last_heard_at + WINDOW


def enqueue(
    session: Session, conversation: Conversation, parts: Sequence[dict[str, Any]], *, key: str, now: datetime
) -> bool:
    """Put a message in the outbox, once for its key. True if it is new and will be sent."""
    state = "waiting" if window_open(conversation, now) else "withheld"
    new = False
    for number, part in enumerate(parts):
        row = {
            "programme_id": conversation.programme_id, "member_id": conversation.member_id,
            "number_id": conversation.number_id, "phone": conversation.phone, "user_id": conversation.user_id,
            "key": f"{key}/{number}", "message": part, "state": state, "attempts": 0, "next_try_at": now,
            "created_at": now, "updated_at": now,
        }  # fmt: skip
        new = insert_once(session, OutboxRow, row) or new
    return new and state == "waiting"


def any_due(session: Session, *, now: datetime) -> bool:
    """Whether anything waits to be sent; cheaper to ask than to claim in vain."""
    query = select(OutboxRow.id).where(OutboxRow.state == "waiting", OutboxRow.next_try_at <= now).limit(1)
    return session.scalar(query) is not None


def claim(session: Session, *, now: datetime, limit: int) -> list[Due]:
    """Take the next messages to send: of each member the oldest, and none while an older one is under way."""
    older = aliased(OutboxRow)
    waiting = (
        select(OutboxRow)
        .where(OutboxRow.state == "waiting", OutboxRow.next_try_at <= now)
        .where(
            ~exists().where(
                older.member_id == OutboxRow.member_id,
                older.id < OutboxRow.id,
                older.state.in_(["waiting", "sending"]),
            )
        )
        .order_by(OutboxRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=OutboxRow)
    )
    taken = [
        Due(row.id, row.number_id, row.phone, row.user_id, row.message, row.attempts + 1)
        for row in session.scalars(waiting)
    ]
    if taken:
        session.execute(
            update(OutboxRow)
            .where(OutboxRow.id.in_([due.id for due in taken]))
            .values(state="sending", attempts=OutboxRow.attempts + 1, updated_at=now)
            .execution_options(synchronize_session=False)
        )
    return taken


def settle(session: Session, outcomes: Sequence[Sent], *, now: datetime) -> None:
    """Write down what became of claimed messages. A receipt that was faster keeps its place."""
    for outcome in outcomes:
        if outcome.wamid is not None:
            values: dict[str, Any] = {"state": "sent", "wamid": outcome.wamid, "sent_at": now, "error": None}
        elif outcome.retry_at is not None:
            values = {"state": "waiting", "next_try_at": outcome.retry_at, "error": outcome.error}
        else:
            values = {"state": "failed", "error": outcome.error}
        result = session.execute(
            update(OutboxRow)
            .where(OutboxRow.id == outcome.id, OutboxRow.state.in_(["sending", "unsure"]))
            .values(**values, error_code=outcome.error_code, updated_at=now)
            .execution_options(synchronize_session=False)
        )
        if outcome.wamid is not None and not getattr(result, "rowcount", 0):  # a receipt was faster
            session.execute(
                update(OutboxRow)
                .where(OutboxRow.id == outcome.id, OutboxRow.wamid.is_(None))
                .values(wamid=outcome.wamid)
                .execution_options(synchronize_session=False)
            )


def recover(session: Session, *, now: datetime) -> int:
    """Find sends whose process died inside them: first marked `unsure`, and sent again if no receipt tells of them."""
    stuck = (
        update(OutboxRow).execution_options(synchronize_session=False).where(OutboxRow.updated_at <= now - UNSURE_AFTER)
    )
    again = session.execute(
        stuck.where(OutboxRow.state == "unsure").values(
            state="waiting", next_try_at=now, updated_at=now, error="sent again: a crash fell inside the first send"
        )
    )
    session.execute(stuck.where(OutboxRow.state == "sending").values(state="unsure", updated_at=now))
    return int(getattr(again, "rowcount", 0))


def apply_receipts(session: Session, receipts: Sequence[Receipt], *, now: datetime) -> None:
    """Bring messages to the state their receipts tell. Receipts come in any order; a state only goes forward."""
    for receipt in receipts:
        known = OutboxRow.wamid == receipt.message_id
        query = select(OutboxRow).where(
            or_(known, OutboxRow.id == receipt.outbox_id) if receipt.outbox_id is not None else known
        )
        row = session.scalars(query.with_for_update()).first()
        if row is None or _RANK.get(receipt.state, 0) <= _RANK.get(row.state, 0):
            continue
        row.state, row.updated_at = receipt.state, now
        row.wamid = row.wamid or receipt.message_id
        row.sent_at = row.sent_at or receipt.at
        if receipt.state == "failed":
            row.error_code, row.error = receipt.error_code, receipt.error
    session.flush()


def notify(session: Session, member: MemberId, parts: Sequence[dict[str, Any]], *, key: str, now: datetime) -> bool:
    """Send something that no message asked for. False if the member has no chat or it is closed."""
    conversation = conversation_of(session, member)
    return conversation is not None and enqueue(session, conversation, parts, key=key, now=now)
