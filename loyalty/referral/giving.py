"""Bringing the gifts of referrals in line with what they were judged to be worth: by difference, each change once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from dateutil.relativedelta import relativedelta
from sqlalchemy import and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from loyalty.books.points import Books, open_books
from loyalty.ids import Cause, MemberId, ReferralId, new_id
from loyalty.levels import progress
from loyalty.news import Kind, tell
from loyalty.orders.earned import settle_level
from loyalty.programme import Programme
from loyalty.referral.cases import Case, Side, is_history, judge, open_case
from loyalty.referral.qualifying import State
from loyalty.revisions import rules_of
from loyalty.rewards import gifts
from loyalty.rewards.gifts import Given
from loyalty.rules.parts import period_start
from loyalty.store.sql import execute, table_of
from loyalty.tables import Member, Referral

KIND = "referral"
SIDES: tuple[Side, ...] = ("friend", "referrer")

_REFERRAL = table_of(Referral)
_LATER = select(_REFERRAL.c.id, _REFERRAL.c.revision).where(
    _REFERRAL.c.referrer_id == bindparam("referrer"),
    _REFERRAL.c.state == "rewarded",
    _REFERRAL.c.converted_at >= bindparam("begin"),
    _REFERRAL.c.converted_at < bindparam("end"),
)
_OPEN_AGAIN = update(_REFERRAL).where(_REFERRAL.c.id.in_(bindparam("ids", expanding=True))).values(unsettled=True)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a referral. `referrer` and `friend` hold what these were given just now and had not before."""

    referral: ReferralId
    referrer_id: MemberId
    friend_id: MemberId
    before: State
    after: State
    referrer: Given | None = None
    friend: Given | None = None
    taken_back: tuple[Side, ...] = ()


def settle_some(
    session: Session, programme: Programme, ids: Collection[str], locked: Collection[str], *, now: datetime
) -> list[Settled]:
    """Settle those of the referrals that are unsettled and whose members the caller has locked (`ledger.lock_all`)."""
    opened = [open_case(session, programme, row) for row in _claimed(session, ids, frozenset(locked))]
    cases = [case for case in opened if not is_history(case.row)]
    for case in cases:
        judge(session, programme, case, now)
    session.flush()
    _reward(session, programme, cases, now)
    _displace(session, programme, cases)
    for case in cases:
        _announce(session, programme, case, now)
    return [_told(case) for case in opened]


def _claimed(session: Session, ids: Collection[str], locked: frozenset[str]) -> list[Referral]:
    """The open ones, marked as settled before anything is read: what is told from now on opens them again."""
    session.flush()
    query = (
        select(Referral)
        .where(Referral.id.in_(ids), Referral.unsettled)
        .order_by(Referral.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    rows = [row for row in session.scalars(query) if {row.referrer_id, row.referee_id} <= locked]
    for row in rows:
        row.unsettled = False
    session.flush()
    return rows


def _reward(session: Session, programme: Programme, cases: list[Case], now: datetime) -> None:
    """Give and take what is due, one member after the other."""
    due = [(case, side, _is_due(session, programme, case, side)) for case in cases for side in SIDES]
    progressed = {case.member("referrer") for case in cases if case.counts != case.counted_before}
    members = {case.member(side) for case, side, _ in due} | progressed
    for member in sorted(members):
        if session.get_one(Member, member).erased_at is not None:
            continue  # she gets nothing any more, and owes nothing
        books = open_books(session, programme.id, member, now=now)
        for case, side, wanted in due:
            if case.member(side) == member:
                _bring_in_line(books, case, side, wanted)
        for case in (one for one in cases if one.member("referrer") == member and one.counts != one.counted_before):
            since = min(at for at in (case.counts, case.counted_before) if at is not None)
            settle_level(books, programme, "referrals", since, cause=Cause(f"referral:{case.row.id}:level:{new_id()}"))
        if member in progressed:
            progress.update(books, programme)
    session.flush()


def _bring_in_line(books: Books, case: Case, side: Side, wanted: bool) -> None:
    gift, had = case.gift(side), case.has(side)
    origin, memo = f"referral:{case.row.id}:{side}", {"referral": case.row.id}
    if had and (not wanted or case.moved):
        gifts.take_away(books, case.rules, origin=origin, cause=_cause(case, side), kind=KIND, memo=memo)
        case.note(side, given=False)
        if not wanted:
            case.taken.append(side)
    if wanted and gift is not None and not case.has(side):
        assert case.row.converted_at is not None  # nothing is due before
        given = gifts.give(
            books, case.rules, gift, origin=origin, cause=_cause(case, side), kind=KIND,
            occurred_at=case.row.converted_at, activates_at=case.activates_at, memo=memo,
        )  # fmt: skip
        case.note(side, given=True)
        if not had:
            case.given[side] = given


def _cause(case: Case, side: Side) -> Cause:
    case.row.changes += 1
    return Cause(f"referral:{case.row.id}:{side}:{case.row.changes}")


def _is_due(session: Session, programme: Programme, case: Case, side: Side) -> bool:
    if case.row.state != "rewarded" or case.gift(side) is None:
        return False
    most = case.rules.referral.a_month
    return side == "friend" or most is None or _earlier_in_month(session, programme, case.row) < most


def _earlier_in_month(session: Session, programme: Programme, row: Referral) -> int:
    """How many of the referrer's friends of the same month qualified before this one."""
    assert row.converted_at is not None  # it is rewarded
    query = select(func.count()).where(
        Referral.referrer_id == row.referrer_id,
        Referral.state == "rewarded",
        Referral.rewarded_at.is_not(None),
        Referral.converted_at >= period_start("month", row.converted_at, programme.zone),
        or_(
            Referral.converted_at < row.converted_at,
            and_(Referral.converted_at == row.converted_at, Referral.id < row.id),
        ),
    )
    return session.scalar(query) or 0


def _displace(session: Session, programme: Programme, cases: list[Case]) -> None:
    """Where a friend came to count or ceased to, have the referrer's later ones of that month looked at again: their
    monthly limit may fall on others now."""
    settled = {case.row.id for case in cases}
    for case in cases:
        if case.counts == case.counted_before:
            continue
        for moment in filter(None, (case.counts, case.counted_before)):
            month = period_start("month", moment, programme.zone)
            assert month is not None  # only `ever` has no beginning
            span = {"referrer": case.row.referrer_id, "begin": moment, "end": month + relativedelta(months=1)}
            limited = [
                row.id
                for row in execute(session, _LATER, span)
                if row.id not in settled and rules_of(session, programme, row.revision).referral.a_month is not None
            ]
            if limited:
                execute(session, _OPEN_AGAIN, {"ids": limited})


def _announce(session: Session, programme: Programme, case: Case, now: datetime) -> None:
    """Tell both sides what they got. What a person released has happened then, however old the order is."""
    row = case.row
    for side, given in case.given.items():
        at = row.converted_at if row.decided_by is None else now
        waits = case.activates_at is not None and case.activates_at > now
        about = {
            "referral": row.id, "side": side, "points": given.points,
            "available_from": case.activates_at.isoformat() if waits and case.activates_at else None,
        }  # fmt: skip
        tell(
            session, programme.id, case.member(side), Kind.REFERRAL_REWARDED, key=f"referral:{row.id}:{side}:rewarded",
            about=about, at=at or now, now=now,
        )  # fmt: skip


def _told(case: Case) -> Settled:
    row = case.row
    return Settled(
        ReferralId(row.id), case.member("referrer"), case.member("friend"), case.before, cast(State, row.state),
        case.given.get("referrer"), case.given.get("friend"), tuple(case.taken),
    )  # fmt: skip
