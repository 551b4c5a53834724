"""Vouchers that were used in an online shop: it took the code, so the use has happened, whatever we think of it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.codes import read_code
from loyalty.ids import MemberId, VoucherId, new_id
from loyalty.news import Kind, tell
from loyalty.programme import Programme
from loyalty.store.sql import insert_once
from loyalty.tables import Voucher, VoucherUse

Outcome = Literal["unknown", "used", "known", "spent", "revoked"]


@dataclass(frozen=True, slots=True)
class ShopUse:
    """What became of a code that a shop took. `spent` and `revoked` mean that it should not have."""

    outcome: Outcome
    voucher: VoucherId | None = None


def used_in_shop(
    session: Session, programme: Programme, code: str, *, key: str, place: str, amount: Decimal | None, at: datetime,
    now: datetime,
) -> ShopUse:  # fmt: skip
    """Note that a shop took a voucher's code, once for its `key`, the order's.

    Neither its time nor its minimum is asked for: the shop judged both when the order was placed, which may have been
    long ago. Codes that are no voucher's are `unknown`.
    """
    read = read_code(code)
    if read is None:
        return ShopUse("unknown")
    query = select(Voucher).where(Voucher.programme_id == programme.id, Voucher.code == read).with_for_update()
    voucher = session.scalar(query.execution_options(populate_existing=True))
    if voucher is None:
        return ShopUse("unknown")
    id_ = VoucherId(voucher.id)
    uses = select(VoucherUse.id).where(VoucherUse.programme_id == programme.id, VoucherUse.key == key)
    if session.scalar(uses) is not None:  # also one that was undone since: a person decided that
        return ShopUse("known", id_)
    if voucher.status == "revoked":
        return ShopUse("revoked", id_)
    if voucher.used >= voucher.uses:
        return ShopUse("spent", id_)
    use = {
        "id": new_id(), "programme_id": programme.id, "voucher_id": id_, "key": key, "place": place,
        "order_amount": amount, "used_at": at, "undone_at": None,
    }  # fmt: skip
    if not insert_once(session, VoucherUse, use):
        return ShopUse("known", id_)
    voucher.used += 1
    voucher.used_at = at
    if voucher.used == voucher.uses:
        voucher.status = "used"
    session.flush()
    about = {"voucher": id_, "reward": voucher.reward_id, "place": place}
    tell(
        session, programme.id, MemberId(voucher.member_id), Kind.VOUCHER_USED, key=f"voucher_use:{use['id']}",
        about=about, at=at, now=now,
    )  # fmt: skip
    return ShopUse("used", id_)
