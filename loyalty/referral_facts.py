"""What is known about a referral, read in a few bounded queries, for `qualifying` and `fraud` to judge."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from loyalty.fraud import FURTHEST, Facts, Shared, SignalKind
from loyalty.ids import MemberId
from loyalty.members import identities_of
from loyalty.qualifying import Order
from loyalty.tables import Member, Purchase, Referral, Signal


def orders_of(session: Session, friend: MemberId, until: datetime) -> Iterator[Order]:
    """A member's orders up to a moment, in order of time."""
    query = (
        select(Purchase.occurred_at, Purchase.amount, Purchase.paid, Purchase.revision)
        .where(Purchase.member_id == friend, Purchase.occurred_at <= until)
        .order_by(Purchase.occurred_at, Purchase.key)
    )
    for at, ordered, paid, revision in session.execute(query):
        yield Order(at, ordered, paid, revision)


def facts_of(session: Session, row: Referral, until: datetime) -> Facts:
    """What the checks look at. Signals seen after `until` are left out: a reward is not in doubt for ever."""
    referrer, friend = MemberId(row.referrer_id), MemberId(row.referee_id)
    return Facts(
        referrer,
        friend,
        identities_of(session, referrer),
        identities_of(session, friend),
        session.get_one(Member, friend).customer_before,
        _ordered_before(session, friend, row.created_at),
        _chain(session, row),
        _friends_since(session, row, timedelta(hours=1)),
        _friends_since(session, row, timedelta(days=1)),
        _shared(session, row, until),
    )


def _ordered_before(session: Session, friend: MemberId, entered_at: datetime) -> datetime | None:
    query = select(func.min(Purchase.occurred_at)).where(
        Purchase.member_id == friend, Purchase.occurred_at < entered_at
    )
    return session.scalar(query)


def _chain(session: Session, row: Referral) -> tuple[MemberId, ...]:
    """Who brought the referrer, and so on, by codes entered before this one."""
    chain: list[MemberId] = []
    member = row.referrer_id
    while len(chain) < FURTHEST and row.referee_id not in chain:
        above = session.scalar(
            select(Referral.referrer_id).where(
                Referral.programme_id == row.programme_id, Referral.referee_id == member, _earlier(row)
            )
        )
        if above is None:
            break
        chain.append(MemberId(above))
        member = above
    return tuple(chain)


def _friends_since(session: Session, row: Referral, span: timedelta) -> int:
    """How many friends the referrer brought in the time up to this one, this one included."""
    query = select(func.count()).where(
        Referral.referrer_id == row.referrer_id, Referral.created_at > row.created_at - span, _earlier(row)
    )
    return (session.scalar(query) or 0) + 1


def _shared(session: Session, row: Referral, until: datetime) -> tuple[Shared, ...]:
    """What the friend shares with the referrer and with friends he brought before her: a row for each kind."""
    mine, theirs = aliased(Signal), aliased(Signal)
    brought = select(Referral.referee_id).where(Referral.referrer_id == row.referrer_id, _earlier(row))
    himself = case((theirs.member_id == row.referrer_id, theirs.member_id))
    others = case((theirs.member_id != row.referrer_id, theirs.member_id))
    query = (
        select(theirs.kind, func.count(himself.distinct()), func.count(others.distinct()))
        .join(mine, and_(theirs.programme_id == mine.programme_id, theirs.kind == mine.kind, theirs.hash == mine.hash))
        .where(
            mine.member_id == row.referee_id, theirs.member_id != row.referee_id,
            or_(theirs.member_id == row.referrer_id, theirs.member_id.in_(brought)),
            mine.created_at <= until, theirs.created_at <= until,
        )
        .group_by(theirs.kind)
    )  # fmt: skip
    return tuple(
        Shared(cast(SignalKind, kind), bool(referrer), friends) for kind, referrer, friends in session.execute(query)
    )


def _earlier(row: Referral) -> ColumnElement[bool]:
    """Referrals whose code was entered before this one's."""
    return or_(Referral.created_at < row.created_at, and_(Referral.created_at == row.created_at, Referral.id < row.id))
