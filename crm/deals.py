"""Deals a system told of: kept once by their id, claimed under a lease, settled."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from crm.errors import told
from crm.states import backoff
from crm.tables import CrmContact, CrmDeal
from loyalty.ids import MemberId
from loyalty.store.sql import insert_once

WAITING, DONE, OPEN, ASIDE = "waiting", "done", "open", "aside"
LEASE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ClaimedDeal:
    """A deal that is ours to look at."""

    id: str
    told: int
    attempts: int


def keep(session: Session, system: str, deals: Iterable[str], *, now: datetime) -> int:
    """Keep that a system told of deals; one that is a purchase already stays so. Returns how many there is news of."""
    count = 0
    for deal in sorted(set(deals)):
        values = {
            "system": system, "deal_id": deal, "state": WAITING, "told": 1, "first_at": now, "next_try_at": now,
            "attempts": 0, "lease": None, "error": None, "settled_at": None,
        }  # fmt: skip
        if insert_once(session, CrmDeal, values):
            count += 1
            continue
        row = session.get_one(CrmDeal, (system, deal), with_for_update=True, populate_existing=True)
        if row.state != DONE:
            row.told += 1
            count += row.state != WAITING
            if row.state != WAITING:
                row.state, row.next_try_at, row.attempts = WAITING, now, 0
    session.flush()
    return count


def claim(session: Session, system: str, lease: str, *, limit: int, now: datetime) -> list[ClaimedDeal]:
    """Take deals that are due, those that wait longest first."""
    query = (
        select(CrmDeal)
        .where(CrmDeal.system == system, CrmDeal.state == WAITING, CrmDeal.next_try_at <= now)
        .order_by(CrmDeal.next_try_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    found = []
    for row in session.scalars(query):
        found.append(ClaimedDeal(row.deal_id, row.told, row.attempts))
        row.lease, row.next_try_at, row.attempts = lease, now + LEASE, row.attempts + 1
    session.flush()
    return found


def settle(
    session: Session, system: str, lease: str, deal: ClaimedDeal, state: str, *, now: datetime, why: str | None = None
) -> bool:
    """Write down what became of a deal. False if it was lost to somebody else, or told of again meanwhile."""
    row = session.get(CrmDeal, (system, deal.id), with_for_update=True, populate_existing=True)
    if row is None or row.lease != lease:
        return False
    row.lease, row.error = None, told(why) if why else None
    if row.told != deal.told and state != DONE:
        row.state, row.next_try_at, row.attempts = WAITING, now, 0
        return False
    row.state, row.settled_at = state, now
    session.flush()
    return True


def again(session: Session, system: str, lease: str, deal: ClaimedDeal, why: str, *, hers: bool, now: datetime) -> None:
    """Let it be looked at later. `hers`: it failed itself, so later and later; else the system is only busy."""
    row = session.get(CrmDeal, (system, deal.id), with_for_update=True, populate_existing=True)
    if row is None or row.lease != lease:
        return
    row.lease, row.error = None, told(why)
    row.attempts = row.attempts if hers else deal.attempts
    row.next_try_at = now + backoff(row.attempts) if hers else now
    session.flush()


def member_of(session: Session, system: str, remote_id: str) -> MemberId | None:
    """The member of a contact, if we wrote it."""
    query = select(CrmContact.member_id).where(CrmContact.system == system, CrmContact.remote_id == remote_id)
    found = session.scalar(query.order_by(CrmContact.pushed_at.desc()).limit(1))
    return MemberId(found) if found is not None else None


def counts(session: Session, system: str) -> dict[str, int]:
    """How many deals there are in each state."""
    rows = session.execute(select(CrmDeal.state, func.count()).where(CrmDeal.system == system).group_by(CrmDeal.state))
    return {state: count for state, count in rows}  # noqa: C416 -- rows are no tuples to the type checker


def retry(session: Session, system: str, *, now: datetime) -> int:
    """Let deals that were set aside be looked at again. Returns how many."""
    changed = session.connection().execute(
        update(CrmDeal)
        .where(CrmDeal.system == system, CrmDeal.state == ASIDE)
        .values(state=WAITING, attempts=0, next_try_at=now, error=None)
    )
    return changed.rowcount
