"""What becomes of referrals when two members are one: as if she had come once, and by her own code never."""

from collections.abc import Set
from datetime import datetime

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.programme import Programme
from loyalty.referral.giving import settle_some
from loyalty.tables import Finding, Referral


def make_one(
    session: Session, programme: Programme, keep: MemberId, other: MemberId, locked: Set[str], *, author: str,
    now: datetime,
) -> None:  # fmt: skip
    """Settle who brought her, before anything is moved: gifts are taken back where they were given.

    Who brought her first stays. A later one would have been refused, so it goes, as does all but one by herself; that
    one stays, rejected. `locked` are the members that are: both, and those who brought them.
    """
    both = (keep, other)
    query = select(Referral).where(Referral.programme_id == programme.id, Referral.referee_id.in_(both))
    rows = sorted(session.scalars(query), key=lambda row: (row.referrer_id in both, row.created_at, row.id))
    for number, row in enumerate(rows):
        if number or row.referrer_id in both:
            _reject(session, programme, row, locked, author=author, now=now)
        if number:
            session.execute(delete(Finding).where(Finding.referral_id == row.id))
            session.delete(row)
        elif row.referrer_id in both:
            _note_self(session, row, keep, now)
    session.flush()


def move(session: Session, keep: MemberId, other: MemberId) -> None:
    """Tell `other`'s referrals of `keep`; all of them are judged again, on what is known of both."""
    for side in (Referral.referrer_id, Referral.referee_id):
        _update(session, side == other, **{side.key: keep})
    hers = or_(Referral.referrer_id == keep, Referral.referee_id == keep)
    _update(session, hers & (Referral.revision.is_not(None) | (Referral.state == "joined")), unsettled=True)


def settle(session: Session, programme: Programme, member: MemberId, locked: Set[str], *, now: datetime) -> None:
    """Settle who brought her by now. Friends of hers are settled by `referrals.settle`, which locks them."""
    brought = select(Referral.id).where(Referral.referee_id == member, Referral.unsettled)
    settle_some(session, programme, list(session.scalars(brought)), locked, now=now)


def _reject(
    session: Session, programme: Programme, row: Referral, locked: Set[str], *, author: str, now: datetime
) -> None:
    row.verdict, row.decided_by, row.unsettled = "reject", author[:200], True
    session.flush()
    settle_some(session, programme, [row.id], locked, now=now)
    session.refresh(row)


def _note_self(session: Session, row: Referral, keep: MemberId, now: datetime) -> None:
    row.state, row.review_due_at = "rejected", None
    session.add(
        Finding(
            programme_id=row.programme_id, referral_id=row.id, name="self", reaction="reject",
            explanation="the friend turned out to be the referrer herself", facts={"member": keep}, at=now,
        )
    )  # fmt: skip


def _update(session: Session, which: ColumnElement[bool], **values: object) -> None:
    session.execute(update(Referral).where(which).values(**values).execution_options(synchronize_session=False))
