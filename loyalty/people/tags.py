"""Tags: words that the business knows members by, to single them out for campaigns."""

import re
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from loyalty.errors import Invalid
from loyalty.store.sql import insert_once
from loyalty.tables import Member, MemberTag

MOST = 50
"""Tags that a member may have."""
_FORM = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def read_tag(text: str) -> str:
    """A tag as it is kept. Raises `Invalid`."""
    tag = text.strip().lower()
    if not _FORM.fullmatch(tag):
        raise Invalid(f"{text[:40]!r} is no tag: small letters, digits, - and _, at most 64", field="tags")
    return tag


def tag_member(
    session: Session, member: Member, *, add: Iterable[str] = (), remove: Iterable[str] = (), now: datetime
) -> list[str]:
    """Give a member tags, and take some away. Returns those she has then. Raises `Invalid`."""
    for tag in sorted({read_tag(one) for one in add}):
        row = {"member_id": member.id, "tag": tag, "programme_id": member.programme_id, "created_at": now}
        insert_once(session, MemberTag, row)
    gone = sorted({read_tag(one) for one in remove})
    if gone:
        session.execute(
            delete(MemberTag)
            .where(MemberTag.member_id == member.id, MemberTag.tag.in_(gone))
            .execution_options(synchronize_session=False)
        )
    found = tags_of(session, member.id)
    if len(found) > MOST:
        raise Invalid(f"a member has at most {MOST} tags", field="tags")
    return found


def tags_of(session: Session, member: str) -> list[str]:
    """The tags of a member, by name."""
    return list(session.scalars(select(MemberTag.tag).where(MemberTag.member_id == member).order_by(MemberTag.tag)))
