"""An audience as a condition in SQL, on the row of a member. SQLite and Postgres understand it alike."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from sqlalchemy import (
    ColumnElement,
    Exists,
    Float,
    Select,
    and_,
    cast,
    exists,
    extract,
    false,
    func,
    not_,
    or_,
    select,
    true,
)

from campaigns.audience import Ago, Birthday, Joined, Referred, Segment, Span
from loyalty.programme import Programme
from loyalty.tables import Balance, Invite, Member, MemberTag, Purchase, Referral, Standing

Condition = ColumnElement[bool]
_CONVERTED = Referral.rewarded_at.is_not(None)


def condition(segment: Segment, programme: Programme, now: datetime) -> Condition:
    """Whether a member (a row of `Member`) is of a segment, as of a moment."""
    return and_(true(), *_conditions(segment, programme, now))


def _conditions(segment: Segment, programme: Programme, now: datetime) -> Iterator[Condition]:
    if segment.tiers is not None:
        yield _some(Standing.member_id == Member.id, Standing.tier.in_(sorted(segment.tiers)))
    if segment.points is not None:
        yield _within(_points(), segment.points)
    if segment.last_purchase is not None:
        yield _bought(segment.last_purchase, now)
    if segment.languages is not None:
        yield Member.language.in_(sorted(segment.languages))
    if segment.tags is not None:
        yield _some(MemberTag.member_id == Member.id, MemberTag.tag.in_(sorted(segment.tags)))
    if segment.birthday is not None:
        yield _birthday(segment.birthday, now.astimezone(programme.zone).date())
    if segment.referral is not None:
        yield from _referred(segment.referral)
    if segment.joined is not None:
        yield from _joined(segment.joined, programme)
    if segment.reward_in_reach is not None:
        yield _in_reach(segment.reward_in_reach, programme, now)
    yield from _nested(segment, programme, now)


def _nested(segment: Segment, programme: Programme, now: datetime) -> Iterator[Condition]:
    for several, join in ((segment.all_of, and_), (segment.any_of, or_)):
        if several is not None:
            yield join(*(condition(one, programme, now) for one in several))
    if segment.none_of is not None:
        yield not_(or_(*(condition(one, programme, now) for one in segment.none_of)))


def _joined(joined: Joined, programme: Programme) -> Iterator[Condition]:
    if joined.since is not None:
        yield Member.joined_at >= _midnight(joined.since, programme)
    if joined.before is not None:
        yield Member.joined_at < _midnight(joined.before, programme)


def _some(*where: Condition) -> Exists:
    """Whether there is a row of hers; the statement around it may look at the same tables for its own ends."""
    return exists().where(*where).correlate(Member)


def _points() -> ColumnElement[int]:
    hers = select(Balance.available).where(Balance.member_id == Member.id).correlate(Member).scalar_subquery()
    return func.coalesce(hers, 0)


def _within(value: ColumnElement[int], span: Span) -> Condition:
    low = value >= span.least if span.least is not None else true()
    return and_(low, value <= span.most if span.most is not None else true())


def _bought(ago: Ago, now: datetime) -> Condition:
    def since(days: int) -> Condition:
        return _some(
            Purchase.member_id == Member.id, Purchase.occurred_at > now - timedelta(days=days),
            Purchase.occurred_at <= now, cast(Purchase.paid, Float) > 0,
        )  # fmt: skip

    recently = since(ago.within_days) if ago.within_days is not None else true()
    return and_(recently, ~since(ago.not_within_days) if ago.not_within_days is not None else true())


def _birthday(birthday: Birthday, today: date) -> Condition:
    month, day = extract("month", Member.birthday), extract("day", Member.birthday)
    if birthday.month is not None:
        return and_(Member.birthday.is_not(None), month == birthday.month)
    days: dict[int, set[int]] = {}
    for ahead in range((birthday.next_days or 0) + 1):
        one = today + timedelta(days=ahead)
        days.setdefault(one.month, set()).add(one.day)
        if (one.month, one.day) == (2, 28) and (one + timedelta(days=1)).month == 3:
            days[2].add(29)  # in a year without one, it is kept on the 28th
    near = or_(*(and_(month == number, day.in_(sorted(some))) for number, some in sorted(days.items())))
    return and_(Member.birthday.is_not(None), near)


def _referred(referred: Referred) -> Iterator[Condition]:
    came = _some(Referral.referee_id == Member.id)
    if referred.code_used is not None:
        yield came if referred.code_used else ~came
    brought = select(func.count()).select_from(Referral).where(Referral.referrer_id == Member.id)
    if referred.friends_joined is not None:
        yield _within(_number(brought), referred.friends_joined)
    if referred.friends_converted is not None:
        yield _within(_number(brought.where(_CONVERTED)), referred.friends_converted)
    if referred.never_shared is not None:
        opened = _some(Invite.member_id == Member.id, Invite.opened > 0)
        shared = or_(opened, _some(Referral.referrer_id == Member.id))
        yield ~shared if referred.never_shared else shared


def _number(query: Select[int]) -> ColumnElement[int]:
    return query.correlate(Member).scalar_subquery()


def _in_reach(wanted: bool | str, programme: Programme, now: datetime) -> Condition:
    """By level, the cheapest reward that is on offer; points are compared with that."""
    levels: list[str | None] = [None, *(level.id for level in programme.tiers.levels)] if programme.tiers else [None]
    standing = select(Standing.tier).where(Standing.member_id == Member.id).correlate(Member).scalar_subquery()
    reached: list[Condition] = []
    for level in levels:
        prices = [one.points for one in programme.offered(now, level) if isinstance(wanted, bool) or one.id == wanted]
        if not prices:
            continue
        hers = standing.is_(None) if level is None else standing == level
        reached.append(and_(hers if programme.tiers else true(), _points() >= min(prices)))
    any_ = or_(false(), *reached)
    return not_(any_) if wanted is False else any_


def _midnight(day: date, programme: Programme) -> datetime:
    return datetime.combine(day, time(), tzinfo=programme.zone)
