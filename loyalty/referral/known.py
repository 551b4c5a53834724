"""What is known about a referral, read in a few bounded queries, for `qualifying` and `fraud` to judge."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import and_, bindparam, case, func, or_, select
from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.people.members import identities_of
from loyalty.referral.fraud import FURTHEST, Facts, Shared, SignalKind
from loyalty.referral.qualifying import Order
from loyalty.store.sql import execute, table_of
from loyalty.tables import Member, Purchase, Referral, Signal

_PURCHASE, _REFERRAL, _SIGNAL = table_of(Purchase), table_of(Referral), table_of(Signal)
_BY_HER = _PURCHASE.c.member_id == bindparam("friend")
_ORDERS = (
    select(_PURCHASE.c.occurred_at, _PURCHASE.c.amount, _PURCHASE.c.paid, _PURCHASE.c.revision)
    .where(_BY_HER, _PURCHASE.c.occurred_at <= bindparam("until"))
    .order_by(_PURCHASE.c.occurred_at, _PURCHASE.c.key)
)
_FIRST_BEFORE = select(func.min(_PURCHASE.c.occurred_at)).where(
    _BY_HER, _PURCHASE.c.occurred_at < bindparam("entered_at")
)
_EARLIER = or_(
    _REFERRAL.c.created_at < bindparam("entered_at"),
    and_(_REFERRAL.c.created_at == bindparam("entered_at"), _REFERRAL.c.id < bindparam("referral")),
)
"""Referrals whose code was entered before this one's."""
_ABOVE = select(_REFERRAL.c.referrer_id).where(
    _REFERRAL.c.programme_id == bindparam("programme"), _REFERRAL.c.referee_id == bindparam("member"), _EARLIER
)
_CAME_SINCE = select(func.count()).where(
    _REFERRAL.c.referrer_id == bindparam("referrer"), _REFERRAL.c.created_at > bindparam("since"), _EARLIER
)
_BROUGHT = select(_REFERRAL.c.referee_id).where(_REFERRAL.c.referrer_id == bindparam("referrer"), _EARLIER)
_MINE, _THEIRS = _SIGNAL.alias("mine"), _SIGNAL.alias("theirs")
_IS_REFERRER = _THEIRS.c.member_id == bindparam("referrer")
_SHARED = (
    select(
        _THEIRS.c.kind,
        func.count(case((_IS_REFERRER, 1))).label("referrer"),
        func.count(case((~_IS_REFERRER, _THEIRS.c.member_id)).distinct()).label("friends"),
    )
    .join_from(
        _MINE, _THEIRS,
        (_THEIRS.c.programme_id == _MINE.c.programme_id)
        & (_THEIRS.c.kind == _MINE.c.kind)
        & (_THEIRS.c.hash == _MINE.c.hash),
    )
    .where(
        _MINE.c.member_id == bindparam("friend"), _THEIRS.c.member_id != bindparam("friend"),
        or_(_IS_REFERRER, _THEIRS.c.member_id.in_(_BROUGHT)),
        _MINE.c.created_at <= bindparam("until"), _THEIRS.c.created_at <= bindparam("until"),
    )
    .group_by(_THEIRS.c.kind)
)  # fmt: skip


def orders_of(session: Session, friend: MemberId, until: datetime) -> Iterator[Order]:
    """A member's orders up to a moment, in order of time."""
    for row in execute(session, _ORDERS, {"friend": friend, "until": until}):
        yield Order(row.occurred_at, row.amount, row.paid, row.revision)


def facts_of(session: Session, row: Referral, until: datetime) -> Facts:
    """What the checks look at. Signals seen after `until` are left out: a reward is not in doubt for ever."""
    referrer, friend = MemberId(row.referrer_id), MemberId(row.referee_id)
    named = {
        "programme": row.programme_id, "referral": row.id, "referrer": referrer, "friend": friend,
        "entered_at": row.created_at, "until": until,
    }  # fmt: skip
    shared = execute(session, _SHARED, named)
    return Facts(
        referrer,
        friend,
        identities_of(session, referrer),
        identities_of(session, friend),
        session.get_one(Member, friend).customer_before,
        execute(session, _FIRST_BEFORE, named).scalar(),
        _chain(session, row, named),
        _came_since(session, row.created_at - timedelta(hours=1), named),
        _came_since(session, row.created_at - timedelta(days=1), named),
        tuple(Shared(cast(SignalKind, one.kind), one.referrer > 0, one.friends) for one in shared),
    )


def _chain(session: Session, row: Referral, named: Mapping[str, Any]) -> tuple[MemberId, ...]:
    """Who brought the referrer, and so on, by codes entered before this one."""
    chain: list[MemberId] = []
    member: str | None = row.referrer_id
    while len(chain) < FURTHEST and row.referee_id not in chain:
        member = execute(session, _ABOVE, {**named, "member": member}).scalar()
        if member is None:
            break
        chain.append(MemberId(member))
    return tuple(chain)


def _came_since(session: Session, since: datetime, named: Mapping[str, Any]) -> int:
    """How many friends the referrer brought from then up to this one, this one included."""
    return int(execute(session, _CAME_SINCE, {**named, "since": since}).scalar() or 0) + 1
