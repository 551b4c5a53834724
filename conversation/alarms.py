"""Alarms: what a person has to see to. Kept in the store until somebody, or what went right since, closes them."""

from datetime import datetime

import structlog
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from conversation.tables import Alarm
from loyalty.store.sql import execute, insert_once, table_of

log = structlog.get_logger()

_ALARM = table_of(Alarm)
_THIS = (_ALARM.c.kind == bindparam("which")) & (_ALARM.c.subject == bindparam("about")) & _ALARM.c.closed_at.is_(None)
_AGAIN = (
    update(_ALARM)
    .where(_THIS)
    .values(count=_ALARM.c.count + 1, last_at=bindparam("at"), code=bindparam("number"), detail=bindparam("said"))
)
_CLOSE = update(_ALARM).where(_THIS).values(closed_at=bindparam("at"))


def raise_alarm(
    session: Session, kind: str, detail: str, *, now: datetime, subject: str = "", code: int | None = None
) -> bool:
    """Say that a person has to see to something. One that is open already counts on. True if it is new.

    `detail` must hold no phone number: it is shown to operators and logged.
    """
    again = {"which": kind, "about": subject, "at": now, "number": code, "said": detail}
    if execute(session, _AGAIN, again).rowcount:
        return False
    new = insert_once(
        session, Alarm, {
            "kind": kind, "subject": subject, "code": code, "detail": detail, "count": 1, "first_at": now,
            "last_at": now, "closed_at": None,
        },
    )  # fmt: skip
    if new:
        log.error("alarm: a person has to see to this", kind=kind, subject=subject, code=code, detail=detail)
    else:  # another process was faster
        execute(session, _AGAIN, again)
    return new


def close_alarm(session: Session, kind: str, *, now: datetime, subject: str = "") -> bool:
    """Say that it was seen to. True if one was open."""
    return execute(session, _CLOSE, {"which": kind, "about": subject, "at": now}).rowcount > 0


def open_alarms(session: Session) -> list[Alarm]:
    """All that are open, oldest first."""
    return list(session.scalars(select(Alarm).where(Alarm.closed_at.is_(None)).order_by(Alarm.id)))


def count_open(session: Session) -> dict[str, int]:
    """How many are open, by kind."""
    rows = session.execute(select(Alarm.kind, func.count()).where(Alarm.closed_at.is_(None)).group_by(Alarm.kind))
    return {kind: count for kind, count in rows}  # noqa: C416 -- rows are no tuples to the type checker
