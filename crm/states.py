"""How a system is doing: whether it is paused, until when and why."""

import random
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from conversation.alarms import close_alarm, raise_alarm
from crm.tables import CrmSystem
from loyalty.store.sql import insert_once

ALARM = "crm"
FIRST, LONGEST = timedelta(seconds=5), timedelta(minutes=15)


def of(session: Session, system: str) -> CrmSystem:
    """The system's row, locked."""
    values = {
        "name": system, "paused_until": None, "why": None, "failures": 0, "succeeded_at": None, "swept_at": None,
        "sweep_began_at": None, "sweep_after": None,
    }  # fmt: skip
    insert_once(session, CrmSystem, values)
    row = session.get(CrmSystem, system, with_for_update=True, populate_existing=True)
    assert row is not None
    return row


def paused(session: Session, system: str, now: datetime) -> bool:
    """Whether the system is to be left alone."""
    row = session.get(CrmSystem, system)
    return row is not None and row.paused_until is not None and row.paused_until > now


def backoff(failures: int) -> timedelta:
    """How long to wait after so many failures in a row: longer and longer, and never all at the same moment."""
    doubled: timedelta = FIRST * 2 ** min(max(failures - 1, 0), 16)
    return min(doubled, LONGEST) * random.uniform(0.5, 1.0)


def succeeded(session: Session, system: str, now: datetime) -> None:
    """It took something: whatever was wrong is over."""
    row = of(session, system)
    row.succeeded_at, row.failures, row.paused_until, row.why = now, 0, None, None
    session.flush()
    close_alarm(session, ALARM, now=now, subject=system)


def pause(session: Session, system: str, why: str, after: timedelta, now: datetime) -> None:
    """Leave it alone for a while, though nothing failed."""
    row = of(session, system)
    row.paused_until, row.why = now + after, why
    session.flush()


def failed(session: Session, system: str, why: str, least: timedelta, now: datetime) -> None:
    """It failed: leave it alone, the longer the more often it failed."""
    row = of(session, system)
    row.failures += 1
    row.paused_until, row.why = now + max(backoff(row.failures), least), why
    session.flush()


def refused(session: Session, system: str, why: str, now: datetime) -> None:
    """It does not let us in: a person has to see to it; it is tried again now and then."""
    pause(session, system, why, LONGEST, now)
    raise_alarm(session, ALARM, f"{why}; then `passaparola crm sync`", subject=system, now=now)
