"""Reading members by the thousand: who they are, how they are reached, and what of them may stand in a message."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience import Segment
from campaigns.selecting import condition
from conversation.leaving.outbox import MARKETING
from conversation.tables import Conversation, OutboxRow
from loyalty.ids import ProgrammeId
from loyalty.programme import Programme
from loyalty.rules.parts import Language, last_day
from loyalty.tables import Balance, Consent, Identity, Member, Standing, Voucher

Params = Mapping[str, str | int]
WEEK = timedelta(days=7)
_VOUCHER = frozenset({"voucher", "voucher_reward", "voucher_until"})


@dataclass(frozen=True, slots=True)
class Somebody:
    """A member as campaigns look at her."""

    id: str
    language: str
    phone: str | None
    user_id: str | None
    wants_offers: bool
    excluded: str | None
    """Why she cannot be written to at all; None if nothing is in the way."""
    promoted: int
    """How many promotional messages she had in the last seven days, or is to have."""
    known: Params = field(default_factory=dict)
    """Of the fields that were asked for, those that are known of her."""


def chunk(
    session: Session, programme: Programme, segment: Segment, fields: Collection[str], *, after: str, limit: int,
    now: datetime, marketing: bool = True,
) -> list[Somebody]:  # fmt: skip
    """The next members of a segment by id, up to `limit`. Who cannot be written to comes along, with the reason."""
    rows = session.execute(
        _columns()
        .where(
            Member.programme_id == programme.id, Member.id > after, Member.joined_at.is_not(None),
            condition(segment, programme, now),
        )
        .order_by(Member.id)
        .limit(limit)
    ).all()  # fmt: skip
    return _somebodies(session, programme, rows, fields, now, marketing)


def one_of(
    session: Session, programme: Programme, member: str, fields: Collection[str], now: datetime, *, marketing: bool
) -> Somebody:
    """A single member, for a test."""
    rows = session.execute(_columns().where(Member.id == member)).all()
    return _somebodies(session, programme, rows, fields, now, marketing)[0]


def _columns() -> Any:
    return (
        select(
            Member.id, Member.name, Member.language, Member.marketing_opt_in, Member.erased_at, Member.merged_into,
            Member.referral_code, Conversation.member_id.label("chat"), Conversation.phone, Conversation.user_id,
            Conversation.last_heard_at, Conversation.unreachable_at, Balance.available, Standing.tier,
        )
        .outerjoin(Conversation, Conversation.member_id == Member.id)
        .outerjoin(Balance, Balance.member_id == Member.id)
        .outerjoin(Standing, Standing.member_id == Member.id)
    )  # fmt: skip


def _somebodies(
    session: Session, programme: Programme, rows: Sequence[Any], fields: Collection[str], now: datetime, marketing: bool
) -> list[Somebody]:
    ways = _ways(session, [row.id for row in rows if row.chat is None])
    withdrawn = _withdrawn(session, [row.id for row in rows if not row.marketing_opt_in]) if marketing else set()
    promoted = _promoted(session, [row.id for row in rows], now) if marketing else {}
    vouchers = _vouchers(session, programme.id, [row.id for row in rows], now) if _VOUCHER & set(fields) else {}
    found = []
    for row in rows:
        phone, user_id = (row.phone, row.user_id) if row.chat is not None else ways.get(row.id, (None, None))
        found.append(
            Somebody(
                row.id, row.language, phone, user_id, row.marketing_opt_in,
                _excluded(row, phone or user_id, row.id in withdrawn, marketing), promoted.get(row.id, 0),
                _known(row, programme, fields, vouchers.get(row.id), now),
            )
        )  # fmt: skip
    return found


def _excluded(row: Any, way: str | None, withdrawn: bool, marketing: bool) -> str | None:
    if row.erased_at is not None:
        return "erased"
    if row.merged_into is not None:
        return "merged"
    if marketing and not row.marketing_opt_in:
        return "opted_out" if withdrawn else "no_consent"
    if way is None:
        return "no_way_to_reach"
    heard, failed = row.last_heard_at, row.unreachable_at
    return "unreachable" if failed is not None and (heard is None or heard <= failed) else None


def _ways(session: Session, members: Sequence[str]) -> dict[str, tuple[str | None, str | None]]:
    """Phone and user id of those who have not written yet: imported customers are known by their phone."""
    found: dict[str, tuple[str | None, str | None]] = {}
    if not members:
        return found
    query = select(Identity.member_id, Identity.kind, Identity.value).where(
        Identity.member_id.in_(members), Identity.kind.in_(("phone", "user"))
    )
    for member, kind, value in session.execute(query.order_by(Identity.id)):
        phone, user = found.get(member, (None, None))
        found[member] = (phone or value, user) if kind == "phone" else (phone, user or value)
    return found


def _withdrawn(session: Session, members: Sequence[str]) -> set[str]:
    if not members:
        return set()
    query = select(Consent.member_id).where(
        Consent.member_id.in_(members), Consent.purpose == MARKETING, Consent.given.is_(False)
    )
    return set(session.scalars(query))


def _promoted(session: Session, members: Sequence[str], now: datetime) -> dict[str, int]:
    if not members:
        return {}
    query = (
        select(OutboxRow.member_id, func.count())
        .where(
            OutboxRow.member_id.in_(members), OutboxRow.category == MARKETING,
            OutboxRow.state.in_(("waiting", "sending", "unsure", "sent", "delivered", "read")),
            OutboxRow.key.like("%/0"), OutboxRow.updated_at > now - WEEK,
        )
        .group_by(OutboxRow.member_id)
    )  # fmt: skip
    return {row[0]: row[1] for row in session.execute(query)}


def _vouchers(
    session: Session, programme: ProgrammeId, members: Sequence[str], now: datetime
) -> dict[str, tuple[str, str, datetime | None]]:
    """Of each member the voucher that ends first: code, what it is for, when it ends."""
    query = (
        select(Voucher.member_id, Voucher.code, Voucher.reward_name, Voucher.expires_at)
        .where(Voucher.programme_id == programme, Voucher.member_id.in_(members), Voucher.status == "issued")
        .order_by(Voucher.expires_at.is_(None), Voucher.expires_at, Voucher.id)
    )
    found: dict[str, tuple[str, str, datetime | None]] = {}
    for member, code, reward, expires_at in session.execute(query):
        if expires_at is None or expires_at > now:
            found.setdefault(member, (code, reward, expires_at))
    return found


def _known(
    row: Any, programme: Programme, fields: Collection[str], voucher: tuple[str, str, datetime | None] | None,
    now: datetime,
) -> Params:  # fmt: skip
    language: Language = row.language
    available = row.available or 0
    known: dict[str, str | int | None] = {}
    if {"missing", "next_reward"} & set(fields):
        following = programme.next_reward(available, now, row.tier)
        if following is not None:
            known |= {"missing": following.points - available, "next_reward": following.name[language]}
    if "tier" in fields and row.tier is not None and programme.tiers is not None:
        level = next((level for level in programme.tiers.levels if level.id == row.tier), None)
        known["tier"] = level.name[language] if level is not None else None
    if voucher is not None:
        code, reward, expires_at = voucher
        known |= {"voucher": code, "voucher_reward": reward}
        if expires_at is not None:
            known["voucher_until"] = last_day(expires_at, programme.zone).isoformat()
    known |= {
        "name": row.name, "available": available, "referral_code": row.referral_code, "programme": programme.name,
    }  # fmt: skip
    return {name: value for name in fields if (value := known.get(name)) is not None}
