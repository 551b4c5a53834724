"""What was acknowledged and waits to be answered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import bindparam, delete, exists, select, update
from sqlalchemy.orm import Session

from conversation.alarms import raise_alarm
from conversation.arriving.incoming import Incoming, Tap, Text, incoming_from_json, incoming_to_json
from conversation.errors import AlreadyDone, NotYet
from conversation.register import person
from conversation.tables import InboxRow
from loyalty.people.tombstones import is_buried_somewhere
from loyalty.store.sql import execute, insert_once, table_of

SET_ASIDE = "message_set_aside"
"""The kind of alarm that messages raise which nobody can answer."""
NO_TURN = frozenset({"reaction", "edit", "revoke", "system", "echo"})
"""Kinds that are kept, but are not something a customer says to the bot."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that is not answered yet, and how often a turn for it was begun by somebody who did not end it."""

    incoming: Incoming
    attempts: int = 0


def is_turn(incoming: Incoming) -> bool:
    """Whether a message wants an answer."""
    content = incoming.content
    return isinstance(content, Text | Tap) or content.kind not in NO_TURN


def accept(session: Session, messages: Sequence[Incoming], *, now: datetime) -> list[Incoming]:
    """Store messages, each once for its id. Returns those that are new and want an answer, in the order they were sent.

    What wants no answer is not kept of somebody who was erased. The rest is looked at when its turn comes.
    """
    fresh = []
    for incoming in sorted(messages, key=lambda message: message.sent_at):  # what comes again comes in any order
        turn = is_turn(incoming)
        if not turn and is_buried_somewhere(session, person(incoming).refs):
            continue
        row = {
            "number_id": incoming.number_id, "message_id": incoming.message_id, "contact": incoming.sender.key,
            "body": incoming_to_json(incoming), "state": "new" if turn else "seen", "attempts": 0,
            "sent_at": incoming.sent_at, "received_at": now, "correlation": incoming.correlation,
        }  # fmt: skip
        if insert_once(session, InboxRow, row) and turn:
            fresh.append(incoming)
    return fresh


def waiting(session: Session, *, before: datetime | None = None, limit: int = 10_000) -> list[Waiting]:
    """Messages that are not answered yet, oldest first; `before` leaves out what came in since."""
    query = select(InboxRow).where(InboxRow.state == "new")
    if before is not None:
        query = query.where(InboxRow.received_at <= before)
    return [
        Waiting(
            replace(
                incoming_from_json(row.message_id, row.number_id, row.sent_at, row.body), correlation=row.correlation
            ),
            row.attempts,
        )
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
    key = _key(incoming)
    done = execute(session, _FINISH, {**key, "sender": incoming.sender.key, "now": now})
    if done.rowcount == 1:
        return
    state = execute(session, select(_INBOX.c.state).where(*_MINE), key).scalar()
    raise NotYet if state == "new" else AlreadyDone


def forget(session: Session, incoming: Incoming) -> None:
    """Keep nothing of a message: its sender was erased after she sent it."""
    execute(session, delete(_INBOX).where(*_MINE), _key(incoming))


_RENAME = update(_INBOX).where(*_MINE).values(contact=bindparam("key"))


def rename(session: Session, incoming: Incoming, key: str) -> None:
    """A message is somebody's who is known by another key now."""
    execute(session, _RENAME, {**_key(incoming), "key": key})


_UNDER = select(_INBOX.c.contact).where(*_MINE)


def is_kept_under(session: Session, incoming: Incoming, key: str) -> bool:
    """Whether a message is kept as one of somebody who is known by this key."""
    return bool(execute(session, _UNDER, _key(incoming)).scalar() == key)


_BEGIN = (
    update(_INBOX)
    .where(*_MINE, _INBOX.c.state == "new")
    .values(attempts=_INBOX.c.attempts + 1)
    .returning(_INBOX.c.attempts)
)
_CALM = (
    update(_INBOX).where(*_MINE, _INBOX.c.state == "new", _INBOX.c.attempts > 0).values(attempts=_INBOX.c.attempts - 1)
)
_FAIL = (
    update(_INBOX)
    .where(*_MINE, _INBOX.c.state == "new")
    .values(state="failed", error=bindparam("why"), done_at=bindparam("now"))
    .returning(_INBOX.c.id)
)
_RETRY = (
    update(_INBOX)
    .where(_INBOX.c.id == bindparam("row"), _INBOX.c.state == "failed")
    .values(state="new", attempts=0, error=None, done_at=None)
)


def begin(session: Session, incoming: Incoming) -> int:
    """Note that a turn begins, for a message that somebody left behind: perhaps it ends the process that tries.

    Returns which try it is; 0 if the message waits no longer.
    """
    row = execute(session, _BEGIN, _key(incoming)).first()
    return 0 if row is None else int(row.attempts)


def calm(session: Session, incoming: Incoming) -> None:
    """Take a `begin` back: the turn did not end, but the message was not to blame."""
    execute(session, _CALM, _key(incoming))


def fail(session: Session, incoming: Incoming, *, error: str, now: datetime) -> bool:
    """Set a message aside that cannot be answered, so that it holds up nobody, and tell an operator.

    False if it waits no longer.
    """
    row = execute(session, _FAIL, {**_key(incoming), "why": error[:2000], "now": now}).first()
    if row is None:
        return False
    detail = f"message {row.id} could not be answered: `passaparola inbox list` says why"
    raise_alarm(session, SET_ASIDE, detail, now=now)
    return True


def set_aside(session: Session, *, limit: int = 100) -> list[InboxRow]:
    """Messages that were set aside, oldest first."""
    query = select(InboxRow).where(InboxRow.state == "failed").order_by(InboxRow.id).limit(limit)
    return list(session.scalars(query))


def retry(session: Session, row: int) -> bool:
    """Let a message that was set aside be tried again. False if there is none with this number."""
    return execute(session, _RETRY, {"row": row}).rowcount == 1


def _key(incoming: Incoming) -> dict[str, str]:
    return {"number": incoming.number_id, "message": incoming.message_id}
