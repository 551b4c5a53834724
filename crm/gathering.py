"""Cards of many members, in five statements however many they are."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, bindparam, case, func, select
from sqlalchemy.orm import Session

from crm.card import Card
from loyalty.codes import show_code
from loyalty.ids import MemberId, ProgrammeId
from loyalty.people.members import Kind
from loyalty.programme import Programme
from loyalty.referral.referrals import referral_link
from loyalty.store.sql import table_of
from loyalty.tables import Award, Balance, Identity, Member, Referral, Standing, Voucher

MOST = 500
"""Members asked for at once: SQLite takes so many values in a statement, and memory stays flat."""

_MEMBER, _BALANCE, _STANDING, _VOUCHER = table_of(Member), table_of(Balance), table_of(Standing), table_of(Voucher)
_IDENTITY, _REFERRAL, _AWARD = table_of(Identity), table_of(Referral), table_of(Award)
_WHO: BindParameter[Any] = bindparam("members", expanding=True)
_PEOPLE = (
    select(
        _MEMBER.c.id, _MEMBER.c.programme_id, _MEMBER.c.name, _MEMBER.c.language, _MEMBER.c.referral_code,
        _MEMBER.c.marketing_opt_in, _MEMBER.c.joined_at, _MEMBER.c.erased_at, _MEMBER.c.merged_into,
        _BALANCE.c.available, _BALANCE.c.pending, _BALANCE.c.lifetime, _STANDING.c.tier,
    )
    .outerjoin(_BALANCE, _BALANCE.c.member_id == _MEMBER.c.id)
    .outerjoin(_STANDING, _STANDING.c.member_id == _MEMBER.c.id)
    .where(_MEMBER.c.id.in_(_WHO))
)  # fmt: skip
_PHONES = (
    select(_IDENTITY.c.member_id, _IDENTITY.c.value)
    .where(_IDENTITY.c.member_id.in_(_WHO), _IDENTITY.c.kind == str(Kind.PHONE))
    .order_by(_IDENTITY.c.id.desc())
)
_FRIENDS = (
    select(
        _REFERRAL.c.referrer_id, func.count().label("joined"),
        func.count(case((_REFERRAL.c.state != "rejected", _REFERRAL.c.converted_at))).label("converted"),
    )
    .where(_REFERRAL.c.referrer_id.in_(_WHO))
    .group_by(_REFERRAL.c.referrer_id)
)  # fmt: skip
_NEWEST = (
    select(func.max(_VOUCHER.c.id))
    .where(_VOUCHER.c.member_id.in_(_WHO), _VOUCHER.c.status != "revoked")
    .group_by(_VOUCHER.c.member_id)
)
_REWARDS = select(_VOUCHER.c.member_id, _VOUCHER.c.reward_name, _VOUCHER.c.created_at).where(_VOUCHER.c.id.in_(_NEWEST))
_BADGES = (
    select(_AWARD.c.member_id, func.count())
    .where(_AWARD.c.member_id.in_(_WHO), _AWARD.c.state == "held", _AWARD.c.goal.like("badge:%"))
    .group_by(_AWARD.c.member_id)
)


def cards_of(
    session: Session, programmes: Mapping[ProgrammeId, Programme], members: Iterable[MemberId], public_url: str
) -> dict[MemberId, Card | None]:
    """The card of each member; None for who is no member (any more): erased, merged into another, never enrolled.

    Members of programmes that are not in force are left out.
    """
    wanted, found = list(dict.fromkeys(members)), {}
    session.flush()
    for start in range(0, len(wanted), MOST):
        found.update(_some(session, programmes, wanted[start : start + MOST], public_url))
    return found


def _some(
    session: Session, programmes: Mapping[ProgrammeId, Programme], members: Sequence[MemberId], public_url: str
) -> dict[MemberId, Card | None]:
    who = {"members": members}
    connection = session.connection()
    people = connection.execute(_PEOPLE, who).all()
    phones = {row[0]: row[1] for row in connection.execute(_PHONES, who)}
    friends = {row[0]: row for row in connection.execute(_FRIENDS, who)}
    rewards = {row[0]: row for row in connection.execute(_REWARDS, who)}
    badges = {row[0]: row[1] for row in connection.execute(_BADGES, who)}
    found: dict[MemberId, Card | None] = {}
    for row in people:
        programme = programmes.get(ProgrammeId(row.programme_id))
        if programme is None:
            continue
        gone = row.erased_at is not None or row.merged_into is not None or row.joined_at is None
        found[MemberId(row.id)] = None if gone else _card(
            programme, row, phones.get(row.id), friends.get(row.id), rewards.get(row.id), badges.get(row.id, 0),
            public_url,
        )  # fmt: skip
    return found


def _card(
    programme: Programme, row: Any, phone: str | None, friends: Any, reward: Any, badges: int, public_url: str
) -> Card:
    level = programme.tiers.level(row.tier) if programme.tiers is not None else None
    return Card(
        member=MemberId(row.id),
        programme=programme.id,
        phone=phone,
        name=row.name,
        language=row.language,
        points=row.available or 0,
        pending=row.pending or 0,
        lifetime=row.lifetime or 0,
        tier=level.id if level is not None else None,
        tier_name=level.name[programme.language] if level is not None else None,
        referral_code=show_code(row.referral_code),
        referral_link=referral_link(public_url, row.referral_code),
        friends_joined=friends.joined if friends is not None else 0,
        friends_converted=friends.converted if friends is not None else 0,
        last_reward=reward.reward_name if reward is not None else None,
        last_reward_on=reward.created_at.astimezone(programme.zone).date() if reward is not None else None,
        badges=badges,
        marketing=bool(row.marketing_opt_in),
        joined_on=row.joined_at.astimezone(programme.zone).date(),
    )
