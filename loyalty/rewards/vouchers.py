"""Vouchers: codes for the till, of redemptions and gifts; usable once or several times, within their time.

Whether a voucher can be used is judged by the clock, so it does not depend on when the due job last ran.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from sqlalchemy import ColumnElement, CursorResult, case, or_, select, update
from sqlalchemy.orm import Session

from loyalty import trail
from loyalty.codes import VOUCHER_SIGNS, new_code, read_code
from loyalty.errors import Conflict, NotFound, Refused
from loyalty.ids import MemberId, ProgrammeId, RedemptionId, RewardId, VoucherId, new_id
from loyalty.news import Kind, tell
from loyalty.programme import Language, Programme, Reward, end_of_day
from loyalty.rewards import stock
from loyalty.store.sql import insert_once
from loyalty.tables import Voucher, VoucherUse

BATCH = 500
Reason = Literal["unknown", "used", "expired", "revoked", "waiting", "minimum"]
_SAID: dict[Reason, str] = {
    "unknown": "no voucher has this code: read it again, sign by sign",
    "used": "the voucher was used before",
    "expired": "the voucher has expired",
    "revoked": "the voucher was taken back",
    "waiting": "the voucher cannot be used yet",
    "minimum": "the order does not come to the voucher's minimum",
}


@dataclass(frozen=True, slots=True)
class Validity:
    """What a till is told about a code: why it cannot be used (nothing if it can), and the voucher if there is one."""

    why_not: Reason | None
    voucher: Voucher | None


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a voucher at a till, by the till's key. What the voucher gives is in `reward`, `kind`, `value`."""

    voucher: VoucherId
    key: str
    place: str | None
    amount: Decimal | None
    used_at: datetime
    reward: RewardId
    kind: str
    value: Decimal | None


def issue(
    session: Session, programme: Programme, member: MemberId, reward: Reward, *, origin: str, language: Language,
    now: datetime, redemption: RedemptionId | None = None, cost: Decimal | None = None,
    valid_from: datetime | None = None,
) -> Voucher:  # fmt: skip
    """The voucher of an origin: a new one, the one that is there, or the revoked one brought back to life.

    The caller has locked the member and taken one of the reward's stock, at `cost` (the reward's if not told). The
    terms are the reward's; its time begins now, or at `valid_from`.
    """
    voucher = locked(session, programme.id, origin)
    if voucher is not None and voucher.status != "revoked":
        return voucher
    if voucher is None:
        voucher = Voucher(
            id=new_id(), programme_id=programme.id, member_id=member, redemption_id=redemption, origin=origin,
            code=new_code(VOUCHER_SIGNS),
        )  # fmt: skip
        session.add(voucher)
    begins = valid_from if valid_from is not None and valid_from > now else None
    last_day = (begins or now).astimezone(programme.zone) + timedelta(days=reward.voucher_days)
    voucher.reward_id, voucher.reward_name = reward.id, reward.name[language]
    voucher.kind, voucher.value, voucher.minimum = reward.kind, reward.value, reward.minimum
    voucher.cost = reward.cost if cost is None else cost
    voucher.uses, voucher.used, voucher.used_at = reward.uses, 0, None
    voucher.status = "waiting" if begins else "issued"
    voucher.created_at, voucher.valid_from, voucher.expires_at = now, begins, end_of_day(last_day)
    session.flush()
    about = {"voucher": voucher.id, "reward": reward.id, "of": origin.partition(":")[0]}
    tell(
        session, programme.id, member, Kind.VOUCHER_ISSUED, key=f"voucher:{voucher.id}:issued", about=about, at=now,
        now=now,
    )  # fmt: skip
    return voucher


def locked(session: Session, programme_id: ProgrammeId, origin: str) -> Voucher | None:
    """The voucher of an origin, as it is now; no till can use it until the transaction ends."""
    return _locked(session, programme_id, Voucher.origin == origin)


def withdraw(session: Session, voucher: Voucher) -> None:
    """Revoke a locked voucher. Its stock is not given back: `return_stock` does, after the ledger was posted to."""
    voucher.status = "revoked"
    session.flush()


def return_stock(session: Session, voucher: Voucher) -> None:
    """Give back what a voucher took of its reward's stock."""
    item = stock.reward_item(RewardId(voucher.reward_id))
    stock.give_back(session, ProgrammeId(voucher.programme_id), item, cost=voucher.cost)


def revoke(session: Session, programme: Programme, origin: str, *, now: datetime) -> bool:
    """Take the voucher of an origin back and give its stock back. False for one that was used, is over or not there."""
    voucher = locked(session, programme.id, origin)
    if voucher is None or not fresh(voucher, now):
        return False
    withdraw(session, voucher)
    return_stock(session, voucher)
    return True


def fresh(voucher: Voucher, now: datetime) -> bool:
    """Whether a voucher was never used and still can be, now or later."""
    return voucher.used == 0 and refusal(voucher, None, now) in {None, "waiting"}


def refusal(voucher: Voucher, amount: Decimal | None, now: datetime) -> Reason | None:
    """Why a voucher cannot be used for an order of `amount` (any, if not told); None if it can."""
    if voucher.status == "revoked":
        return "revoked"
    if voucher.used >= voucher.uses:
        return "used"
    if voucher.status == "expired" or (voucher.expires_at is not None and voucher.expires_at <= now):
        return "expired"
    if voucher.valid_from is not None and voucher.valid_from > now:
        return "waiting"
    return "minimum" if amount is not None and amount < voucher.minimum else None


def validate(session: Session, programme: Programme, code: str, *, amount: Decimal | None, now: datetime) -> Validity:
    """What a till should know about a code as it was typed; for an order of `amount`, if that is known."""
    read = read_code(code)
    query = select(Voucher).where(Voucher.programme_id == programme.id, Voucher.code == read)
    voucher = session.scalar(query) if read else None
    if voucher is None:
        return Validity("unknown", None)
    return Validity(refusal(voucher, amount, now), voucher)


def consume(
    session: Session, programme: Programme, code: str, *, key: str, place: str | None, amount: Decimal | None,
    now: datetime,
) -> Use:  # fmt: skip
    """Use a voucher once. `key` is the till's own, for this sale: asked again with it, the same answer.

    Raises `Refused` with a `Reason`, and `Conflict` if the key was used for another voucher or its use was undone.
    """
    read = read_code(code)
    voucher = _locked(session, programme.id, Voucher.code == read) if read else None
    if voucher is None:
        raise Refused("unknown", _SAID["unknown"])
    known = _use(session, programme.id, key)
    if known is not None:
        if known.voucher_id != voucher.id:
            raise Conflict(f"the key {key!r} was used for another voucher; nothing was changed", field="key")
        if known.undone_at is not None:
            raise Conflict(f"the use with the key {key!r} was undone; another sale has another key", field="key")
        return _told(known, voucher)
    reason = refusal(voucher, Decimal(0) if amount is None else amount, now)
    if reason is not None:
        facts = {"minimum": str(voucher.minimum)} if reason == "minimum" else {}
        raise Refused(reason, _SAID[reason], **facts)
    use = {
        "id": new_id(), "programme_id": programme.id, "voucher_id": voucher.id, "key": key, "place": place,
        "order_amount": amount, "used_at": now, "undone_at": None,
    }  # fmt: skip
    if not insert_once(session, VoucherUse, use):
        raise Conflict(f"the key {key!r} was used for another voucher; nothing was changed", field="key")
    _count_use(session, voucher, now)
    about = {"voucher": voucher.id, "reward": voucher.reward_id, "place": place}
    tell(
        session, programme.id, MemberId(voucher.member_id), Kind.VOUCHER_USED, key=f"voucher_use:{use['id']}",
        about=about, at=now, now=now,
    )  # fmt: skip
    return _told(session.get_one(VoucherUse, use["id"]), voucher)


def undo_use(session: Session, programme: Programme, *, key: str, author: str, reason: str, now: datetime) -> str:
    """Undo the use that has a till's key: the sale was cancelled. Asked again, it changes nothing.

    Returns the code of the voucher, which can be used again if it has not expired or been revoked. Raises `NotFound`.
    """
    use = _use(session, programme.id, key)
    if use is None:
        raise NotFound("no voucher was used with this key", field="key")
    voucher = _locked(session, programme.id, Voucher.id == use.voucher_id)
    assert voucher is not None  # a foreign key sees to it
    session.refresh(use)
    if use.undone_at is not None:
        return voucher.code
    use.undone_at = now
    voucher.used -= 1
    if voucher.used == 0:
        voucher.used_at = None
    if voucher.status == "used":
        voucher.status = "issued"
    session.flush()
    trail.note(
        session, programme.id, actor=author, action="voucher.use_undone", subject=voucher.member_id, now=now,
        detail={"voucher": voucher.id, "key": key, "reason": reason},
    )  # fmt: skip
    return voucher.code


def usable(session: Session, member: MemberId, now: datetime) -> Sequence[Voucher]:
    """What a member can use now, soonest to expire first."""
    return [voucher for voucher in open_ones(session, member, now) if refusal(voucher, None, now) is None]


def open_ones(session: Session, member: MemberId, now: datetime) -> Sequence[Voucher]:
    """What a member can use now or later, soonest to expire first."""
    query = (
        select(Voucher)
        .where(Voucher.member_id == member, Voucher.status.in_(("issued", "waiting")))
        .order_by(Voucher.expires_at.is_(None), Voucher.expires_at, Voucher.id)
    )
    return [voucher for voucher in session.scalars(query) if refusal(voucher, None, now) in {None, "waiting"}]


def mine(session: Session, member: MemberId, code: str) -> Voucher | None:
    """The voucher with a code, if it is this member's. Of other people's codes nobody learns anything."""
    read = read_code(code)
    if read is None:
        return None
    return session.scalar(select(Voucher).where(Voucher.member_id == member, Voucher.code == read))


def begin(session: Session, programme: Programme, now: datetime) -> int:
    """Note which waiting vouchers can be used by now, a batch at a time. Returns how many."""
    due = (Voucher.status == "waiting") & (Voucher.valid_from <= now)
    return _move(session, programme.id, due, "issued")


def expire(session: Session, programme: Programme, now: datetime) -> int:
    """Note which vouchers have expired, a batch at a time. Returns how many."""
    due = (Voucher.status == "issued") & (Voucher.expires_at <= now)
    return _move(session, programme.id, due, "expired")


def _move(session: Session, programme_id: ProgrammeId, due: ColumnElement[bool], status: str) -> int:
    found = select(Voucher.id).where(Voucher.programme_id == programme_id, due).limit(BATCH)
    moved = session.execute(
        update(Voucher)
        .where(Voucher.id.in_(found), due)  # once more: a till may have been faster
        .values(status=status)
        .execution_options(synchronize_session=False)
    )
    return _changed(moved)


def _count_use(session: Session, voucher: Voucher, now: datetime) -> None:
    """The one update that uses a voucher: it does nothing to one that is used up or over."""
    used = session.execute(
        update(Voucher)
        .where(
            Voucher.id == voucher.id,
            Voucher.used < Voucher.uses,
            Voucher.status.in_(("issued", "waiting")),
            or_(Voucher.expires_at.is_(None), Voucher.expires_at > now),
            or_(Voucher.valid_from.is_(None), Voucher.valid_from <= now),
        )
        .values(
            used=Voucher.used + 1, used_at=now, status=case((Voucher.used + 1 < Voucher.uses, "issued"), else_="used")
        )
        .execution_options(synchronize_session=False)
    )
    assert _changed(used) == 1  # it was looked at under its lock
    session.refresh(voucher)


def _use(session: Session, programme_id: ProgrammeId, key: str) -> VoucherUse | None:
    query = select(VoucherUse).where(VoucherUse.programme_id == programme_id, VoucherUse.key == key)
    return session.scalar(query.execution_options(populate_existing=True))


def _locked(session: Session, programme_id: ProgrammeId, which: ColumnElement[bool]) -> Voucher | None:
    session.flush()
    query = select(Voucher).where(Voucher.programme_id == programme_id, which).with_for_update()
    return session.scalar(query.execution_options(populate_existing=True))


def _told(use: VoucherUse, voucher: Voucher) -> Use:
    return Use(
        VoucherId(voucher.id), use.key, use.place, use.order_amount, use.used_at, RewardId(voucher.reward_id),
        voucher.kind, voucher.value,
    )  # fmt: skip


def _changed(result: object) -> int:
    assert isinstance(result, CursorResult)
    return int(result.rowcount)
