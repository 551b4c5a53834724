"""Messages on their way out. They are written with what caused them, in one transaction; a sender drains them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, exists, or_, select, update
from sqlalchemy.orm import Session

from conversation.incoming import Receipt
from conversation.tables import Conversation, OutboxRow
from loyalty.store.sql import execute, insert_once, table_of

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
    session: Session, conversation: Conversation, parts: Sequence[dict[str, Any]], *, key: str, now: datetime,
    not_before: datetime | None = None,
) -> bool:  # fmt: skip
    """Put a message in the outbox, once for its key. True if it is new and will be sent.

    One that is not to be sent before a moment lets others pass until then; it is withheld if the customer service
    window will be closed by that time.
    """
    begins = max(not_before or now, now)
    state = "waiting" if window_open(conversation, begins) else "withheld"
    new = False
    for number, part in enumerate(parts):
        row = {
            "programme_id": conversation.programme_id, "member_id": conversation.member_id,
            "number_id": conversation.number_id, "phone": conversation.phone, "user_id": conversation.user_id,
            "key": f"{key}/{number}", "message": part, "state": state, "attempts": 0, "next_try_at": begins,
            "created_at": now, "updated_at": now,
        }  # fmt: skip
        new = insert_once(session, OutboxRow, row) or new
    return new and state == "waiting"


_OUTBOX = table_of(OutboxRow)
_ANY_DUE = select(_OUTBOX.c.id).where(_OUTBOX.c.state == "waiting", _OUTBOX.c.next_try_at <= bindparam("due")).limit(1)


def any_due(session: Session, *, now: datetime) -> bool:
    """Whether anything waits to be sent; cheaper to ask than to claim in vain."""
    return execute(session, _ANY_DUE, {"due": now}).first() is not None


_AHEAD = _OUTBOX.alias("ahead")
_NEXT = (
    select(_OUTBOX.c.id)
    .where(
        _OUTBOX.c.state == "waiting",
        _OUTBOX.c.next_try_at <= bindparam("due"),
        ~exists().where(
            _AHEAD.c.member_id == _OUTBOX.c.member_id,
            _AHEAD.c.id < _OUTBOX.c.id,
            _AHEAD.c.state.in_(["waiting", "sending"]),
            (_AHEAD.c.attempts > 0) | (_AHEAD.c.next_try_at <= bindparam("due")),  # one that waits for the morning
        ),
    )
    .order_by(_OUTBOX.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, of=_OUTBOX)
)
_CLAIM = (
    update(_OUTBOX)
    .where(_OUTBOX.c.id.in_(_NEXT.scalar_subquery()))
    .values(state="sending", attempts=_OUTBOX.c.attempts + 1, updated_at=bindparam("due"))
    .returning(
        _OUTBOX.c.id, _OUTBOX.c.number_id, _OUTBOX.c.phone, _OUTBOX.c.user_id, _OUTBOX.c.message, _OUTBOX.c.attempts
    )
)


def claim(session: Session, *, now: datetime, limit: int) -> list[Due]:
    """Take the next messages to send: of each member the oldest, and none while an older one is under way."""
    taken = execute(session, _CLAIM, {"due": now, "most": limit})
    claimed = [Due(row.id, row.number_id, row.phone, row.user_id, row.message, row.attempts) for row in taken]
    return sorted(claimed, key=lambda due: due.id)


_SETTLE = (
    update(_OUTBOX)
    .where(_OUTBOX.c.id == bindparam("number"), _OUTBOX.c.state.in_(["sending", "unsure"]))
    .values(
        state=bindparam("becomes"),
        wamid=bindparam("wamid"),
        sent_at=bindparam("sent_at"),
        next_try_at=bindparam("next_try_at"),
        error_code=bindparam("code"),
        error=bindparam("why"),
        updated_at=bindparam("now"),
    )
)
_NAME = (
    update(_OUTBOX)
    .where(_OUTBOX.c.id == bindparam("number"), _OUTBOX.c.wamid.is_(None))
    .values(wamid=bindparam("wamid"))
)


def settle(session: Session, outcomes: Sequence[Sent], *, now: datetime) -> None:
    """Write down what became of claimed messages. A receipt that was faster keeps its place."""
    for outcome in outcomes:
        values: dict[str, Any] = {
            "number": outcome.id, "wamid": outcome.wamid, "sent_at": None, "next_try_at": now,
            "code": outcome.error_code, "why": outcome.error, "now": now,
        }  # fmt: skip
        if outcome.wamid is not None:
            values |= {"becomes": "sent", "sent_at": now}
        elif outcome.retry_at is not None:
            values |= {"becomes": "waiting", "next_try_at": outcome.retry_at}
        else:
            values |= {"becomes": "failed"}
        settled = execute(session, _SETTLE, values)
        if outcome.wamid is not None and settled.rowcount == 0:  # a receipt was faster
            execute(session, _NAME, {"number": outcome.id, "wamid": outcome.wamid})


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
