"""A member's past as the rules look at it: what she did that counts, in order of time.

It is read from what was reported (orders, activities, referrals, quizzes), never from what was made of it, so levels
and goals worked out from it do not depend on the order in which news arrived.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from dateutil.relativedelta import relativedelta
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.tables import Activity, Attempt, Purchase, Referral, Subscription

HappeningKind = Literal["order", "activity", "referral", "quiz"]


@dataclass(frozen=True, slots=True)
class Happening:
    """Something a member did that counts. Orders that were wholly refunded are none."""

    at: datetime
    kind: HappeningKind
    key: str
    name: str = ""
    """Which activity or quiz."""
    spend: Decimal = Decimal(0)
    points: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """A subscription, from when until when."""

    started_at: datetime
    ended_at: datetime | None = None

    def months(self, at: datetime) -> int:
        """Whole months it has run at a moment; none if it does not run then."""
        if not self.started_at <= at or (self.ended_at is not None and self.ended_at <= at):
            return 0
        gone = relativedelta(at, self.started_at)
        return gone.years * 12 + gone.months


@dataclass(frozen=True, slots=True)
class History:
    """A member's past, or the part of it since some moment, in order of time."""

    happenings: tuple[Happening, ...] = ()
    runs: tuple[Run, ...] = ()

    @classmethod
    def of(cls, happenings: Iterable[Happening], runs: Iterable[Run] = ()) -> "History":
        """A history of happenings in any order."""
        return cls(tuple(sorted(happenings, key=lambda one: (one.at, one.kind, one.key))), tuple(runs))


def weight(measure: str, one: Happening, *, minimum: Decimal = Decimal(0)) -> Decimal:
    """What a happening adds to a measure. Orders below `minimum` add nothing.

    `subscription_months` is a matter of time, not of happenings: see `Run.months`.
    """
    kind, _, name = measure.partition(":")
    if one.kind == "order" and one.spend < minimum:
        return Decimal(0)
    match kind:
        case "points":
            return Decimal(one.points)
        case "spend":
            return one.spend
        case "orders":
            return Decimal(one.kind == "order")
        case "referrals":
            return Decimal(one.kind == "referral")
        case "quizzes":
            return Decimal(one.kind == "quiz")
        case "activity":
            return Decimal(one.kind == "activity" and one.name == name)
    raise ValueError(f"{measure} is not counted by happenings")


def count(measure: str, happenings: Iterable[Happening], *, minimum: Decimal = Decimal(0)) -> int:
    """How much of a measure there is in happenings; money counts in whole units, rounded down at the end."""
    return int(sum((weight(measure, one, minimum=minimum) for one in happenings), Decimal(0)))


def read_history(session: Session, member: MemberId, *, since: datetime | None = None) -> History:
    """What a member did since a moment (or ever). What this session changed is flushed first."""
    session.flush()
    return History.of(
        (*_orders(session, member, since), *_activities(session, member, since), *_others(session, member, since)),
        (
            Run(began, ended)
            for began, ended in session.execute(
                select(Subscription.started_at, Subscription.ended_at).where(Subscription.member_id == member)
            )
        ),
    )


def _orders(session: Session, member: MemberId, since: datetime | None) -> Iterable[Happening]:
    query = select(Purchase.occurred_at, Purchase.key, Purchase.paid, Purchase.points).where(
        Purchase.member_id == member
    )
    if since is not None:
        query = query.where(Purchase.occurred_at >= since)
    for at, key, paid, points in session.execute(query):
        if paid > 0:
            yield Happening(at, "order", key, spend=paid, points=points)


def _activities(session: Session, member: MemberId, since: datetime | None) -> Iterable[Happening]:
    query = select(Activity.occurred_at, Activity.key, Activity.name, Activity.points).where(
        Activity.member_id == member
    )
    if since is not None:
        query = query.where(Activity.occurred_at >= since)
    for at, key, name, points in session.execute(query):
        yield Happening(at, "activity", key, name, points=points)


def _others(session: Session, member: MemberId, since: datetime | None) -> Iterable[Happening]:
    friends = select(Referral.converted_at, Referral.id).where(
        Referral.referrer_id == member, Referral.state == "rewarded", Referral.converted_at.is_not(None)
    )
    quizzes = select(Attempt.finished_at, Attempt.id, Attempt.quiz).where(
        Attempt.member_id == member, Attempt.finished_at.is_not(None)
    )
    if since is not None:
        friends = friends.where(Referral.converted_at >= since)
        quizzes = quizzes.where(Attempt.finished_at >= since)
    for at, key in session.execute(friends):
        if at is not None:
            yield Happening(at, "referral", key)
    for at, key, name in session.execute(quizzes):
        if at is not None:
            yield Happening(at, "quiz", key, name)
