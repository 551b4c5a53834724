"""What was acknowledged and waits to be answered."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, exists, select, update
from sqlalchemy.orm import Session

from conversation.errors import AlreadyDone, NotYet
from conversation.incoming import Attachment, Incoming, incoming_from_json, incoming_to_json
from conversation.register import person
from conversation.tables import InboxRow
from loyalty.people.tombstones import is_buried_somewhere
from loyalty.store.sql import execute, insert_once, table_of

NO_TURN = frozenset({"reaction", "edit", "revoke", "system", "echo"})
"""Kinds that are kept, but are not something a customer says to the bot."""


def is_turn(incoming: Incoming) -> bool:
    """Whether a message wants an answer."""
    return not (isinstance(incoming.content, Attachment) and incoming.content.kind in NO_TURN)


def accept(session: Session, messages: Sequence[Incoming], *, now: datetime) -> list[Incoming]:
    """Store messages, each once for its id. Returns those that are new and want an answer, in order.

    What wants no answer is not kept of somebody who was erased. The rest is looked at when its turn comes.
    """
    fresh = []
    for incoming in messages:
        turn = is_turn(incoming)
        if not turn and is_buried_somewhere(session, person(incoming).refs):
            continue
        row = {
            "number_id": incoming.number_id, "message_id": incoming.message_id, "contact": incoming.sender.key,
            "body": incoming_to_json(incoming), "state": "new" if turn else "seen", "attempts": 0,
            "sent_at": incoming.sent_at, "received_at": now,
        }  # fmt: skip
        if insert_once(session, InboxRow, row) and turn:
            fresh.append(incoming)
    return fresh


def waiting(session: Session, *, before: datetime | None = None, limit: int = 10_000) -> list[Incoming]:
    """Messages that are not answered yet, oldest first; `before` leaves out what came in since."""
    query = select(InboxRow).where(InboxRow.state == "new")
    if before is not None:
        query = query.where(InboxRow.received_at <= before)
    return [
        incoming_from_json(row.message_id, row.number_id, row.sent_at, row.body)
        for row in session.scalars(query.order_by(InboxRow.id).limit(limit))
    ]


_INBOX = table_of(InboxRow)
_OLDER = _INBOX.alias("older")
_MINE = (
    _INBOX.c.number_id == bindparam("number"),
    _INBOX.c.message_id == bindparam("message"),
)
_FINISH = (
    update(_INBOX)
    .where(
        *_MINE,
        _INBOX.c.state == "new",
        ~exists().where(
            _OLDER.c.state == "new",
            _OLDER.c.contact == bindparam("sender"),
            _OLDER.c.number_id == bindparam("number"),
            _OLDER.c.id < _INBOX.c.id,
        ),
    )
    .values(state="done", done_at=bindparam("now"))
)


def finish(session: Session, incoming: Incoming, *, now: datetime) -> None:
    """Mark a message answered, in the transaction of its answer.

    Raises `AlreadyDone` if it was answered before, `NotYet` if an older message of the conversation waits.
    """
    key = {"number": incoming.number_id, "message": incoming.message_id}
    done = execute(session, _FINISH, {**key, "sender": incoming.sender.key, "now": now})
    if done.rowcount == 1:
        return
    state = execute(session, select(_INBOX.c.state).where(*_MINE), key).scalar()
    raise NotYet if state == "new" else AlreadyDone


def forget(session: Session, incoming: Incoming) -> None:
    """Keep nothing of a message: its sender was erased after she sent it."""
    key = {"number": incoming.number_id, "message": incoming.message_id}
    execute(session, delete(_INBOX).where(*_MINE), key)


def fail(session: Session, incoming: Incoming, *, error: str, final: bool, now: datetime) -> None:
    """Note that answering failed; `final` sets the message aside so that it holds up nobody."""
    values = {"state": "failed", "done_at": now} if final else {}
    execute(
        session,
        update(_INBOX)
        .where(*_MINE, _INBOX.c.state == "new")
        .values(attempts=_INBOX.c.attempts + 1, error=error[:2000], **values),
        {"number": incoming.number_id, "message": incoming.message_id},
    )
