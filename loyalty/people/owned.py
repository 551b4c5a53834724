"""Locking the member whose something is, whoever that is by then; and whether she may play."""

from datetime import datetime

from sqlalchemy.orm import Session

from loyalty.books.points import Books, open_books
from loyalty.ids import MemberId, ProgrammeId
from loyalty.people.members import lock_kept
from loyalty.tables import Attempt, Claim, Member, Redemption, Spin


def lock_owner(
    session: Session, programme: ProgrammeId, row: Attempt | Claim | Redemption | Spin, *, now: datetime
) -> Books:
    """The books of whose a row is, locked, and the row as it is then.

    If two members are merged while one waits for the lock, the row has another owner afterwards: she is locked too.
    """
    while True:
        books = open_books(session, programme, MemberId(row.member_id), now=now)
        session.refresh(row)
        if row.member_id == books.member:
            return books


def player(session: Session, programme: ProgrammeId, member: Member, *, now: datetime) -> Books:
    """The books of a member, or of whom she was merged into, locked."""
    row = lock_kept(session, MemberId(member.id))
    return Books(session, programme, MemberId(row.id), now)


def may_play(books: Books) -> bool:
    """Whether a locked member is enrolled. Who was erased is not."""
    member = books.session.get_one(Member, books.member, populate_existing=True)
    return member.joined_at is not None and member.erased_at is None
