"""A member's past as the rules look at it: what she did that counts, in order of time.

It is read from what was reported (orders, activities, referrals, quizzes), never from what was made of it, so levels
and goals worked out from it do not depend on the order in which news arrived.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from sqlalchemy import ColumnElement, Select, bindparam, select
from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.store.sql import execute, table_of
from loyalty.tables import Activity, Attempt, Purchase, Referral, Subscription

HappeningKind = Literal["order", "activity", "referral", "quiz"]
SUBSCRIPTION = "subscription_months"
"""The measure that is a matter of time, not of happenings."""


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

    def months(self, at: datetime, zone: ZoneInfo) -> int:
        """Whole months it has run at a moment, by the calendar of a zone; none if it does not run then."""
        if not self.started_at <= at or (self.ended_at is not None and self.ended_at <= at):
            return 0
        began, now = self.started_at.astimezone(zone), at.astimezone(zone)
        months = (now.year - began.year) * 12 + now.month - began.month
        return months if self.after(months, zone) <= at else months - 1

    def after(self, months: int, zone: ZoneInfo) -> datetime:
        """When it has run for so many months: the 31st of a shorter month is its last day."""
        return (self.started_at.astimezone(zone) + relativedelta(months=months)).astimezone(UTC)


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

    `subscription_months` is none that happenings add to: see `Run.months`.
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


_PURCHASE, _ACTIVITY, _REFERRAL = table_of(Purchase), table_of(Activity), table_of(Referral)
_ATTEMPT, _SUBSCRIPTION = table_of(Attempt), table_of(Subscription)
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_KEPT = _PURCHASE.c.paid != Decimal(0)
"""Nothing is always kept as `0`, so that a database can ask for it."""
_REWARDED = (_REFERRAL.c.referrer_id == bindparam("member")) & (_REFERRAL.c.state == "rewarded")
EVERYTHING: frozenset[str] = frozenset({"order", "activity", "referral", "quiz", "subscription"})


def _within(at: ColumnElement[datetime]) -> ColumnElement[bool]:
    return (at >= bindparam("since")) & (at <= bindparam("until"))


_ORDERS = select(_PURCHASE.c.occurred_at, _PURCHASE.c.key, _PURCHASE.c.paid, _PURCHASE.c.points).where(
    _PURCHASE.c.member_id == bindparam("member"), _within(_PURCHASE.c.occurred_at), _KEPT
)
_DEEDS = select(_ACTIVITY.c.occurred_at, _ACTIVITY.c.key, _ACTIVITY.c.name, _ACTIVITY.c.points).where(
    _ACTIVITY.c.member_id == bindparam("member"), _within(_ACTIVITY.c.occurred_at)
)
_FRIENDS = select(_REFERRAL.c.converted_at, _REFERRAL.c.id).where(_REWARDED, _within(_REFERRAL.c.converted_at))
_QUIZZES = select(_ATTEMPT.c.finished_at, _ATTEMPT.c.id, _ATTEMPT.c.quiz).where(
    _ATTEMPT.c.member_id == bindparam("member"), _within(_ATTEMPT.c.finished_at)
)
_RUNS = select(_SUBSCRIPTION.c.started_at, _SUBSCRIPTION.c.ended_at).where(
    _SUBSCRIPTION.c.member_id == bindparam("member")
)


def read_history(
    session: Session, member: MemberId, *, since: datetime | None = None, until: datetime | None = None,
    kinds: Collection[str] = EVERYTHING,
) -> History:  # fmt: skip
    """What a member did from a moment until a moment, both included. What this session changed is flushed first.

    With `kinds` only those are read.
    """
    session.flush()
    where = {"member": member, "since": since or _EARLIEST, "until": until or _LATEST}
    found: list[Happening] = []
    if "order" in kinds:
        found += [
            Happening(at, "order", key, "", paid, points) for at, key, paid, points in _rows(session, _ORDERS, where)
        ]
    if "activity" in kinds:
        found += [
            Happening(at, "activity", key, name, points=points)
            for at, key, name, points in _rows(session, _DEEDS, where)
        ]
    if "referral" in kinds:
        found += [Happening(at, "referral", key) for at, key in _rows(session, _FRIENDS, where)]
    if "quiz" in kinds:
        found += [Happening(at, "quiz", key, name) for at, key, name in _rows(session, _QUIZZES, where)]
    runs = _rows(session, _RUNS, {"member": member}) if "subscription" in kinds else ()
    return History.of(found, [Run(began, ended) for began, ended in runs])


def _rows(session: Session, query: Select[Any], where: Mapping[str, Any]) -> Sequence[Any]:
    return execute(session, query, where).all()
