"""Vouchers as discount codes of shops: what is to be done is written down in the transaction that makes it so.

A row goes wanted → made → ending → ended. The listener writes it with the voucher and turns it when the voucher is
used; `astray` finds what nothing told of: vouchers that were taken back, brought back, or have expired. Who does it is
`service/shops/apis/coding.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, case, or_, select, update
from sqlalchemy.orm import Session

from loyalty.ids import ProgrammeId, RewardId, new_id
from loyalty.news import Happening, Kind
from loyalty.programme import Programme
from loyalty.rules.rewards import ShopDiscount
from loyalty.store.sql import execute, insert_once, table_of
from loyalty.tables import Voucher
from service.shops.apis.api import Terms
from service.shops.apis.tables import ShopCode
from service.shops.errors import Unreadable
from service.shops.routing import route

WANTED, MADE, ENDING, ENDED, FAILED = "wanted", "made", "ending", "ended", "failed"
REVIVED_WITHIN = timedelta(days=60)
"""A voucher that was taken back may come back, with time of its own: so long after its old time it is looked at."""
BATCH = 500

_ROW = table_of(ShopCode)
_VOUCHER = table_of(Voucher)


class ShopCodes:
    """Hears of vouchers, and writes down what shops are to do about them."""

    def __init__(self, programmes: Mapping[ProgrammeId, Programme], shops: Sequence[tuple[str, str]]) -> None:
        """`programmes` are as they are in force; `shops` those that can be asked, by source and name."""
        self._programmes, self._shops = programmes, tuple(shops)

    def __call__(self, session: Session, happenings: Sequence[Happening], now: datetime) -> None:
        """A listener of `loyalty.news`, in the transaction in which it happened."""
        if not self._shops:
            return
        for news in happenings:
            if news.kind is Kind.VOUCHER_ISSUED:
                self._want(session, news, now)
            elif news.kind is Kind.VOUCHER_USED:
                voucher = session.get(Voucher, news.about["voucher"])
                if voucher is not None and voucher.status == "used":
                    end(session, voucher.id, now)

    def _want(self, session: Session, news: Happening, now: datetime) -> None:
        programme = self._programmes.get(news.programme)
        reward = programme.reward(RewardId(news.about["reward"])) if programme is not None else None
        if programme is None or reward is None or reward.shop_code is None:
            return
        voucher = session.get(Voucher, news.about["voucher"])
        if voucher is None or voucher.status not in {"issued", "waiting"}:  # heard of late
            return
        begins = max(voucher.valid_from or now, now)
        for source, shop in self._shops:
            if self._is_of(programme, source, shop):
                row = {
                    "id": new_id(), "programme_id": programme.id, "voucher_id": voucher.id, "source": source,
                    "shop": shop, "state": WANTED, "terms": _kept(reward.shop_code, voucher.minimum),
                    "starts_at": begins, "expires_at": voucher.expires_at, "attempts": 0, "next_try_at": begins,
                    "error": None, "created_at": now, "updated_at": now,
                }  # fmt: skip
                insert_once(session, ShopCode, row)

    def _is_of(self, programme: Programme, source: str, shop: str) -> bool:
        try:
            return route(self._programmes.values(), source, shop)[0].id == programme.id
        except Unreadable:
            return False


def end(session: Session, voucher: str, now: datetime) -> None:
    """Have the codes of a voucher ended. When they are tried next stays: somebody may be making one at this moment."""
    statement = update(_ROW).where(_ROW.c.voucher_id == voucher, _ROW.c.state.in_((WANTED, MADE)))
    execute(session, statement.values(state=ENDING, updated_at=now))


def astray(session: Session, now: datetime) -> list[str]:
    """Some of the rows that are not as their vouchers, by id: what nothing told of. Only reads.

    Only the codes of vouchers are looked at whose time is not long over.
    """
    query = select(ShopCode.id).join(Voucher, Voucher.id == ShopCode.voucher_id)
    return list(session.scalars(query.where(_astray(now)).order_by(ShopCode.id).limit(BATCH)))


def put_right(session: Session, ids: Sequence[str], now: datetime) -> int:
    """Have these codes made or ended as their vouchers are by now. Returns how many that was."""
    query = (
        select(ShopCode.id, ShopCode.state, ShopCode.expires_at, Voucher)
        .join(Voucher, Voucher.id == ShopCode.voucher_id)
        .where(ShopCode.id.in_(ids), _astray(now))  # once more: somebody may have been faster
        .order_by(ShopCode.id)
    )
    changed = 0
    for id_, state, expires_at, voucher in session.execute(query).all():
        if _is_alive(voucher, now):
            changed += _turn(session, id_, ShopCode.state == state, WANTED, voucher, now)
        else:
            # The shop ends by itself what has expired; only what was to end sooner has to be told to it.
            gone = state == MADE and expires_at is not None and expires_at <= now
            changed += _turn(session, id_, ShopCode.state == state, ENDED if gone else ENDING, voucher, now)
    return changed


def _astray(now: datetime) -> ColumnElement[bool]:
    alive = Voucher.status.in_(("issued", "waiting")) & or_(Voucher.expires_at.is_(None), Voucher.expires_at > now)
    there = ShopCode.state.in_((WANTED, MADE))
    recent = or_(ShopCode.expires_at.is_(None), ShopCode.expires_at > now - REVIVED_WITHIN)
    other_time = there & ShopCode.expires_at.is_distinct_from(Voucher.expires_at)
    return recent & or_(alive & or_(ShopCode.state == ENDED, other_time), there & ~alive)


def _is_alive(voucher: Voucher, now: datetime) -> bool:
    return voucher.status in {"issued", "waiting"} and (voucher.expires_at is None or voucher.expires_at > now)


def _turn(
    session: Session, id_: str, which: ColumnElement[bool], state: str, voucher: Voucher, now: datetime
) -> int:  # fmt: skip
    """Move a row that is still as it was found. Returns whether it was."""
    values = {"state": state, "updated_at": now}
    if state == WANTED:
        begins = max(voucher.valid_from or now, now)
        later = case((_ROW.c.next_try_at > begins, _ROW.c.next_try_at), else_=begins)  # somebody may be ending it
        values |= {"starts_at": begins, "expires_at": voucher.expires_at, "error": None, "next_try_at": later}
    statement = update(ShopCode).where(ShopCode.id == id_, which).values(values)
    return session.execute(statement.execution_options(synchronize_session=False)).rowcount  # type: ignore[attr-defined,no-any-return]  # an update's result has it


def terms_of(row: ShopCode, code: str) -> Terms:
    """A row's terms as a shop is told them."""
    kept = row.terms
    percent, amount = kept["percent"], kept["amount"]
    return Terms(
        code, None if percent is None else Decimal(percent), None if amount is None else Decimal(amount),
        Decimal(kept["minimum"]), tuple(kept["products"]), row.starts_at, row.expires_at,
    )  # fmt: skip


def _kept(discount: ShopDiscount, minimum: Decimal) -> dict[str, object]:
    percent, amount = discount.percent, discount.amount
    return {
        "percent": None if percent is None else str(percent), "amount": None if amount is None else str(amount),
        "minimum": str(max(discount.minimum, minimum)), "products": list(discount.products),
    }  # fmt: skip
