"""What inviting comes to: invited, joined, converted, rewarded, conversion and the K-factor.

- *invited*: how often the referral links were opened, a member's link on a day counted as often as it was opened. A
  link that nobody opened cannot be seen.
- *joined*: friends who entered a code. *converted*: those of them who qualified and were not rejected. *rewarded*:
  those whose rewards were found to be due; what was taken back is not.
- *conversion*: converted friends for each invitation. Friends who typed a code came without a link, so as many
  invitations are counted as friends came, if fewer links were opened.
- *K-factor* = invitations for each member × conversion for each invitation: how many new customers a member brings.
  Above 1 a programme grows by itself.

A cohort is the members who joined the programme in one week (from Monday, in the programme's zone). What they brought
counts from the beginning until `WINDOW` after that week, so that weeks can be compared; before that a cohort is not
complete and its figures still grow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, Integer, and_, bindparam, case, func, literal, select
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from loyalty.codes import read_code
from loyalty.ids import MemberId
from loyalty.programme import Programme
from loyalty.rules.parts import period_start
from loyalty.store.sql import insert_or_add, table_of
from loyalty.tables import Invite, Member, Referral, UtcDateTime

WINDOW = timedelta(days=28)
MOST_WEEKS = 53

_MEMBER = table_of(Member)
_OPENED = select(
    func.coalesce(_MEMBER.c.merged_into, _MEMBER.c.id).label("member_id"),
    bindparam("day", type_=Date()).label("day"),
    _MEMBER.c.programme_id,
    literal(1).label("opened"),
).where(
    _MEMBER.c.programme_id == bindparam("programme"),
    _MEMBER.c.referral_code == bindparam("code"),
    _MEMBER.c.erased_at.is_(None),
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the invitations of some members came to."""

    members: int
    invited: int
    joined: int
    converted: int
    rewarded: int

    @property
    def invitations(self) -> int:
        """Invitations there must have been: links opened, or friends who came, whichever is more."""
        return max(self.invited, self.joined)

    @property
    def conversion(self) -> float:
        """Converted friends for each invitation, from 0 to 1."""
        return self.converted / self.invitations if self.invitations else 0.0

    @property
    def k_factor(self) -> float:
        """Invitations for each member × conversion: new customers for each member."""
        return self.invitations / self.members * self.conversion if self.members else 0.0


@dataclass(frozen=True, slots=True)
class Cohort:
    """The members who joined in a week, by its Monday, and what they brought within the window."""

    week: date
    numbers: Numbers
    complete: bool


def count_opening(session: Session, programme: Programme, code: str, now: datetime) -> bool:
    """Count that a referral link was opened, in one statement. False if nobody has the code."""
    read = read_code(code)
    if read is None:
        return False
    day = now.astimezone(programme.zone).date()
    values = {"programme": programme.id, "code": read, "day": day}
    return insert_or_add(session, Invite, _OPENED, values, key=("member_id", "day"), counter="opened")


def of_member(session: Session, member: MemberId) -> Numbers:
    """What one member's invitations came to so far."""
    opened = session.scalar(select(func.coalesce(func.sum(Invite.opened), 0)).where(Invite.member_id == member))
    friends = session.execute(select(*_friends()).where(Referral.referrer_id == member)).one()
    return Numbers(1, int(opened or 0), *(int(number or 0) for number in friends))


def cohorts(session: Session, programme: Programme, *, weeks: int, now: datetime) -> list[Cohort]:
    """The newest `weeks` weekly cohorts (at most `MOST_WEEKS`), oldest first, the running week included."""
    this_week = period_start("week", now, programme.zone)
    assert this_week is not None  # only `ever` has no beginning
    begins = [this_week - timedelta(weeks=back) for back in reversed(range(min(weeks, MOST_WEEKS)))]
    ends = [_end(begin) for begin in begins]
    week = _of_week(begins, range(len(begins)), Integer())
    end, first_day_after = _of_week(begins, ends, UtcDateTime()), _of_week(begins, [one.date() for one in ends], Date())
    ours = and_(Member.programme_id == programme.id, Member.merged_into.is_(None), Member.joined_at >= begins[0])
    members = session.execute(select(week, func.count()).where(ours).group_by(week))
    invited = session.execute(
        select(week, func.sum(Invite.opened))
        .join(Invite, Invite.member_id == Member.id)
        .where(ours, Invite.day < first_day_after)
        .group_by(week)
    )
    friends = session.execute(
        select(week, *_friends(Referral.converted_at < end))
        .join(Referral, Referral.referrer_id == Member.id)
        .where(ours, Referral.created_at < end)
        .group_by(week)
    )
    by_week = {number: [int(count), 0, 0, 0, 0] for number, count in members}
    for number, opened in invited:
        by_week[number][1] = int(opened)
    for number, *counts in friends:
        by_week[number][2:] = [int(count or 0) for count in counts]
    return [
        Cohort(begin.date(), Numbers(*by_week.get(number, [0] * 5)), now >= ends[number])
        for number, begin in enumerate(begins)
    ]


def total(found: Sequence[Cohort]) -> Numbers:
    """What several cohorts come to together."""
    parts = [cohort.numbers for cohort in found]
    return Numbers(
        sum(part.members for part in parts), sum(part.invited for part in parts), sum(part.joined for part in parts),
        sum(part.converted for part in parts), sum(part.rewarded for part in parts),
    )  # fmt: skip


def _friends(in_time: ColumnElement[bool] | None = None) -> tuple[ColumnElement[int], ...]:
    """Joined, converted and rewarded, of referrals."""
    converted = and_(Referral.converted_at.is_not(None), Referral.state != "rejected")
    rewarded = Referral.state == "rewarded"
    if in_time is not None:
        converted, rewarded = and_(converted, in_time), and_(rewarded, in_time)
    return func.count(), func.sum(case((converted, 1), else_=0)), func.sum(case((rewarded, 1), else_=0))


def _of_week(begins: Sequence[datetime], values: Sequence[Any], type_: TypeEngine[Any]) -> ColumnElement[Any]:
    """What belongs to the week in which a member joined."""
    weeks = reversed(list(zip(begins, values, strict=True)))  # the newest that had begun
    return case(*((Member.joined_at >= begin, literal(value, type_)) for begin, value in weeks))


def _end(begin: datetime) -> datetime:
    return begin + timedelta(weeks=1) + WINDOW
