"""The part of the audit that works balances and lots out again from the entries, page by page."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, func, or_, select
from sqlalchemy.orm import Session

from loyalty.books.posting import EARNING, LIFETIME, MERGE, Account
from loyalty.store.hot import Hot
from loyalty.store.sql import table_of
from loyalty.tables import Balance, Entry, Lot, Transaction

_BALANCE, _LOT, _ENTRY, _POSTED = table_of(Balance), table_of(Lot), table_of(Entry), table_of(Transaction)


def _sum(of: ColumnElement[bool], sign: int = 1) -> ColumnElement[int]:
    return func.sum(case((of, sign * _ENTRY.c.amount), else_=0))


def _in(account: Account) -> ColumnElement[bool]:
    return _ENTRY.c.account == account.value


_BALANCES = Hot(
    select(_BALANCE)
    .where(_BALANCE.c.member_id > bindparam("after"))
    .order_by(_BALANCE.c.member_id)
    .limit(bindparam("most"))
)
_OF_MEMBERS = Hot(
    select(
        _POSTED.c.member_id,
        _sum(_in(Account.AVAILABLE)).label("available"),
        _sum(_in(Account.PENDING)).label("pending"),
        _sum(_in(Account.HELD)).label("held"),
        _sum(_in(Account.DEBT), -1).label("debt"),
        _sum(_in(Account.ISSUED) & or_(*(_POSTED.c.kind == kind for kind in sorted(EARNING))), -1).label("lifetime"),
    )
    .join(_ENTRY, _ENTRY.c.transaction_id == _POSTED.c.id)
    .where(_POSTED.c.member_id > bindparam("after"), _POSTED.c.member_id <= bindparam("upto"))
    .group_by(_POSTED.c.member_id)
)
_MERGES = Hot(select(_POSTED.c.member_id, _POSTED.c.memo).where(_POSTED.c.kind == MERGE))
_WITHOUT_BALANCE = Hot(
    select(_POSTED.c.member_id)
    .distinct()
    .where(~select(_BALANCE.c.member_id).where(_BALANCE.c.member_id == _POSTED.c.member_id).exists())
    .limit(bindparam("most"))
)
_LOTS = Hot(
    select(_LOT.c.id, _LOT.c.remaining, _LOT.c.pending)
    .where(_LOT.c.id > bindparam("after"))
    .order_by(_LOT.c.id)
    .limit(bindparam("most"))
)
_OF_LOTS = Hot(
    select(
        _ENTRY.c.lot_id,
        _sum(_in(Account.AVAILABLE)).label("remaining"),
        _sum(_in(Account.PENDING)).label("pending"),
    )
    .where(_ENTRY.c.lot_id > bindparam("after"), _ENTRY.c.lot_id <= bindparam("upto"))
    .group_by(_ENTRY.c.lot_id)
)


def balances(session: Session, page: int) -> Iterator[str]:
    """Balances that differ from the entries."""
    names = ("available", "pending", "held", "debt", "lifetime")
    handed_over: Counter[str] = Counter()
    for member, memo in _MERGES.all(session, {}):
        handed_over[member] += memo.get(LIFETIME, 0)
    after = ""
    while found := _BALANCES.all(session, {"after": after, "most": page}):
        which = {"after": after, "upto": found[-1].member_id}
        true = {row.member_id: row._asdict() for row in _OF_MEMBERS.all(session, which)}
        for row in found:
            sums = true.get(row.member_id, {})
            sums["lifetime"] = sums.get("lifetime", 0) + handed_over[row.member_id]
            yield from _differences(f"member {row.member_id}", names, row, sums)
        after = found[-1].member_id
    for row in _WITHOUT_BALANCE.all(session, {"most": page}):
        yield f"member {row.member_id} has entries, but no balance"


def lots(session: Session, page: int) -> Iterator[str]:
    """Lots that differ from the entries."""
    after = ""
    while found := _LOTS.all(session, {"after": after, "most": page}):
        which = {"after": after, "upto": found[-1].id}
        true = {row.lot_id: row._asdict() for row in _OF_LOTS.all(session, which)}
        for row in found:
            yield from _differences(f"lot {row.id}", ("remaining", "pending"), row, true.get(row.id, {}))
        after = found[-1].id


def _differences(whose: str, names: tuple[str, ...], shown: Any, true: Mapping[str, Any]) -> Iterator[str]:
    for name in names:
        points = int(true.get(name, 0))
        if getattr(shown, name) != points:
            yield f"{whose}: {name} is shown as {getattr(shown, name)}, the entries say {points}"
