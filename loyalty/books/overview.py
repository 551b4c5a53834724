"""What one asks of a member: the questions that `/v1` and the chat have in common."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, literal, select
from sqlalchemy.orm import Session

from loyalty.books.ledger import Account
from loyalty.ids import MemberId
from loyalty.store.hot import Hot
from loyalty.store.sql import execute, table_of
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


_TRANSACTION, _ENTRY = table_of(Transaction), table_of(Entry)
_NEWEST = (
    select(
        _TRANSACTION.c.id, _TRANSACTION.c.kind, _TRANSACTION.c.cause, _TRANSACTION.c.occurred_at,
        _TRANSACTION.c.posted_at, _TRANSACTION.c.memo,
    )
    .where(_TRANSACTION.c.member_id == bindparam("member"))
    .order_by(_TRANSACTION.c.id.desc())
    .limit(bindparam("most"))
)  # fmt: skip
_NEWEST_BEFORE = _NEWEST.where(_TRANSACTION.c.id < bindparam("before"))
_CHANGES = (
    select(_ENTRY.c.transaction_id, _ENTRY.c.account, func.sum(_ENTRY.c.amount))
    .join(_TRANSACTION, _TRANSACTION.c.id == _ENTRY.c.transaction_id)
    .where(
        _TRANSACTION.c.member_id == bindparam("member"),
        _TRANSACTION.c.id.between(bindparam("first"), bindparam("last")),
        _ENTRY.c.account.in_([literal(str(account)) for account in MEMBER_ACCOUNTS]),
    )
    .group_by(_ENTRY.c.transaction_id, _ENTRY.c.account)
)


def movements(session: Session, member: MemberId, *, limit: int, before: str | None = None) -> list[Movement]:
    """A member's transactions, newest first; `before` is the id of the last one of the page before."""
    values: dict[str, object] = {"member": member, "most": limit}
    if before is None:
        found = execute(session, _NEWEST, values).all()
    else:
        found = execute(session, _NEWEST_BEFORE, {**values, "before": before}).all()
    if not found:
        return []
    changes: dict[str, dict[str, int]] = {row.id: {} for row in found}
    span = {"first": found[-1].id, "last": found[0].id}
    for id_, account, amount in execute(session, _CHANGES, {"member": member, **span}):
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
