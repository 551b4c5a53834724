"""What one asks of a member: the questions that `/v1` and the chat have in common."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from loyalty.books.ledger import Account
from loyalty.ids import MemberId
from loyalty.store.hot import Hot
from loyalty.store.sql import table_of
from loyalty.tables import Balance, Entry, Lot, Transaction

MEMBER_ACCOUNTS = (Account.AVAILABLE, Account.PENDING, Account.HELD, Account.DEBT)


@dataclass(frozen=True, slots=True)
class Points:
    """A member's points, in whole points."""

    available: int
    pending: int
    held: int
    debt: int
    lifetime: int


@dataclass(frozen=True, slots=True)
class Movement:
    """One transaction as the member sees it: what it changed in each of her accounts."""

    id: str
    kind: str
    cause: str
    occurred_at: datetime
    posted_at: datetime
    changes: dict[str, int]
    memo: dict[str, object]

    @property
    def points(self) -> int:
        """What was gained or lost (a hold and its release move points, they change nothing)."""
        return sum(self.changes.values())


@dataclass(frozen=True, slots=True)
class Expiring:
    """Points that expire at one moment."""

    points: int
    at: datetime


_BALANCE = table_of(Balance)
_POINTS = Hot(
    select(_BALANCE.c.available, _BALANCE.c.pending, _BALANCE.c.held, _BALANCE.c.debt, _BALANCE.c.lifetime).where(
        _BALANCE.c.member_id == bindparam("member")
    )
)


def points_of(session: Session, member: MemberId) -> Points:
    """The member's balance, from the cache. Raises `LookupError` for somebody who has none."""
    session.flush()
    row = _POINTS.first(session, {"member": member})
    if row is None:
        raise LookupError(f"no member {member}")
    return Points(*row)


def movements(session: Session, member: MemberId, *, limit: int, before: str | None = None) -> list[Movement]:
    """A member's transactions, newest first; `before` is the id of the last one of the page before."""
    query = select(Transaction).where(Transaction.member_id == member)
    if before is not None:
        query = query.where(Transaction.id < before)
    found = session.scalars(query.order_by(Transaction.id.desc()).limit(limit)).all()
    changes: dict[str, dict[str, int]] = {row.id: {} for row in found}
    sums = session.execute(
        select(Entry.transaction_id, Entry.account, func.sum(Entry.amount))
        .where(Entry.transaction_id.in_(changes), Entry.account.in_([str(account) for account in MEMBER_ACCOUNTS]))
        .group_by(Entry.transaction_id, Entry.account)
    )
    for id_, account, amount in sums:
        changes[id_][account] = int(amount)
    return [
        Movement(row.id, row.kind, row.cause, row.occurred_at, row.posted_at, changes[row.id], row.memo)
        for row in found
    ]


def expiring(session: Session, member: MemberId, *, now: datetime) -> list[Expiring]:
    """What expires when, soonest first."""
    rows = session.execute(
        select(Lot.expires_at, func.sum(Lot.remaining))
        .where(Lot.member_id == member, Lot.remaining > 0, Lot.expires_at.is_not(None), Lot.expires_at > now)
        .group_by(Lot.expires_at)
        .order_by(Lot.expires_at)
    )
    return [Expiring(int(points), at) for at, points in rows if at is not None]
