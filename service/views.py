"""A member as `/v1` shows her."""

from datetime import datetime
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.books.overview import points_of
from loyalty.codes import show_code
from loyalty.ids import MemberId
from loyalty.levels.status import GoalStatus, LevelStatus, status
from loyalty.people.members import Kind
from loyalty.programme import Language, Programme
from loyalty.referral.referrals import referral_count, referral_link
from loyalty.tables import Identity, Member, Voucher
from service.schemas.members import GoalOut, MemberOut, PointsOut, ReferralOut, TierOut, VoucherOut

VOUCHERS = 100
"""The newest are shown."""


def view_of(session: Session, programme: Programme, member: Member, public_url: str, now: datetime) -> MemberOut:
    """A member with her points, level, goals, invitations and vouchers."""
    id_, language = MemberId(member.id), cast(Language, member.language)
    identities = session.execute(select(Identity.kind, Identity.value).where(Identity.member_id == id_))
    known = {kind: value for kind, value in identities}  # noqa: C416 -- rows are no tuples to the type checker
    count = referral_count(session, id_)
    stands = status(session, programme, id_, now=now)
    return MemberOut(
        id=member.id,
        programme=programme.id,
        phone=known.get(Kind.PHONE),
        user_id=known.get(Kind.USER),
        name=member.name,
        language=member.language,
        joined_at=member.joined_at,
        marketing_opt_in=member.marketing_opt_in,
        points=PointsOut.model_validate(points_of(session, id_), from_attributes=True),
        tier=_tier(stands.level, language),
        referral=ReferralOut(
            code=show_code(member.referral_code),
            link=referral_link(public_url, member.referral_code),
            joined=count.joined,
            converted=count.converted,
        ),
        vouchers=_vouchers(session, id_),
        badges=[badge.goal.id for badge in stands.badges if badge.reached_at is not None],
        challenges=[_goal(goal, language) for goal in stands.challenges],
        goals=[_goal(goal, language) for goal in (*stands.badges, *stands.milestones, *stands.streaks)],
    )


def _vouchers(session: Session, member: MemberId) -> list[VoucherOut]:
    query = select(Voucher).where(Voucher.member_id == member).order_by(Voucher.created_at.desc()).limit(VOUCHERS)
    return [
        VoucherOut(
            code=show_code(voucher.code), reward=voucher.reward_id, status=voucher.status, expires_at=voucher.expires_at
        )
        for voucher in session.scalars(query)
    ]


def _tier(stands: LevelStatus | None, language: Language) -> TierOut:
    if stands is None:
        return TierOut(id=None, progress=None, next=None)
    return TierOut(
        id=stands.level.id if stands.level else None,
        progress=stands.value,
        next=stands.next.id if stands.next else None,
        missing=stands.missing if stands.next else None,
        kept_until=stands.kept_until,
        benefits=[benefit[language] for benefit in stands.level.benefits] if stands.level else [],
    )


def _goal(found: GoalStatus, language: Language) -> GoalOut:
    progress = found.progress
    return GoalOut(
        id=found.goal.id, name=found.goal.name[language], kind=found.goal.key.partition(":")[0], have=progress.have,
        need=progress.need, missing=progress.missing, ends_at=progress.ends_at, done=found.done,
        reached_at=found.reached_at,
    )  # fmt: skip
