"""What falls due with time: pending points, expiring lots, forgotten holds, old vouchers. `tick` runs it.

Each job asks the database what is due as of an instant and does it in small transactions with business keys,
so it may run late, twice or in two processes at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from loyalty import redemptions
from loyalty.ids import Cause, MemberId, ProgrammeId, RedemptionId
from loyalty.ledger import Account, chain_of, lock
from loyalty.points import Books, open_books
from loyalty.programme import Programme
from loyalty.store import Store
from loyalty.tables import Entry, Lot, Redemption, Voucher

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
            before = select(func.count()).where(Entry.lot_id == lot.id, Entry.account == Account.EXPIRED)
            books.expire(lot, cause=Cause(f"expire:{lot.id}:{(session.scalar(before) or 0) + 1}"))
            count += 1
    return count


def _due_lots(
    session: Session, programme: ProgrammeId, due: ColumnElement[bool], now: datetime
) -> Iterator[tuple[Books, Lot]]:
    """Due lots, each read again under the lock of its member.

    All members are locked, in one order, before the first posting locks a chain, and chains come in one order
    too: so Postgres finds no deadlock with another posting.
    """
    query = select(Lot.member_id, Lot.id).where(Lot.programme_id == programme, due)
    found = [(MemberId(member), id_) for member, id_ in session.execute(query.order_by(Lot.member_id).limit(BATCH))]
    books = {member: open_books(session, programme, member, now=now) for member, _ in found}
    for member, id_ in sorted(found, key=lambda lot: (chain_of(lot[0]), *lot)):
        yield books[member], session.get_one(Lot, id_, populate_existing=True)


def _void(session: Session, programme: Programme, now: datetime) -> int:
    due = (
        select(Redemption.member_id, Redemption.id)
        .where(Redemption.programme_id == programme.id, Redemption.state == "held", Redemption.expires_at <= now)
        .order_by(Redemption.member_id)
        .limit(BATCH)
    )
    found = [(MemberId(member), RedemptionId(id_)) for member, id_ in session.execute(due)]
    for member, _ in found:  # as in `_due_lots`
        lock(session, member)
    found.sort(key=lambda redemption: (chain_of(redemption[0]), *redemption))
    return sum(redemptions.void(session, programme, id_, now=now) for _, id_ in found)


def _vouchers(session: Session, programme: ProgrammeId, now: datetime) -> int:
    result = session.execute(
        update(Voucher)
        .where(Voucher.programme_id == programme, Voucher.status == "issued", Voucher.expires_at <= now)
        .values(status="expired")
        .execution_options(synchronize_session=False)
    )
    return int(getattr(result, "rowcount", 0))
