"""Telling who brought somebody that she is there now."""

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from loyalty.ids import MemberId, ProgrammeId
from loyalty.news import Kind, tell
from loyalty.store.sql import execute, table_of
from loyalty.tables import Referral

_REFERRAL = table_of(Referral)
_BY_WHOM = select(_REFERRAL.c.id, _REFERRAL.c.referrer_id).where(
    _REFERRAL.c.programme_id == bindparam("programme"), _REFERRAL.c.referee_id == bindparam("friend")
)


def tell_referrer(session: Session, programme: ProgrammeId, friend: MemberId, *, at: datetime, now: datetime) -> None:
    """Tell who brought a member, if anybody did, that she has joined: once, by whichever came last, code or joining."""
    session.flush()
    found = execute(session, _BY_WHOM, {"programme": programme, "friend": friend}).first()
    if found is not None:
        key, about = f"referral:{found.id}:joined", {"referral": found.id}
        tell(session, programme, MemberId(found.referrer_id), Kind.REFERRAL_JOINED, key=key, about=about, at=at,
             now=now)  # fmt: skip
