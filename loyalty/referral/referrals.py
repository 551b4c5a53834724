"""Referrals: who brought whom. A person has one referrer, set once, before her first purchase."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, and_, case, func, select, update
from sqlalchemy.orm import Session, aliased

from loyalty.books import ledger
from loyalty.codes import read_code
from loyalty.errors import Refused
from loyalty.ids import MemberId, ProgrammeId, new_id
from loyalty.people.members import kept
from loyalty.programme import Programme
from loyalty.referral.announcing import tell_referrer
from loyalty.referral.giving import Settled, settle_some
from loyalty.referral.qualifying import window_end
from loyalty.referral.unsettled import any_unsettled, touch
from loyalty.store.sql import insert_once
from loyalty.tables import Balance, Member, Purchase, Referral

Source = Literal["typed", "link", "checkout", "ad"]
"""How a code came: typed in the chat, by a referral link, with a shop's order, by an advertisement."""

__all__ = ["ReferralCount", "any_unsettled", "due", "enter_code", "referral_count", "referral_link", "settle", "touch"]


@dataclass(frozen=True, slots=True)
class ReferralCount:
    """How far somebody's invitations got."""

    joined: int
    converted: int


def referral_link(public_url: str, code: str) -> str:
    """The address that opens a chat with the code filled in."""
    return f"{public_url.rstrip('/')}/r/{code}"


def enter_code(
    session: Session, programme: Programme, member: Member, typed: str, *, source: Source = "typed", now: datetime,
    at: datetime | None = None,
) -> None:  # fmt: skip
    """Note that `member` came by a code. `at` is when, if not now: of a checkout, the time of the order that has it.

    The order at a checkout is the friend's first one, not one before; elsewhere any order that is known is.
    Raises `Refused` with reason `code_misspelt` (the check character is wrong), `code_unknown`, `code_own`,
    `code_again` (she has a referrer), `code_customer` (the business knew her before, or she joined longer ago than
    codes count) or `code_late` (she has bought before).
    """
    at = now if at is None else min(at, now)
    referrer = _referrer(session, programme, typed)
    id_ = MemberId(member.id)
    ledger.lock(session, id_)  # what she buys this moment comes before or after
    session.refresh(member)
    if referrer.id == member.id:
        raise Refused("code_own", "a member cannot refer herself")
    if session.scalar(select(Referral.id).where(_brought(programme.id, id_))) is not None:
        raise Refused("code_again", "the member has a referrer already")
    if _is_customer(programme, member, at):
        raise Refused("code_customer", "the member was here before she got the code")
    bought = select(Purchase.id).where(Purchase.member_id == id_)
    if source == "checkout":
        bought = bought.where(Purchase.occurred_at < at)
    if session.scalar(bought.limit(1)) is not None:
        raise Refused("code_late", "a code counts only before the first purchase")
    row = {
        "id": new_id(), "programme_id": programme.id, "referrer_id": referrer.id, "referee_id": id_, "state": "joined",
        "source": source, "revision": programme.revision, "created_at": at,
        "ends_at": window_end(programme.referral, at), "converted_at": None, "rewarded_at": None,
        "referrer_given": False, "friend_given": False, "changes": 0, "unsettled": True,
    }  # fmt: skip
    if not insert_once(session, Referral, row):
        raise Refused("code_again", "the member has a referrer already")
    if member.joined_at is not None:
        tell_referrer(session, programme.id, id_, at=at, now=now)


def settle(session: Session, programme: Programme, *, now: datetime, limit: int = 50) -> list[Settled]:
    """Bring up to `limit` unsettled referrals in line: judge them, give or take back what both sides get.

    Members who are busy in another transaction are left for the next call, so this waits for nobody, may run in any
    number of processes at once, and finds nothing left to do (`[]`) or something that is being done elsewhere.
    """
    done: list[Settled] = []
    while len(done) < limit:
        members, ids = _claim(session, programme.id, limit - len(done))
        settled = settle_some(session, programme, ids, members, now=now)
        if not settled:
            break
        done += settled
    return done


def due(session: Session, programme: Programme, now: datetime) -> int:
    """The part of `tick`: windows that are over, and what was left unsettled. Returns how many referrals it settled."""
    session.execute(
        update(Referral)
        .where(Referral.programme_id == programme.id, Referral.state == "joined", Referral.ends_at < now)
        .values(unsettled=True)
        .execution_options(synchronize_session=False)
    )
    return len(settle(session, programme, now=now))


def referral_count(session: Session, member: MemberId) -> ReferralCount:
    """How many joined by this member's code, and how many of them qualified; those who were rejected did not."""
    converted = case((Referral.state != "rejected", Referral.converted_at))
    joined, qualified = session.execute(
        select(func.count(Referral.id), func.count(converted)).where(Referral.referrer_id == member)
    ).one()
    return ReferralCount(joined, qualified)


def _referrer(session: Session, programme: Programme, typed: str) -> Member:
    code = read_code(typed)
    if code is None:
        raise Refused("code_misspelt", "the code has a typing mistake")
    query = select(Member).where(Member.programme_id == programme.id, Member.referral_code == code)
    found = session.scalar(query)
    referrer = kept(session, found) if found is not None else None
    if referrer is None or referrer.erased_at is not None:
        raise Refused("code_unknown", "nobody has this code")
    return referrer


def _brought(programme: ProgrammeId, friend: MemberId) -> ColumnElement[bool]:
    return and_(Referral.programme_id == programme, Referral.referee_id == friend)


def _is_customer(programme: Programme, member: Member, at: datetime) -> bool:
    """Whether nobody can have brought her: the business knew her, or she joined long before she had the code."""
    window = timedelta(days=programme.referral.window_days)
    return member.customer_before or (member.joined_at is not None and member.joined_at + window < at)


def _claim(session: Session, programme: ProgrammeId, limit: int) -> tuple[set[MemberId], list[str]]:
    """Unsettled referrals, oldest first, whose members could both be locked at once; those members, and the ids."""
    session.flush()
    referrer, friend = aliased(Balance), aliased(Balance)
    query = (
        select(Referral.id, Referral.referrer_id, Referral.referee_id)
        .join(referrer, referrer.member_id == Referral.referrer_id)
        .join(friend, friend.member_id == Referral.referee_id)
        .where(Referral.programme_id == programme, Referral.unsettled)
        .order_by(Referral.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=[referrer, friend])
    )
    found = session.execute(query).all()
    members = {MemberId(member) for row in found for member in (row.referrer_id, row.referee_id)}
    ledger.lock_all(session, members)  # their chains as well: from here on nobody is waited for
    return members, [row.id for row in found]
