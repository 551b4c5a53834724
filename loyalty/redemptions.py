"""Redemption: points are held for a reward, then confirmed (a voucher comes out) or voided. Each happens once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from loyalty.codes import VOUCHER_SIGNS, new_code
from loyalty.errors import Conflict, Refused
from loyalty.ids import Cause, MemberId, RedemptionId, RewardId, new_id
from loyalty.points import open_books
from loyalty.programme import VOUCHER_DAYS, Language, Programme, Reward, end_of_day
from loyalty.tables import Balance, Member, Redemption, Voucher

HOLD = timedelta(minutes=15)
"""How long points stay set aside for somebody who does not come back."""


@dataclass(frozen=True, slots=True)
class Issued:
    """The voucher a redemption gave."""

    code: str
    reward: RewardId
    points: int
    expires_at: datetime | None
    available: int


def hold(
    session: Session, programme: Programme, member: Member, reward: RewardId, *, key: str, now: datetime
) -> RedemptionId:
    """Set the points of a reward aside. `key` is the caller's; the same key gives the same redemption.

    Raises `Refused` with reason `not_joined`, `gone` (no such reward) or `points` (with `missing`).
    """
    books = open_books(session, programme.id, MemberId(member.id), now=now)
    known = session.scalar(select(Redemption).where(Redemption.programme_id == programme.id, Redemption.key == key))
    if known is not None:
        if (known.member_id, known.reward_id) != (member.id, reward):
            raise Conflict(f"the redemption key {key!r} was used for something else")
        return RedemptionId(known.id)
    offered = _offered(programme, member, reward)
    redemption = RedemptionId(new_id())
    books.hold(offered.points, cause=_hold_cause(redemption), memo={"reward": reward})  # first: it may refuse
    row = Redemption(
        id=redemption, programme_id=programme.id, member_id=member.id, key=key, reward_id=reward, points=offered.points,
        state="held", created_at=now, expires_at=now + HOLD, settled_at=None, cost=Decimal(0),
    )  # fmt: skip
    session.add(row)
    session.flush()
    return redemption


def confirm(
    session: Session, programme: Programme, redemption: RedemptionId, *, language: Language, now: datetime
) -> Issued:
    """Redeem what is held and issue the voucher; asked again, the same one. `Refused("over")` after a void."""
    row = session.get_one(Redemption, redemption)
    books = open_books(session, programme.id, MemberId(row.member_id), now=now)
    if not _settle(session, row, "confirmed", now):
        if row.state != "confirmed":
            raise Refused("over", "the redemption was voided before it was confirmed")
        return _issued(session, row)
    reward = programme.reward(row.reward_id)
    name = reward.name[language] if reward else row.reward_id
    days = timedelta(days=reward.voucher_days if reward else VOUCHER_DAYS)
    expires_at = end_of_day(now.astimezone(programme.zone) + days)
    books.settle(_hold_cause(row.id), cause=Cause(f"redeem:{row.id}"), spent=True, memo={"reward": row.reward_id})
    session.add(
        Voucher(
            id=new_id(), programme_id=programme.id, member_id=row.member_id, redemption_id=row.id,
            origin=f"redeem:{row.id}", reward_id=row.reward_id, reward_name=name, code=new_code(VOUCHER_SIGNS),
            kind=reward.kind if reward else "product", value=reward.value if reward else None,
            minimum=reward.minimum if reward else Decimal(0), cost=Decimal(0), uses=reward.uses if reward else 1,
            used=0, status="issued", created_at=now, expires_at=expires_at, used_at=None,
        )
    )  # fmt: skip
    session.flush()
    return _issued(session, row)


def void(session: Session, programme: Programme, redemption: RedemptionId, *, now: datetime) -> bool:
    """Give the held points back. True if this call did it, False if the redemption was settled before."""
    row = session.get_one(Redemption, redemption)
    books = open_books(session, programme.id, MemberId(row.member_id), now=now)
    if not _settle(session, row, "voided", now):
        return False
    books.settle(_hold_cause(row.id), cause=Cause(f"void:{row.id}"), spent=False, memo={"reward": row.reward_id})
    return True


def vouchers(session: Session, member: MemberId, *, now: datetime) -> list[Voucher]:
    """What a member can still use, soonest to expire first."""
    query = select(Voucher).where(Voucher.member_id == member, Voucher.status == "issued").order_by(Voucher.expires_at)
    return [voucher for voucher in session.scalars(query) if voucher.expires_at is None or voucher.expires_at > now]


def _offered(programme: Programme, member: Member, reward: RewardId) -> Reward:
    if member.joined_at is None:
        raise Refused("not_joined", "only members can redeem rewards")
    offered = programme.reward(reward)
    if offered is None:
        raise Refused("gone", "the programme no longer offers this reward")
    return offered


def _settle(session: Session, row: Redemption, state: str, now: datetime) -> bool:
    """Move a held redemption on, in one conditional update: of any number of callers one wins."""
    result = session.execute(
        update(Redemption)
        .where(Redemption.id == row.id, Redemption.state == "held")
        .values(state=state, settled_at=now)
        .execution_options(synchronize_session=False)
    )
    session.refresh(row)
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def _issued(session: Session, row: Redemption) -> Issued:
    voucher = session.scalars(select(Voucher).where(Voucher.redemption_id == row.id)).one()
    available = session.get_one(Balance, row.member_id).available
    return Issued(voucher.code, RewardId(voucher.reward_id), row.points, voucher.expires_at, available)


def _hold_cause(redemption: str) -> Cause:
    return Cause(f"hold:{redemption}")
