"""Lots as the ledger's operations need them: what can be spent, what an origin has left, what of it has expired."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from loyalty.books.posting import Account
from loyalty.ids import Cause, LotId, MemberId, ProgrammeId
from loyalty.store.hot import Hot
from loyalty.store.sql import table_of
from loyalty.tables import Entry, Lot, Transaction

_LOT, _ENTRY, _TRANSACTION = table_of(Lot), table_of(Entry), table_of(Transaction)
_HERS = _LOT.c.member_id == bindparam("member")
_LEFT = or_(_LOT.c.remaining > 0, _LOT.c.pending > 0)
_COLUMNS = (
    _LOT.c.id, _LOT.c.member_id, _LOT.c.origin, _LOT.c.remaining, _LOT.c.pending, _LOT.c.created_at,
    _LOT.c.activates_at, _LOT.c.expires_at,
)  # fmt: skip

_SPENDABLE = Hot(
    select(*_COLUMNS)
    .where(_HERS, _LOT.c.remaining > 0, or_(_LOT.c.expires_at.is_(None), _LOT.c.expires_at > bindparam("now")))
    .order_by(_LOT.c.expires_at.is_(None), _LOT.c.expires_at, _LOT.c.id)
)
_LEFT_OVER = Hot(select(*_COLUMNS).where(_HERS, _LEFT).order_by(_LOT.c.id))
_OF_ORIGIN = Hot(select(*_COLUMNS).where(_HERS, _LEFT, _LOT.c.origin == bindparam("origin")).order_by(_LOT.c.id))
_BY_ID = Hot(select(*_COLUMNS).where(_LOT.c.id == bindparam("lot")))
_EXPIRED = Hot(
    select(_ENTRY.c.lot_id, func.sum(_ENTRY.c.amount).label("points"))
    .join(_TRANSACTION, _TRANSACTION.c.id == _ENTRY.c.transaction_id)
    .where(
        _TRANSACTION.c.programme_id == bindparam("programme"),
        _TRANSACTION.c.origin == bindparam("origin"),
        _ENTRY.c.account == Account.EXPIRED.value,
    )
    .group_by(_ENTRY.c.lot_id)
    .order_by(_ENTRY.c.lot_id)
)
_GRANTED = Hot(
    select(func.coalesce(func.sum(-_ENTRY.c.amount), 0).label("points"))
    .join(_TRANSACTION, _TRANSACTION.c.id == _ENTRY.c.transaction_id)
    .where(
        _TRANSACTION.c.programme_id == bindparam("programme"),
        _TRANSACTION.c.origin == bindparam("origin"),
        _ENTRY.c.account == Account.ISSUED.value,
    )
)
_MOVED = Hot(
    select(_ENTRY.c.lot_id, _ENTRY.c.amount)
    .join(_TRANSACTION, _TRANSACTION.c.id == _ENTRY.c.transaction_id)
    .where(
        _TRANSACTION.c.programme_id == bindparam("programme"),
        _TRANSACTION.c.cause == bindparam("cause"),
        _ENTRY.c.account == bindparam("account"),
        _ENTRY.c.amount > 0,
    )
    .order_by(_ENTRY.c.id)
)
_EXTEND = Hot(
    update(_LOT)
    .where(_HERS, _LEFT, _LOT.c.expires_at > bindparam("now"), _LOT.c.expires_at < bindparam("until"))
    .values(expires_at=bindparam("until"))
)


class LotRow(NamedTuple):
    """A lot with what is left of it."""

    id: LotId
    member: MemberId
    origin: str
    remaining: int
    pending: int
    created_at: datetime
    activates_at: datetime
    expires_at: datetime | None

    def is_over(self, now: datetime) -> bool:
        """Whether its points can no longer be spent, even if nobody has expired them yet."""
        return self.expires_at is not None and self.expires_at <= now


def spendable(session: Session, member: MemberId, now: datetime) -> list[LotRow]:
    """What can be spent now, first-expiring first; a lot whose time is over cannot, even before `tick` ran."""
    return [LotRow._make(row) for row in _SPENDABLE.all(session, {"member": member, "now": now})]


def left_over(session: Session, member: MemberId) -> list[LotRow]:
    """All lots with points that are pending or available, oldest first."""
    return [LotRow._make(row) for row in _LEFT_OVER.all(session, {"member": member})]


def of_origin(session: Session, member: MemberId, origin: str) -> list[LotRow]:
    """As `left_over`, of what one origin earned."""
    return [LotRow._make(row) for row in _OF_ORIGIN.all(session, {"member": member, "origin": origin})]


def lot(session: Session, id_: LotId) -> LotRow:
    """A lot. Raises `LookupError` if there is none."""
    row = _BY_ID.first(session, {"lot": id_})
    if row is None:
        raise LookupError(f"no lot {id_}")
    return LotRow._make(row)


def expired(session: Session, programme: ProgrammeId, origin: str) -> list[tuple[LotId, int]]:
    """How many points of an origin's lots have expired and were not taken back since, by lot.

    An origin is one business fact of one person, so this (as `granted`) also finds what was posted for the member
    she was before a merge.
    """
    rows = _EXPIRED.all(session, {"programme": programme, "origin": origin})
    return [(LotId(row.lot_id), int(row.points)) for row in rows]


def granted(session: Session, programme: ProgrammeId, origin: str) -> int:
    """Points that an origin has earned so far, less what was taken back for it."""
    return int(_GRANTED.first(session, {"programme": programme, "origin": origin}).points)


def moved(session: Session, programme: ProgrammeId, cause: Cause, account: Account) -> list[tuple[LotId, int]]:
    """What a transaction moved into an account, lot by lot; nothing if it was not posted."""
    rows = _MOVED.all(session, {"programme": programme, "cause": cause, "account": account.value})
    return [(LotId(row.lot_id), row.amount) for row in rows]


def extend(session: Session, member: MemberId, until: datetime, now: datetime) -> int:
    """Give what would expire between now and `until` that much longer, in one statement. Returns how many lots."""
    count = _EXTEND.run(session, {"member": member, "until": until, "now": now})
    for known in list(session.identity_map.values()):
        if isinstance(known, Lot) and known.member_id == member:
            session.expire(known, ["expires_at"])
    return count
