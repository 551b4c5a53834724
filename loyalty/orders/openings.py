"""What there was of a member's past before a moment, as numbers: the database adds it up, nothing of it is read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Numeric, Select, Table, bindparam, cast, func, select
from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.store.sql import execute, table_of
from loyalty.tables import Activity, Attempt, Purchase, Referral


@dataclass(frozen=True, slots=True)
class Opening:
    """What there was before the part of a past that is read."""

    orders: int = 0
    """Orders that were not wholly refunded."""
    done: Mapping[str, int] = field(default_factory=dict)
    """How often each activity earned points."""
    totals: Mapping[str, Decimal] = field(default_factory=dict)
    """By measure, how much of it there was."""


_PURCHASE, _ACTIVITY, _REFERRAL = table_of(Purchase), table_of(Activity), table_of(Referral)
_ATTEMPT = table_of(Attempt)


def _before(table: Table, at: str, *values: ColumnElement[Any]) -> Select[Any]:
    return select(*values).where(table.c.member_id == bindparam("member"), table.c[at] < bindparam("before"))


_ORDERS = _before(_PURCHASE, "occurred_at", func.count()).where(_PURCHASE.c.paid != Decimal(0))
_DONE = (
    _before(_ACTIVITY, "occurred_at", _ACTIVITY.c.name, func.count().label("number"))
    .where(_ACTIVITY.c.points > 0)
    .group_by(_ACTIVITY.c.name)
)
_PARTS = 10_000
"""Money adds up exactly in whole ten-thousandths, which SQLite can do too."""
_in_parts = cast(func.round(cast(_PURCHASE.c.paid, Numeric) * _PARTS), BigInteger)
_SPEND = func.sum(_in_parts)
_TOTALS = {
    "points": (
        _before(_PURCHASE, "occurred_at", func.sum(_PURCHASE.c.points)),
        _before(_ACTIVITY, "occurred_at", func.sum(_ACTIVITY.c.points)),
    ),
    "spend": (_before(_PURCHASE, "occurred_at", _SPEND),),
    "orders": (_ORDERS,),
    "referrals": (
        select(func.count()).where(
            _REFERRAL.c.referrer_id == bindparam("member"), _REFERRAL.c.state == "rewarded",
            _REFERRAL.c.converted_at < bindparam("before"),
        ),
    ),
    "quizzes": (_before(_ATTEMPT, "finished_at", func.count()),),
    "activity": (_before(_ACTIVITY, "occurred_at", func.count()).where(_ACTIVITY.c.name == bindparam("name")),),
}  # fmt: skip

_LARGER = {
    kind: tuple(
        query.where(_in_parts >= bindparam("minimum")) if _PURCHASE in query.get_final_froms() else query
        for query in _TOTALS[kind]
    )
    for kind in ("points", "spend", "orders")
}
"""The same without orders below a minimum."""


def read_opening(
    session: Session, member: MemberId, moment: datetime, *, orders: bool, done: bool, measures: Collection[str]
) -> Opening:
    """What there was before a moment, of what is asked for. `measures` are those that happenings add to."""
    where = {"member": member, "before": moment}
    return Opening(
        int(execute(session, _ORDERS, where).scalar_one()) if orders else 0,
        {row.name: int(row.number) for row in execute(session, _DONE, where)} if done else {},
        {measure: _total(session, measure, where) for measure in measures},
    )


def total_before(
    session: Session, member: MemberId, moment: datetime, measure: str, *, minimum: Decimal = Decimal(0)
) -> Decimal:
    """How much of a measure there was before a moment. Orders below `minimum` do not count."""
    where: dict[str, Any] = {"member": member, "before": moment}
    if minimum:
        where["minimum"] = ceil(minimum * _PARTS)
    return _total(session, measure, where)


def _total(session: Session, measure: str, where: Mapping[str, Any]) -> Decimal:
    kind, _, name = measure.partition(":")
    values = {**where, "name": name} if name else where
    queries = _LARGER.get(kind, _TOTALS[kind]) if "minimum" in where else _TOTALS[kind]
    total = sum((Decimal(execute(session, query, values).scalar() or 0) for query in queries), Decimal(0))
    return total / _PARTS if kind == "spend" else total
