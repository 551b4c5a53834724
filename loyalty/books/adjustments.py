"""Corrections by hand: with an author and a reason, once for each key, in the ledger and in the trail."""

from datetime import datetime

from sqlalchemy.orm import Session

from loyalty import trail
from loyalty.books import ledger
from loyalty.books.points import open_books
from loyalty.errors import Conflict, Invalid
from loyalty.ids import Cause, MemberId
from loyalty.programme import Programme

LARGEST = 10**9


def adjust(
    session: Session, programme: Programme, member: MemberId, points: int, *, key: str, author: str, reason: str,
    allow_debt: bool = False, actor: str, now: datetime,
) -> bool:  # fmt: skip
    """Give (or with a negative number take) points. True if this call did it, False if the key was used for it before.

    Raises `Refused("points")` if there are not enough to take, unless a debt is allowed; `Conflict` for another use
    of the key; `Invalid`.
    """
    if points == 0 or abs(points) > LARGEST:
        raise Invalid(f"points is a whole number from -{LARGEST} to {LARGEST}, and not 0", field="points")
    if not author.strip() or not reason.strip():
        raise Invalid("a correction needs an author and a reason", field="author" if not author.strip() else "reason")
    books = open_books(session, programme.id, member, now=now)
    cause = Cause(f"adjustment:{key}")
    known = ledger.find(session, programme.id, cause)
    if known is not None:
        if (known.member_id, known.memo.get("points")) != (member, points):
            raise Conflict(f"the adjustment {key!r} was made before with other content; it stays as it was", field="id")
        return False
    memo = {"points": points, "by": actor}  # author and reason may name people: the trail has them, not the ledger
    books.adjust(
        points, cause=cause, origin=cause, expires_at=programme.earning.expires_at(now, programme.zone),
        allow_debt=allow_debt, memo=memo,
    )  # fmt: skip
    detail = {"points": points, "author": author, "reason": reason, "key": key}
    trail.note(session, programme.id, actor=actor, action="points.adjusted", subject=member, detail=detail, now=now)
    return True
