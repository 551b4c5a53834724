"""A code that was typed with a slip: whose it probably is."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.codes import near_codes
from loyalty.programme import Programme
from loyalty.tables import Member


def near_code(session: Session, programme: Programme, member: Member, typed: str) -> str | None:
    """The one code, of another member of the programme, that differs from what `member` typed by a single slip."""
    slips = near_codes(typed)
    if not slips:
        return None
    query = select(Member.referral_code).where(
        Member.programme_id == programme.id, Member.referral_code.in_(slips), Member.id != member.id,
        Member.erased_at.is_(None),
    )  # fmt: skip
    found = session.scalars(query.limit(2)).all()
    return str(found[0]) if len(found) == 1 else None
