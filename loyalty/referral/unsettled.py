"""Referrals that something happened to: marked here, under the friend's lock, and settled later for both sides."""

from datetime import datetime

from sqlalchemy import bindparam, exists, func, or_, select, update
from sqlalchemy.orm import Session

from loyalty.ids import MemberId, ProgrammeId
from loyalty.store.sql import execute, table_of
from loyalty.tables import Member, Referral

_REFERRAL, _MEMBER = table_of(Referral), table_of(Member)
_OF_HER = (
    _REFERRAL.c.programme_id
    == select(_MEMBER.c.programme_id).where(_MEMBER.c.id == bindparam("member")).scalar_subquery()
) & (_REFERRAL.c.referee_id == bindparam("member"))
_TOUCH = update(_REFERRAL).where(_OF_HER).values(unsettled=True)
_TOUCH_AT = _TOUCH.where(
    or_(
        _REFERRAL.c.ends_at.is_(None),
        func.coalesce(_REFERRAL.c.converted_at, _REFERRAL.c.ends_at) >= bindparam("happened_at"),
    )
)
_ANY_OPEN = select(exists().where(_REFERRAL.c.programme_id == bindparam("programme"), _REFERRAL.c.unsettled.is_(True)))


def touch(session: Session, member: MemberId, *, at: datetime | None = None) -> None:
    """Note that something happened that may change what is given for bringing this member: she joined, or an order of
    hers was reported or changed. Call it under her lock.

    `at` is when the order was placed: most orders of a member come too late to matter, and cost no settling.
    """
    if at is None:
        execute(session, _TOUCH, {"member": member})
    else:
        execute(session, _TOUCH_AT, {"member": member, "happened_at": at})


def any_unsettled(session: Session, programme: ProgrammeId) -> bool:
    """Whether there is something to settle. One look at an index."""
    return bool(execute(session, _ANY_OPEN, {"programme": programme}).scalar())
