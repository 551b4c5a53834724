"""What is news because of the calendar alone: points and vouchers about to expire, a challenge that begins, somebody
who has not bought for long. Each is told once; days on which nothing ran are made up for as far as `STALE`.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import groupby
from typing import Any

from sqlalchemy import Select, and_, exists, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from loyalty.ids import MemberId
from loyalty.news import STALE, Kind, tell
from loyalty.programme import Programme, last_day
from loyalty.store import Store
from loyalty.tables import Activity, Lot, Member, News, Purchase, Standing, Voucher

BATCH = 100
TOGETHER = timedelta(days=7)
"""Points that expire so soon after the first ones are named with them: so she is not reminded each day of the few
points of one day a year ago."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """A piece of news to be told to a member."""

    member: MemberId
    kind: Kind
    key: str
    about: dict[str, Any]
    at: datetime


async def remind(store: Store, programme: Programme, *, now: datetime) -> int:
    """Tell all that the calendar makes news as of a moment. Returns how many pieces of news that was."""
    expiring = await store.read(lambda session: sorted(_expiring(session, programme, now), key=_by_member))
    count = 0
    for batch in _batches(expiring):  # all of one member in one transaction: that becomes one message
        count += await store.write(partial(_tell, programme=programme, reminders=batch, now=now))
    for work in (_challenges, _inactive):
        count += await _all(store, partial(_next_batch, programme=programme, work=work, now=now))
    return count


Work = Callable[[Session, Programme, datetime], Iterator[Reminder]]


def _by_member(one: Reminder) -> str:
    return one.member


def _batches(reminders: Sequence[Reminder]) -> Iterator[list[Reminder]]:
    batch: list[Reminder] = []
    for _, hers in groupby(reminders, key=_by_member):
        batch += hers
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _all(store: Store, job: Callable[[Session], int]) -> int:
    total = 0
    while done := await store.write(job):
        total += done
    return total


def _next_batch(session: Session, programme: Programme, work: Work, now: datetime) -> int:
    return _tell(session, programme, list(work(session, programme, now)), now)


def _tell(session: Session, programme: Programme, reminders: Sequence[Reminder], now: datetime) -> int:
    return sum(
        tell(session, programme.id, one.member, one.kind, key=one.key, about=one.about, at=one.at, now=now)
        for one in reminders
    )


def _expiring(session: Session, programme: Programme, now: datetime) -> list[Reminder]:
    """What is about to expire and was not told yet."""
    found = [*_points(session, programme, now), *_vouchers(session, programme, now)]
    known: set[str] = set()
    for first in range(0, len(found), 500):
        keys = [one.key for one in found[first : first + 500]]
        known |= set(session.scalars(select(News.key).where(News.programme_id == programme.id, News.key.in_(keys))))
    return [one for one in found if one.key not in known]


def _points(session: Session, programme: Programme, now: datetime) -> Iterator[Reminder]:
    days = programme.notices.points_expiring_days
    if not days:
        return
    query = (
        select(Lot.member_id, Lot.expires_at, func.sum(Lot.remaining).label("points"))
        .where(Lot.programme_id == programme.id, Lot.remaining > 0)
        .where(Lot.expires_at > now, Lot.expires_at <= now + timedelta(days=max(days) + 1) + TOGETHER)
        .group_by(Lot.member_id, Lot.expires_at)
        .order_by(Lot.member_id, Lot.expires_at)
    )
    rows = session.execute(query).all()
    covered = _covered(session, programme, sorted({row.member_id for row in rows}))
    for id_, group in groupby(rows, key=lambda row: row.member_id):
        hers = [(last_day(row.expires_at, programme.zone), row) for row in group]
        for number, day in _firsts([day for day, _ in hers], programme, covered.get(id_, ()), now).items():
            alike = [(other, int(one.points)) for other, one in hers if day <= other < day + TOGETHER]
            about = {
                "points": sum(points for _, points in alike), "day": day.isoformat(), "days": number,
                "on_day": sum(points for other, points in alike if other == day),
            }  # fmt: skip
            key, at = f"expiring:{id_}:{number}:{day}", _days_before(day, number, programme)
            yield Reminder(MemberId(id_), Kind.POINTS_EXPIRING, key, about, at)


def _firsts(
    hers: Sequence[date], programme: Programme, covered: Collection[tuple[int, date]], now: datetime
) -> dict[int, date]:
    """The last day of her first points that have come to each threshold and were not named before.

    The nearest threshold counts. `hers` are the last days of all of them, in order.
    """
    found: dict[int, date] = {}
    for day in hers:
        left = (day - now.astimezone(programme.zone).date()).days
        number = min((one for one in programme.notices.points_expiring_days if left <= one), default=None)
        if number is None or _days_before(day, number, programme) < now - STALE:
            continue
        if not any(one == number and first <= day < first + TOGETHER for one, first in covered):
            found.setdefault(number, day)
    return found


def _days_before(day: date, number: int, programme: Programme) -> datetime:
    """When the day begins that is so many days before another."""
    return datetime.combine(day - timedelta(days=number), time(), tzinfo=programme.zone)


def _covered(session: Session, programme: Programme, members: Sequence[str]) -> dict[str, set[tuple[int, date]]]:
    """By member: at which threshold she was reminded of the points of which first day."""
    found: dict[str, set[tuple[int, date]]] = {}
    for first in range(0, len(members), 500):
        query = select(News.member_id, News.about).where(
            News.programme_id == programme.id, News.member_id.in_(members[first : first + 500]),
            News.kind == Kind.POINTS_EXPIRING.value,
        )  # fmt: skip
        for member, about in session.execute(query):
            found.setdefault(member, set()).add((about["days"], date.fromisoformat(about["day"])))
    return found


def _vouchers(session: Session, programme: Programme, now: datetime) -> Iterator[Reminder]:
    """Vouchers that were given so late that they are about to expire from the first are not spoken of again."""
    number = programme.notices.voucher_expiring_days
    query = (
        select(Voucher)
        .where(Voucher.programme_id == programme.id, Voucher.status == "issued")
        .where(Voucher.expires_at > now, Voucher.expires_at <= now + timedelta(days=number + 1))
        .order_by(Voucher.expires_at, Voucher.id)
    )
    for row in session.scalars(query):
        assert row.expires_at is not None  # the query says so
        day = last_day(row.expires_at, programme.zone)
        at = _days_before(day, number, programme)
        if not now - STALE <= at <= now or max(row.created_at, row.valid_from or row.created_at) > at:
            continue
        left = (day - now.astimezone(programme.zone).date()).days
        about = {"voucher": row.id, "reward": row.reward_id, "day": day.isoformat(), "days": left}
        yield Reminder(MemberId(row.member_id), Kind.VOUCHER_EXPIRING, f"voucher:{row.id}:expiring", about, at)


def _challenges(session: Session, programme: Programme, now: datetime) -> Iterator[Reminder]:
    """Challenges with a first day, on that day: to members who want offers and can take part. One that begins anew each
    week or month is no news."""
    for challenge in programme.challenges:
        if challenge.dates is None or (first := challenge.dates.first) is None:
            continue
        begin, last = datetime(first.year, first.month, first.day, tzinfo=programme.zone), challenge.dates.last
        over = last is not None and now.astimezone(programme.zone).date() > last
        if over or not begin <= now < begin + STALE:
            continue
        prefix = f"{challenge.key}:{first}:started:"
        query = _members(programme).where(Member.marketing_opt_in, ~_told(programme, literal(prefix) + Member.id))
        if challenge.tiers:
            query = query.join(Standing, Standing.member_id == Member.id).where(Standing.tier.in_(challenge.tiers))
        about = {"goal": challenge.id, "last": last.isoformat() if last else None}
        for id_ in session.scalars(query.order_by(Member.id).limit(BATCH)):
            yield Reminder(MemberId(id_), Kind.CHALLENGE_STARTED, f"{prefix}{id_}", about, begin)


def _inactive(session: Session, programme: Programme, now: datetime) -> Iterator[Reminder]:
    """Members whose last purchase or activity was a purchase so many days ago."""
    days = timedelta(days=programme.notices.inactive_days)
    later, key = aliased(Purchase), literal("inactive:") + Purchase.id
    newer = or_(
        later.occurred_at > Purchase.occurred_at,
        and_(later.occurred_at == Purchase.occurred_at, later.id > Purchase.id),
    )
    query = (
        _members(programme)
        .join(Purchase, Purchase.member_id == Member.id)
        .add_columns(Purchase.id.label("purchase"), Purchase.occurred_at)
        .where(Purchase.programme_id == programme.id)
        .where(Purchase.occurred_at > now - days - STALE, Purchase.occurred_at <= now - days)
        .where(~exists().where(later.member_id == Purchase.member_id, newer))
        .where(
            ~exists().where(
                Activity.member_id == Purchase.member_id, Activity.occurred_at > Purchase.occurred_at,
                Activity.name != "birthday",
            ),
            ~_told(programme, key),
        )
        .order_by(Member.id)
        .limit(BATCH)
    )  # fmt: skip
    for row in session.execute(query).all():
        about = {"days": programme.notices.inactive_days}
        yield Reminder(MemberId(row.id), Kind.INACTIVE, f"inactive:{row.purchase}", about, row.occurred_at + days)


def _members(programme: Programme) -> Select[Any]:
    return select(Member.id).where(
        Member.programme_id == programme.id, Member.joined_at.is_not(None), Member.erased_at.is_(None),
        Member.merged_into.is_(None),
    )  # fmt: skip


def _told(programme: Programme, key: Any) -> Any:
    return exists().where(News.programme_id == programme.id, News.key == key)
