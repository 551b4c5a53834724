"""Bringing the ledger in line with what a shop says of an order: in any order, as often as it is said.

The newest state of an order counts. What is posted of it is the purchase once, an edit for each later change of its
worth, refunds by their own ids, and that it was called off. `shop_order` remembers how far that is.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from babel.numbers import get_currency_precision
from pydantic import ValidationError
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from conversation.alarms import raise_alarm
from loyalty.codes import read_code
from loyalty.errors import Conflict, LoyaltyError, Refused, StoreUnavailable
from loyalty.money import LARGEST
from loyalty.orders import parked
from loyalty.orders.bills import Line
from loyalty.orders.purchases import FUTURE, OLDEST
from loyalty.programme import Programme
from loyalty.rewards.shop_uses import used_in_shop
from loyalty.store.sql import execute, lock_name, table_of, upsert
from loyalty.tables import Member, ParkedEvent
from service.ingest import Ingest, read_event
from service.middleware import ERASED, told
from service.parking import may_be_kept, member_ref
from service.schemas.events import EventResult
from service.shops.errors import Unreadable
from service.shops.news import Order, Refund
from service.shops.people import Names, member_of, names_of, remember
from service.shops.routing import Shop
from service.shops.states import lines_hash
from service.shops.tables import ShopOrder

_ROW = table_of(ShopOrder)
_KNOWN = select(_ROW).where(_ROW.c.programme_id == bindparam("programme"), _ROW.c.key == bindparam("key"))
_NONE = Decimal(0)
USED_TWICE = "shop_code_twice"
"""An alarm: a shop took the code of a voucher that was no good any more."""
_WEIGHTS = {"ignored": 0, "done": 1, "parked": 2}


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of a delivery. The reason holds no personal data."""

    state: Literal["done", "ignored", "parked"]
    reason: str | None = None


DONE = Worked("done")


@dataclass(frozen=True, slots=True)
class _Known:
    """How far an order is known."""

    told_at: datetime
    rank: str
    sent: bool
    amount: Decimal
    lines_hash: str


@dataclass(frozen=True, slots=True)
class Posting:
    """What a delivery is posted with: its transaction, its shop and programme, its moment."""

    session: Session
    programme: Programme
    shop: Shop
    ingest: Ingest
    now: datetime

    def order(self, order: Order, received_at: datetime) -> Worked:
        """Bring the ledger in line with a state of an order. Raises `Unreadable`."""
        key = self.shop.order(order.id)
        if (too_early := self._too_early(order)) is not None:
            return Worked("ignored", too_early)
        told_at = order.told_at or received_at
        if told_at > self.now + FUTURE:
            raise Unreadable("the order says that it was changed in the future")
        order = self._rounded(order)
        lock_name(self.session, f"shop-order:{self.programme.id}:{key}")
        known = self._known(key)
        outcome = DONE
        if known is None or (told_at, order.rank) > (known.told_at, known.rank):
            outcome = self._newest(order, key, told_at, known)
        for refund in order.refunds:
            outcome = _worse(outcome, self.refund(refund))
        return outcome

    def _too_early(self, order: Order) -> str | None:
        """Why an order of old times is left alone that the shop tells of because somebody touched it."""
        since = self.shop.link.since if self.shop.link is not None else None
        if order.placed_at is None:
            return None
        if since is not None and order.placed_at.astimezone(self.programme.zone).date() < since:
            return f"it was placed before {since}"
        return "it was placed more than ten years ago" if order.placed_at < self.now - OLDEST else None

    def refund(self, refund: Refund) -> Worked:
        """Post what was given back, once by its id, whether its order is known yet or not."""
        amount = self._round(refund.amount)
        if not amount:
            return Worked("ignored", "nothing was given back on goods")
        return self._post(
            {
                "type": "refund", "id": self.shop.refund(refund.id), "purchase_id": self.shop.order(refund.order),
                "amount": str(amount), "currency": refund.currency or self.programme.currency,
                "occurred_at": _iso(refund.at), "lines": [_line(line) for line in refund.lines],
            }
        )[0]  # fmt: skip

    def _newest(self, order: Order, key: str, told_at: datetime, known: _Known | None) -> Worked:
        sent, outcome = known is not None and known.sent, DONE
        posted = (known.amount, known.lines_hash) if known is not None else (_NONE, "")
        mark = lines_hash(order.lines) if order.net else (posted[1] if sent else "")
        if not sent and order.net:
            outcome, sent = self._purchase(order, key)
            posted = (order.gross, mark)
        elif sent:
            self._somebody_now(order, key)
        if sent and order.cancelled:
            cancelled = {"type": "cancellation", "id": f"{key}/cancelled", "purchase_id": key}
            outcome = self._post({**cancelled, "occurred_at": told_at.isoformat()})[0]
        elif sent and (order.net, mark) != posted:
            outcome = _worse(outcome, self._edit(order, key, told_at))
        self._discounts(order, key)  # last: everywhere the member is locked before her vouchers
        row = {
            "programme_id": self.programme.id, "key": key, "told_at": told_at, "rank": order.rank, "sent": sent,
            "amount": order.net, "lines_hash": mark,
        }  # fmt: skip
        upsert(self.session, ShopOrder, row, key=("programme_id", "key"))
        return outcome

    def _discounts(self, order: Order, key: str) -> None:
        """The discount codes that the shop took: vouchers of ours among them are used by that, once."""
        for code in order.discounts:
            found = used_in_shop(
                self.session, self.programme, code, key=f"{key}#{code.upper()}"[:200], place=self.shop.name,
                amount=order.gross or None, at=min(order.placed_at or self.now, self.now), now=self.now,
            )  # fmt: skip
            if found.outcome in {"spent", "revoked"}:
                before = "was used before" if found.outcome == "spent" else "had been taken back"
                raise_alarm(
                    self.session, USED_TWICE,
                    f"the order {key} used the code of voucher {found.voucher}, which {before}: look at the order",
                    subject=key, now=self.now,
                )  # fmt: skip

    def _purchase(self, order: Order, key: str) -> tuple[Worked, bool]:
        """The order as it is first heard of. Returns whether later changes have something to change."""
        names = names_of(self.programme, self.shop, order.customer)
        member = self._named(names)
        if member is None:
            return Worked("ignored", "it names nobody who could collect points"), False
        body = {
            "type": "purchase", "id": key, "member": member, "amount": str(order.gross), "currency": order.currency,
            "occurred_at": _iso(order.placed_at), "lines": [_line(line) for line in order.lines],
            "referral_code": self._friends_code(order.codes), "signals": _signals(order),
        }  # fmt: skip
        try:
            outcome, result = self._post(body, find=names, new=True)
        except Refused as problem:  # she was erased: nothing of it is kept
            return Worked("ignored", str(problem)), False
        if result is not None:
            remember(self.session, self.programme, self.shop, names, self.now, locked=result.member)
        return outcome, True

    def _edit(self, order: Order, key: str, told_at: datetime) -> Worked:
        """What it comes to now. Edits are told apart, and put in order, by when it was so."""
        id_ = f"{key}@{told_at:%Y%m%dT%H%M%S%f}.{order.rank}"
        body = {
            "type": "edit", "id": id_, "purchase_id": key, "amount": str(order.net),
            "currency": order.currency or self.programme.currency, "occurred_at": told_at.isoformat(),
            "lines": [_line(line) for line in order.lines] if order.net else [],
        }  # fmt: skip
        return self._post(body)[0]

    def _somebody_now(self, order: Order, key: str) -> None:
        """An order that waits for somebody unknown may name her in another way now."""
        waiting = self.session.scalar(
            select(ParkedEvent.body).where(
                ParkedEvent.programme_id == self.programme.id, ParkedEvent.key == f"purchase:{key}",
                ParkedEvent.state == parked.WAITING,
            )
        )  # fmt: skip
        if waiting is None:
            return
        names = names_of(self.programme, self.shop, order.customer)
        member = self._named(names)
        if member is None:
            return
        try:
            self._post({**waiting, "member": member}, find=names)
        except Refused:
            parked.settle(self.session, self.programme.id, f"purchase:{key}", state=parked.DROPPED, now=self.now)

    def _post(
        self, body: dict[str, Any], *, find: Names | None = None, new: bool = False
    ) -> tuple[Worked, EventResult | None]:
        """Carry an event out, or keep it with the reason; one that is `new` was never kept before.

        Raises `Refused("erased")` for a purchase of hers.
        """
        known = {**body}
        try:
            if find is not None and (member := member_of(self.session, self.programme, find)) is not None:
                known["member"] = {"id": member}
            with self.session.begin_nested():
                event = read_event(known)
                result = self.ingest.apply(self.session, self.programme, event, self.now)
                if not new:
                    name = f"{event.type}:{event.id}"
                    parked.settle(self.session, self.programme.id, name, state=parked.DONE, now=self.now)
            return DONE, result
        except StoreUnavailable:
            raise
        except Refused as problem:
            if problem.reason == ERASED:
                raise
            return self._park(body, problem.code, str(problem)), None
        except Conflict as problem:  # it was posted before; a person has to see which of the two is right
            return Worked("parked", str(problem)), None
        except ValidationError as problem:
            field, message = told(problem)
            return self._park(body, "invalid", f"{field}: {message}" if field else message), None
        except LoyaltyError as problem:
            return self._park(body, problem.code, str(problem)), None

    def _park(self, body: dict[str, Any], code: str, reason: str) -> Worked:
        if not may_be_kept(body):
            return Worked("parked", reason)
        parked.park(
            self.session, self.programme.id, key=f"{body['type']}:{body['id']}", member_ref=member_ref(body),
            body=body, code=code, reason=reason, now=self.now,
        )  # fmt: skip
        return Worked("done", f"the {body['type']} waits among the parked events: {reason}")

    def _named(self, names: Names) -> dict[str, str] | None:
        """Whom to wait for if she is not known yet."""
        phone = names.best_phone
        if phone is not None:
            return {"phone": phone.value}
        return {"external": names.external.value} if names.external is not None else None

    def _friends_code(self, typed: tuple[str, ...]) -> str | None:
        """The first of the codes that is a member's."""
        codes = [code for one in typed if (code := read_code(one)) is not None]
        if not codes:
            return None
        mine = (Member.programme_id == self.programme.id) & Member.referral_code.in_(codes)
        found = set(self.session.scalars(select(Member.referral_code).where(mine)))
        return next((code for code in codes if code in found), None)

    def _known(self, key: str) -> _Known | None:
        row = execute(self.session, _KNOWN, {"programme": self.programme.id, "key": key}).first()
        if row is None:
            return None
        return _Known(row.told_at, row.rank, row.sent, row.amount, row.lines_hash)

    def _rounded(self, order: Order) -> Order:
        return replace(order, gross=self._round(order.gross), net=self._round(order.net))

    def _round(self, amount: Decimal) -> Decimal:
        """An amount as the programme's currency has them. Raises `Unreadable` for what nobody sells for."""
        if amount > LARGEST:
            raise Unreadable(f"an amount is above {LARGEST}")
        grain = Decimal(1).scaleb(-get_currency_precision(self.programme.currency))
        return amount.quantize(grain, ROUND_HALF_UP)


def _worse(one: Worked, other: Worked) -> Worked:
    """Of two outcomes the one a person should hear of."""
    return max(one, other, key=lambda found: (_WEIGHTS[found.state], found.reason is not None))


def _line(line: Line) -> dict[str, Any]:
    cost = None if line.amount is None else str(line.amount.quantize(Decimal("0.0001"), ROUND_HALF_UP))
    return {"product": line.product, "quantity": line.quantity, "amount": cost, "category": line.category}


def _signals(order: Order) -> dict[str, str]:
    buyer = order.customer
    found = {"email": (buyer.email or "")[:320], "address": (buyer.address or "")[:500]}
    return {kind: value for kind, value in found.items() if value}


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
