"""What falls due with time: points, holds, vouchers, levels, birthdays and whatever else. `tick` runs it.

Each job asks the database what is due as of an instant and does it in small transactions with business keys,
so it may run late, twice or in two processes at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from loyalty.books.ledger import Account, chain_of
from loyalty.books.points import Books, open_books
from loyalty.games import quizzes
from loyalty.ids import Cause, MemberId, ProgrammeId
from loyalty.levels import progress_due, scores
from loyalty.news import Kind, tell
from loyalty.orders import birthdays
from loyalty.programme import Programme
from loyalty.referral import referrals
from loyalty.rewards import redemptions, vouchers
from loyalty.store import Store
from loyalty.tables import Entry, Lot

BATCH = 100


@dataclass(frozen=True, slots=True)
class Done:
    """How much of what a `tick` did."""

    activated: int
    expired: int
    voided: int
    vouchers_expired: int
    vouchers_begun: int = 0
    quizzes_ended: int = 0
    referrals_settled: int = 0
    birthdays: int = 0
    progressed: int = 0
    """Members whose level and goals were looked at again, as time or new rules had changed them."""

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        said = [f"{number} {_SAID[field.name]}" for field in fields(self) if (number := getattr(self, field.name))]
        return ", ".join(said) or "nothing was due"


_SAID = {
    "activated": "lots activated", "expired": "lots expired", "voided": "holds voided",
    "vouchers_expired": "vouchers expired", "vouchers_begun": "vouchers begun", "quizzes_ended": "quizzes ended",
    "referrals_settled": "referrals settled", "birthdays": "birthdays", "progressed": "members looked at again",
}  # fmt: skip


async def run_due(store: Store, programme: Programme, *, now: datetime) -> Done:
    """Do everything that is due in a programme as of `now`. Pending points first, so that they can expire as well."""
    return Done(
        activated=await _all(store, lambda session: _activate(session, programme.id, now)),
        quizzes_ended=await _all(store, lambda session: quizzes.due(session, programme, now)),
        birthdays=await birthdays.celebrate(store, programme, now=now),
        referrals_settled=await _all(store, lambda session: referrals.due(session, programme, now)),
        progressed=await _progress(store, programme, now),
        voided=await _all(store, lambda session: redemptions.due(session, programme, now)),
        expired=await _all(store, lambda session: _expire(session, programme.id, now)),
        vouchers_begun=await _all(store, lambda session: vouchers.begin(session, programme, now)),
        vouchers_expired=await _all(store, lambda session: vouchers.expire(session, programme, now)),
    )


async def _progress(store: Store, programme: Programme, now: datetime) -> int:
    await progress_due.prepare(store, programme)
    await _all(store, lambda session: scores.clear(session, programme, now))
    return await _all(store, lambda session: progress_due.by_new_rules(session, programme, now)) + await _all(
        store, lambda session: progress_due.due(session, programme, now)
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
            cause, points = Cause(f"expire:{lot.id}:{(session.scalar(before) or 0) + 1}"), lot.remaining
            books.expire(lot, cause=cause)
            about = {"points": points}
            tell(session, programme, books.member, Kind.POINTS_EXPIRED, key=cause, about=about, at=now, now=now)
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
