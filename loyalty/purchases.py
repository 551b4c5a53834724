"""Purchases, refunds and activities: what they are worth, posted once, in whatever order they are reported."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty import ledger
from loyalty.errors import Conflict, Invalid
from loyalty.ids import Cause, MemberId, new_id
from loyalty.money import Money
from loyalty.points import Books, open_books
from loyalty.programme import Programme
from loyalty.store.sql import lock_name
from loyalty.tables import Member, Purchase, Refund

FUTURE = timedelta(hours=24)
"""How far ahead another system's clock may be."""


@dataclass(frozen=True, slots=True)
class PurchaseReport:
    """An order as a till or shop tells it. `key` is the reporter's own, unique within the programme."""

    key: str
    total: Money
    occurred_at: datetime
    lines: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class RefundReport:
    """Money given back on the order `purchase_key`."""

    key: str
    purchase_key: str
    total: Money
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an event did: the member it was for (unknown for a refund whose order is not known yet) and her points."""

    member: MemberId | None
    points: int
    repeated: bool = False


def record_purchase(
    session: Session, programme: Programme, member: Member, report: PurchaseReport, *, now: datetime
) -> Outcome:
    """Post what an order earns. Reported again, it changes nothing; with other content it is a `Conflict`."""
    _check(programme, report.total, report.occurred_at, now)
    _lock_order(session, programme, report.key)
    books = open_books(session, programme.id, MemberId(member.id), now=now)
    content = _digest(member.id, str(report.total.amount), report.total.currency)
    known = session.scalar(select(Purchase).where(Purchase.programme_id == programme.id, Purchase.key == report.key))
    if known is not None:
        _same(known.content_hash, content, "purchase", report.key)
        return Outcome(MemberId(known.member_id), books.granted(_origin(report.key)), repeated=True)
    purchase = Purchase(
        id=new_id(), programme_id=programme.id, member_id=member.id, key=report.key, amount=report.total.amount,
        currency=report.total.currency, lines=[dict(line) for line in report.lines], occurred_at=report.occurred_at,
        recorded_at=now, content_hash=content,
    )  # fmt: skip
    session.add(purchase)
    session.flush()
    points = _settle(books, programme, purchase, cause=Cause(_origin(report.key)), kind="purchase", now=now)
    return Outcome(MemberId(member.id), points)


def record_refund(session: Session, programme: Programme, report: RefundReport, *, now: datetime) -> Outcome:
    """Take back what a refunded order no longer earns; a refund told before its order waits for it."""
    _check(programme, report.total, report.occurred_at, now)
    _lock_order(session, programme, report.purchase_key)
    content = _digest(report.purchase_key, str(report.total.amount), report.total.currency)
    purchase = session.scalar(
        select(Purchase).where(Purchase.programme_id == programme.id, Purchase.key == report.purchase_key)
    )
    books = open_books(session, programme.id, MemberId(purchase.member_id), now=now) if purchase else None
    known = session.scalar(select(Refund).where(Refund.programme_id == programme.id, Refund.key == report.key))
    if known is not None:
        _same(known.content_hash, content, "refund", report.key)
        return Outcome(MemberId(purchase.member_id) if purchase else None, 0, repeated=True)
    refund = Refund(
        id=new_id(), programme_id=programme.id, key=report.key, purchase_key=report.purchase_key,
        amount=report.total.amount, currency=report.total.currency, occurred_at=report.occurred_at,
        content_hash=content,
    )  # fmt: skip
    session.add(refund)
    session.flush()
    if purchase is None or books is None:
        return Outcome(None, 0)
    points = _settle(books, programme, purchase, cause=Cause(f"refund:{report.key}"), kind="refund", now=now)
    return Outcome(MemberId(purchase.member_id), points)


def record_activity(
    session: Session, programme: Programme, member: Member, *, key: str, activity: str, occurred_at: datetime,
    now: datetime,
) -> Outcome:  # fmt: skip
    """Give the points of a programme-defined activity, once for each `key`."""
    rule = programme.earning.activities.get(activity)
    if rule is None:
        allowed = ", ".join(sorted(programme.earning.activities)) or "none"
        raise Invalid(f"the programme knows no activity {activity[:64]!r}; it has: {allowed}", field="activity")
    _check_time(occurred_at, now)
    books = open_books(session, programme.id, MemberId(member.id), now=now)
    cause = Cause(f"activity:{key}")
    known = ledger.find(session, programme.id, cause)
    if known is not None:
        _same(_digest(known.member_id, known.memo["activity"]), _digest(member.id, activity), "activity", key)
        return Outcome(MemberId(member.id), rule.points, repeated=True)
    books.earn(
        rule.points, cause=cause, kind="activity", origin=cause, occurred_at=occurred_at, activates_at=now,
        expires_at=programme.earning.expires_at(now, programme.zone), memo={"activity": activity},
    )  # fmt: skip
    return Outcome(MemberId(member.id), rule.points)


def _settle(books: Books, programme: Programme, purchase: Purchase, *, cause: Cause, kind: str, now: datetime) -> int:
    """Post the difference between what the order is worth now and what it has earned. Returns that difference."""
    session = books.session
    refunded = session.scalars(
        select(Refund.amount).where(Refund.programme_id == programme.id, Refund.purchase_key == purchase.key)
    )
    rule = programme.earning.purchase
    worth = rule.worth(max(purchase.amount - sum(refunded, Decimal(0)), Decimal(0)))
    origin = _origin(purchase.key)
    change = worth - books.granted(origin)
    memo = {"amount": str(purchase.amount), "currency": purchase.currency}
    if change > 0:
        activates_at = max(now, purchase.occurred_at + timedelta(days=rule.pending_days)) if rule.pending_days else now
        books.earn(
            change, cause=cause, kind=kind, origin=origin, occurred_at=purchase.occurred_at, activates_at=activates_at,
            expires_at=programme.earning.expires_at(activates_at, programme.zone), memo=memo,
        )  # fmt: skip
    elif change < 0:
        books.take_back(-change, cause=cause, kind=kind, origin=origin, memo=memo)
    return change


def _lock_order(session: Session, programme: Programme, key: str) -> None:
    """An order and its refunds are worked off one after the other, even while none of them has a row yet."""
    lock_name(session, f"purchase:{programme.id}:{key}")


def _origin(key: str) -> str:
    return f"purchase:{key}"


def _check(programme: Programme, total: Money, occurred_at: datetime, now: datetime) -> None:
    if total.currency != programme.currency:
        raise Invalid(f"the programme counts in {programme.currency}, not in {total.currency}", field="currency")
    _check_time(occurred_at, now)


def _check_time(occurred_at: datetime, now: datetime) -> None:
    if occurred_at > now + FUTURE:
        raise Invalid("occurred_at lies in the future", field="occurred_at")


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _same(known: str, content: str, what: str, key: str) -> None:
    if known != content:
        raise Conflict(f"the {what} {key!r} was reported before with other content; nothing was changed", field="id")
