"""Referrals: who brought whom. A person has one referrer, set once, before her first purchase."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from loyalty.codes import read_code
from loyalty.errors import Refused
from loyalty.ids import MemberId, ProgrammeId, new_id
from loyalty.store.sql import insert_once
from loyalty.tables import Member, Purchase, Referral


def referral_link(public_url: str, code: str) -> str:
    """The address that opens a chat with the code filled in."""
    return f"{public_url.rstrip('/')}/r/{code}"


@dataclass(frozen=True, slots=True)
class ReferralCount:
    """How far somebody's invitations got."""

    joined: int
    converted: int


def enter_code(session: Session, member: Member, typed: str, *, now: datetime) -> None:
    """Note that `member` came by the code she typed.

    Raises `Refused` with reason `code_misspelt` (the check character is wrong), `code_unknown`, `code_own`,
    `code_again` (she has a referrer) or `code_late` (she has bought before).
    """
    code = read_code(typed)
    if code is None:
        raise Refused("code_misspelt", "the code has a typing mistake")
    referrer = session.scalar(
        select(Member).where(Member.programme_id == member.programme_id, Member.referral_code == code)
    )
    if referrer is None:
        raise Refused("code_unknown", "nobody has this code")
    if referrer.id == member.id:
        raise Refused("code_own", "a member cannot refer herself")
    if session.scalar(select(Purchase.id).where(Purchase.member_id == member.id).limit(1)) is not None:
        raise Refused("code_late", "a code counts only before the first purchase")
    row = {
        "id": new_id(), "programme_id": member.programme_id, "referrer_id": referrer.id, "referee_id": member.id,
        "state": "joined", "source": "typed", "created_at": now, "converted_at": None, "unsettled": True,
    }  # fmt: skip
    if not insert_once(session, Referral, row):
        raise Refused("code_again", "the member has a referrer already")


def convert(session: Session, programme: ProgrammeId, member: MemberId, *, now: datetime) -> bool:
    """Note a referred member's first purchase. True the first time."""
    query = select(Referral).where(Referral.programme_id == programme, Referral.referee_id == member)
    referral = session.scalar(query.with_for_update())
    if referral is None or referral.converted_at is not None:
        return False
    referral.state, referral.converted_at = "converted", now
    return True


def referral_count(session: Session, member: MemberId) -> ReferralCount:
    """How many joined by this member's code, and how many of them bought."""
    joined, converted = session.execute(
        select(func.count(Referral.id), func.count(Referral.converted_at)).where(Referral.referrer_id == member)
    ).one()
    return ReferralCount(joined, converted)
