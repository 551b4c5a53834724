"""Messages that will not go out by themselves: failed, withheld, unsure. They can be looked at, sent again, dropped."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from conversation.errors import ConversationError
from conversation.tables import OutboxRow

DEAD = ("failed", "withheld", "unsure")


class NoSuchLetter(ConversationError):
    """There is no such message, or it is not a dead one; the message says which."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, without what it says."""

    id: int
    state: str
    code: int | None
    error: str | None
    category: str
    attempts: int
    created_at: datetime
    to: str
    """The end of the phone number, or that she is known by a user id."""


def dead_letters(session: Session, *, state: str | None = None, limit: int = 100) -> list[Letter]:
    """The newest dead letters, perhaps of one state."""
    states = DEAD if state is None else (state,)
    rows = session.scalars(
        select(OutboxRow).where(OutboxRow.state.in_(states)).order_by(OutboxRow.id.desc()).limit(limit)
    )
    return [_letter(row) for row in rows]


def dead_letter(session: Session, number: int) -> OutboxRow:
    """A message of the outbox, whatever its state. Raises `NoSuchLetter`."""
    row = session.get(OutboxRow, number)
    if row is None:
        raise NoSuchLetter(f"there is no message {number} in the outbox: `passaparola outbox list` shows the dead ones")
    return row


def send_again(session: Session, *, now: datetime, number: int | None = None, code: int | None = None) -> int:
    """Put one dead letter back in the queue, or all that failed with a code. Returns how many.

    An unsure one may reach her twice. One that must not be sent is withheld again. Raises `NoSuchLetter`.
    """
    return _move(session, "waiting", now, number, code, attempts=0, next_try_at=now, not_before=None, wamid=None)


def drop(session: Session, number: int, *, now: datetime) -> None:
    """Give a dead letter up. Raises `NoSuchLetter`."""
    _move(session, "dropped", now, number, None)


def masked(row: OutboxRow) -> str:
    """Whom a message goes to, as it may be shown."""
    if row.phone:
        return f"…{row.phone[-3:]}"
    return f"user {(row.user_id or '')[:2]}.…"


def _move(session: Session, state: str, now: datetime, number: int | None, code: int | None, **values: object) -> int:
    dead = OutboxRow.state.in_(DEAD)
    which = OutboxRow.id == number if number is not None else OutboxRow.error_code == code
    moved = session.execute(
        update(OutboxRow)
        .where(dead, which)
        .values(state=state, updated_at=now, **values)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
    count = int(getattr(moved, "rowcount", 0))
    if number is not None and not count:
        raise NoSuchLetter(f"message {number} is {dead_letter(session, number).state}, no dead letter: leave it alone")
    return count


def _letter(row: OutboxRow) -> Letter:
    return Letter(
        row.id, row.state, row.error_code, row.error, row.category, row.attempts, row.created_at, masked(row)
    )  # fmt: skip
