"""Redemption: points are held for a reward, then confirmed (a voucher comes out) or voided. Each happens once.

What was confirmed may be reversed by a person, which leaves a row in the trail. A hold takes one of the reward's stock;
voiding and reversing give it back. Rows are changed in one order everywhere (member, ledger, stock), so that Postgres
seldom finds a deadlock.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NoReturn

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from loyalty import trail
from loyalty.books.ledger import chain_of
from loyalty.books.overview import points_of
from loyalty.books.points import Books, open_books
from loyalty.errors import Conflict, Refused
from loyalty.ids import Cause, MemberId, ProgrammeId, RedemptionId, RewardId, new_id
from loyalty.news import Kind, tell
from loyalty.people.owned import lock_owner
from loyalty.programme import LANGUAGES, Language, Programme, Reward, end_of_day
from loyalty.rewards import catalogue, stock, vouchers
from loyalty.rewards.catalogue import Offer, WhyNot
from loyalty.tables import Member, Redemption, Voucher

HOLD = timedelta(minutes=15)
"""How long points stay set aside for somebody who does not come back."""
GRACE = timedelta(days=30)
"""How long points can be used that a reversal gives back after they would have expired."""
BATCH = 100
_SAID: dict[WhyNot, str] = {
    "not_joined": "only members can redeem rewards",
    "not_now": "the programme does not offer this reward on this day",
    "tier": "this reward is for another level",
    "limit": "the member had this reward as often as one member can",
    "sold_out": "there is nothing left of this reward",
}


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
    """Set the points of a reward aside, and one of its stock. The same `key` (the caller's) is the same redemption.

    Raises `Refused` with reason `not_joined`, `gone` (no such reward to choose), `not_now` (with `begins`, a day, if it
    is still to come), `tier` (with `needs`, a level), `limit` (with `again_at`, an instant, or `period`, if there is no
    other), `sold_out` or `points` (with `missing`). A refusal leaves nothing behind, so the caller may go on.
    """
    books = open_books(session, programme.id, MemberId(member.id), now=now)
    known = session.scalar(select(Redemption).where(Redemption.programme_id == programme.id, Redemption.key == key))
    if known is not None:
        if (known.member_id, known.reward_id) != (member.id, reward):
            raise Conflict(f"the redemption key {key!r} was used for something else")
        return RedemptionId(known.id)
    if member.joined_at is None:
        raise Refused("not_joined", _SAID["not_joined"])
    wanted = programme.reward(reward)
    if wanted is None or wanted.gift_only:
        raise Refused("gone", "the programme does not offer this reward")
    situation = catalogue.look(session, programme, books.member, [wanted], now)
    offer = catalogue.decide(programme, wanted, situation, now)
    if offer.why_not not in {None, "points"}:
        _refuse(programme, offer, now)
    redemption = RedemptionId(new_id())
    with session.begin_nested():  # undone if the last one goes to somebody else at this moment
        books.hold(wanted.points, cause=_hold_cause(redemption), memo={"reward": reward})
        if not stock.take(
            session, programme.id, stock.reward_item(reward), stock=wanted.stock, cost=wanted.cost,
            budget=wanted.budget,
        ):  # fmt: skip
            _refuse(programme, replace(offer, why_not="sold_out"), now)
    row = Redemption(
        id=redemption, programme_id=programme.id, member_id=member.id, key=key, reward_id=reward, points=wanted.points,
        state="held", created_at=now, expires_at=now + HOLD, settled_at=None, cost=wanted.cost,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return redemption


def confirm(
    session: Session, programme: Programme, redemption: RedemptionId, *, language: Language, now: datetime
) -> Issued:
    """Redeem what is held and issue the voucher, on the reward's terms of now; asked again, the same one.

    Raises `Refused("over")` after a void or a reversal.
    """
    row = session.get_one(Redemption, redemption)
    books = lock_owner(session, programme.id, row, now=now)
    if not _settle(books, row, "confirmed"):
        if row.state != "confirmed":
            said = "voided before it was confirmed" if row.state == "voided" else row.state
            raise Refused("over", f"the redemption was {said}")
        return _issued(session, row)
    books.settle(_hold_cause(row.id), cause=_redeem_cause(row.id), spent=True, memo={"reward": row.reward_id})
    voucher = vouchers.issue(
        session, programme, books.member, programme.reward(row.reward_id) or _dropped(row), language=language, now=now,
        origin=_redeem_cause(row.id), redemption=RedemptionId(row.id), cost=row.cost,
    )  # fmt: skip
    about = {"redemption": row.id, "reward": row.reward_id, "points": row.points, "voucher": voucher.id}
    tell(
        session, programme.id, books.member, Kind.REWARD_REDEEMED, key=f"redeem:{row.id}", about=about, at=now, now=now
    )  # fmt: skip
    return _issued(session, row)


def void(session: Session, programme: Programme, redemption: RedemptionId, *, now: datetime) -> bool:
    """Give the held points back. True if this call did it, False if the redemption was settled before."""
    row = session.get_one(Redemption, redemption)
    released = _release(lock_owner(session, programme.id, row, now=now), row)
    if released:
        _return_stock(session, row)
    return released


def reverse(
    session: Session, programme: Programme, redemption: RedemptionId, *, author: str, reason: str, allow_used: bool,
    now: datetime,
) -> bool:  # fmt: skip
    """Undo a confirmed redemption: the voucher is revoked, points and stock are given back, the trail says who and why.

    True if this call did it, False if it was reversed before. Raises `Refused` with reason `used` (its voucher was, and
    `allow_used` is not set), `held` (it can still be voided) or `over` (it was voided, nothing was redeemed).
    """
    row = session.get_one(Redemption, redemption)
    books = lock_owner(session, programme.id, row, now=now)
    if row.state == "reversed":
        return False
    if row.state == "held":
        raise Refused("held", "the redemption is not confirmed yet: void it")
    if row.state != "confirmed":
        raise Refused("over", "the redemption was voided: nothing was redeemed")
    voucher = vouchers.locked(session, programme.id, _redeem_cause(row.id))
    assert voucher is not None  # it was issued with the confirmation
    if voucher.used and not allow_used:
        raise Refused("used", "the voucher was used already; say allow_used to reverse it all the same")
    row.state, row.settled_at = "reversed", now
    session.flush()
    alive = voucher.status != "revoked"
    if alive:
        vouchers.withdraw(session, voucher)
    books.return_spent(
        _redeem_cause(row.id), cause=Cause(f"reverse:{row.id}"), memo={"reward": row.reward_id},
        reopen_until=end_of_day(now.astimezone(programme.zone) + GRACE),
    )  # fmt: skip
    if alive:
        vouchers.return_stock(session, voucher)
    trail.note(
        session, programme.id, actor=author, action="redemption.reversed", subject=row.member_id, now=now,
        detail={"redemption": row.id, "points": row.points, "used": voucher.used, "reason": reason},
    )  # fmt: skip
    return True


def due(session: Session, programme: Programme, now: datetime) -> int:
    """Void the holds whose time is over, a batch at a time. Returns how many."""
    over = (
        select(Redemption)
        .where(Redemption.programme_id == programme.id, Redemption.state == "held", Redemption.expires_at <= now)
        .order_by(Redemption.member_id)
        .limit(BATCH)
    )
    found = session.scalars(over).all()
    books = {row.member_id: open_books(session, programme.id, MemberId(row.member_id), now=now) for row in found}
    in_order = sorted(found, key=lambda row: (chain_of(MemberId(row.member_id)), row.member_id, row.id))
    released = [row for row in in_order if _release(books[row.member_id], row)]
    for row in sorted(released, key=lambda row: row.reward_id):
        _return_stock(session, row)
    return len(released)


def _refuse(programme: Programme, offer: Offer, now: datetime) -> NoReturn:
    assert offer.why_not is not None  # else there is nothing to refuse
    raise Refused(offer.why_not, _SAID[offer.why_not], **catalogue.facts(programme, offer, now))


def _dropped(row: Redemption) -> Reward:
    """What is given for a reward that left the programme between hold and confirmation: that by its id."""
    return Reward(id=RewardId(row.reward_id), points=row.points, name=dict.fromkeys(LANGUAGES, row.reward_id))


def _settle(books: Books, row: Redemption, state: str) -> bool:
    """Move a held redemption on, in one conditional update: of any number of callers one wins."""
    result = books.session.execute(
        update(Redemption)
        .where(Redemption.id == row.id, Redemption.state == "held", Redemption.member_id == books.member)
        .values(state=state, settled_at=books.now)
        .execution_options(synchronize_session=False)
    )
    books.session.refresh(row)
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def _release(books: Books, row: Redemption) -> bool:
    if not _settle(books, row, "voided"):
        return False
    books.settle(_hold_cause(row.id), cause=Cause(f"void:{row.id}"), spent=False, memo={"reward": row.reward_id})
    return True


def _return_stock(session: Session, row: Redemption) -> None:
    item = stock.reward_item(RewardId(row.reward_id))
    stock.give_back(session, ProgrammeId(row.programme_id), item, cost=row.cost)


def _issued(session: Session, row: Redemption) -> Issued:
    voucher = session.scalars(select(Voucher).where(Voucher.redemption_id == row.id)).one()
    available = points_of(session, MemberId(row.member_id)).available
    return Issued(voucher.code, RewardId(voucher.reward_id), row.points, voucher.expires_at, available)


def _hold_cause(redemption: str) -> Cause:
    return Cause(f"hold:{redemption}")


def _redeem_cause(redemption: str) -> Cause:
    """The cause of the confirmation, and the origin of its voucher."""
    return Cause(f"redeem:{redemption}")
