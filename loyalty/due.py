"""What falls due with time: pending points, expiring lots, forgotten holds, old vouchers. `tick` runs it.

Each job asks the database what is due as of an instant and does it in small transactions with business keys,
so it may run late, twice or in two processes at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from loyalty import redemptions
from loyalty.ids import Cause, MemberId, ProgrammeId, RedemptionId
from loyalty.points import Books, open_books
from loyalty.programme import Programme
from loyalty.store import Store
from loyalty.tables import Lot, Redemption, Voucher

BATCH = 100


@dataclass(frozen=True, slots=True)
class Done:
    """How much of what a `tick` did."""

    activated: int
    expired: int
    voided: int
    vouchers_expired: int


async def run_due(store: Store, programme: Programme, *, now: datetime) -> Done:
    """Do everything that is due in a programme as of `now`. Pending points first, so that they can expire as well."""
    return Done(
        activated=await _all(store, lambda session: _activate(session, programme.id, now)),
        voided=await _all(store, lambda session: _void(session, programme, now)),
        expired=await _all(store, lambda session: _expire(session, programme.id, now)),
        vouchers_expired=await _all(store, lambda session: _vouchers(session, programme.id, now)),
    )


async def _all(store: Store, job: Callable[[Session], int]) -> int:
    total = 0
    while done := await store.write(job):
        total += done
    return total


def _activate(session: Session, programme: ProgrammeId, now: datetime) -> int:
    due = (Lot.pending > 0) & (Lot.activates_at <= now)
    count = 0
    for books, lot in _due_lots(session, programme, due, now):
        if lot.pending:
            books.activate(lot, cause=Cause(f"activate:{lot.id}"))
            count += 1
    return count


def _expire(session: Session, programme: ProgrammeId, now: datetime) -> int:
    due = (Lot.remaining > 0) & (Lot.expires_at <= now)
    count = 0
    for books, lot in _due_lots(session, programme, due, now):
        if lot.remaining:
            # A hold that is released later refills the lot: what is left then expires by a cause of its own.
            books.expire(lot, cause=Cause(f"expire:{lot.id}:{now.isoformat()}"))
            count += 1
    return count


def _due_lots(
    session: Session, programme: ProgrammeId, due: ColumnElement[bool], now: datetime
) -> Iterator[tuple[Books, Lot]]:
    """Due lots, each with its member locked and read again under the lock; members in one order."""
    query = select(Lot.id, Lot.member_id).where(Lot.programme_id == programme, due)
    for id_, member in session.execute(query.order_by(Lot.member_id, Lot.id).limit(BATCH)).all():
        books = open_books(session, programme, MemberId(member), now=now)
        yield books, session.get_one(Lot, id_, populate_existing=True)


def _void(session: Session, programme: Programme, now: datetime) -> int:
    due = (
        select(Redemption.id)
        .where(Redemption.programme_id == programme.id, Redemption.state == "held", Redemption.expires_at <= now)
        .order_by(Redemption.member_id)
        .limit(BATCH)
    )
    return sum(redemptions.void(session, programme, RedemptionId(id_), now=now) for id_ in session.scalars(due).all())


def _vouchers(session: Session, programme: ProgrammeId, now: datetime) -> int:
    result = session.execute(
        update(Voucher)
        .where(Voucher.programme_id == programme, Voucher.status == "issued", Voucher.expires_at <= now)
        .values(status="expired")
        .execution_options(synchronize_session=False)
    )
    return int(getattr(result, "rowcount", 0))
