"""Events that could not be taken: kept for inspection and for another try, once for each type and id."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from loyalty.errors import NotFound
from loyalty.ids import ProgrammeId, new_id
from loyalty.people.identities import Ref
from loyalty.people.members import is_erased
from loyalty.store.sql import upsert
from loyalty.tables import Identity, ParkedEvent

WAITING, DONE, DROPPED = "waiting", "done", "dropped"


def park(
    session: Session, programme: ProgrammeId, *, key: str, member_ref: str | None, body: Mapping[str, Any], code: str,
    reason: str, now: datetime,
) -> None:  # fmt: skip
    """Keep an event that was refused. Refused again, its newest form and reason are kept.

    Nothing is kept of what is told about somebody who was erased.
    """
    if member_ref is not None and is_erased(session, programme, Ref.read(member_ref)):
        return
    known = session.scalar(
        select(ParkedEvent.id).where(ParkedEvent.programme_id == programme, ParkedEvent.key == key[:250])
    )
    row = {
        "id": known or new_id(), "programme_id": programme, "key": key[:250], "member_ref": member_ref, "body": body,
        "code": code, "reason": reason, "state": WAITING, "created_at": now, "settled_at": None,
    }  # fmt: skip
    upsert(session, ParkedEvent, row, key=("programme_id", "key"))


def settle(session: Session, programme: ProgrammeId, key: str, *, state: str, now: datetime) -> None:
    """An event was taken after all, or somebody decided against it. Nothing if it was never parked."""
    row = session.scalar(
        select(ParkedEvent).where(
            ParkedEvent.programme_id == programme, ParkedEvent.key == key[:250], ParkedEvent.state == WAITING
        )
    )
    if row is not None:
        row.state, row.settled_at = state, now
        session.flush()


def parked_event(session: Session, programme: ProgrammeId, id_: str) -> ParkedEvent:
    """A parked event by its id. Raises `NotFound`."""
    row = session.get(ParkedEvent, id_)
    if row is None or row.programme_id != programme:
        raise NotFound("there is no parked event with this id", field="id")
    return row


def parked_events(
    session: Session, programme: ProgrammeId, *, state: str = WAITING, limit: int, after: str = ""
) -> list[ParkedEvent]:
    """Parked events in a state, oldest first; `after` is the id of the last one of the page before."""
    query = select(ParkedEvent).where(
        ParkedEvent.programme_id == programme, ParkedEvent.state == state, ParkedEvent.id > after
    )
    return list(session.scalars(query.order_by(ParkedEvent.id).limit(limit)))


def claimable(session: Session, programme: ProgrammeId, *, limit: int) -> list[ParkedEvent]:
    """Events that waited for somebody who is known by now, oldest first."""
    query = (
        select(ParkedEvent)
        .join(
            Identity,
            (Identity.programme_id == ParkedEvent.programme_id)
            & (Identity.kind + ":" + Identity.value == ParkedEvent.member_ref),
        )
        .where(ParkedEvent.programme_id == programme, ParkedEvent.state == WAITING, ParkedEvent.code == NotFound.code)
    )
    return list(session.scalars(query.order_by(ParkedEvent.id).limit(limit)))


def blame(session: Session, programme: ProgrammeId, key: str, *, code: str, reason: str) -> None:
    """Note another reason why an event cannot be taken."""
    session.execute(
        update(ParkedEvent)
        .where(ParkedEvent.programme_id == programme, ParkedEvent.key == key[:250])
        .values(code=code, reason=reason)
        .execution_options(synchronize_session=False)
    )
