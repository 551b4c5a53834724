"""Telling a business what was made up, and proving that it ends where a recomputation says."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.books.points import open_books
from loyalty.ids import MemberId
from loyalty.money import Money
from loyalty.orders.bills import ChangeKind
from loyalty.orders.purchases import (
    OrderChange,
    Outcome,
    PurchaseReport,
    record_activity,
    record_change,
    record_purchase,
)
from loyalty.programme import Programme
from loyalty.revisions import ensure_programme
from loyalty.tables import Activity, Member, Purchase
from tests.recomputed import Told, recompute
from tests.store.helpers import set_up_member

CHANGES: dict[str, ChangeKind] = {"refund": "refund", "edit": "edit", "cancellation": "cancellation"}


def tell(session: Session, member: MemberId, one: Told, now: datetime) -> Outcome:
    """Report something under the rules that are in force."""
    if one.kind == "purchase":
        report = PurchaseReport(f"{member}/{one.key}", Money(one.amount, "EUR"), one.at, one.lines)
        return record_purchase(session, one.rules, session.get_one(Member, member), report, now=now)
    if one.kind == "activity":
        return record_activity(
            session, one.rules, session.get_one(Member, member), key=f"{member}/{one.key}", activity=one.name,
            occurred_at=one.at, now=now,
        )  # fmt: skip
    change = OrderChange(
        CHANGES[one.kind], f"{member}/{one.key}", f"{member}/{one.order}", Money(one.amount, "EUR"), one.at, one.lines
    )
    return record_change(session, one.rules, change, now=now)


def is_as_recomputed(session: Session, member: MemberId, told: Iterable[Told], now: datetime) -> None:
    """Each order and activity is kept with what it is worth and has earned exactly that."""
    wanted = recompute(told)
    kept = {
        f"purchase:{row.key}": (row.points, row.paid)
        for row in session.scalars(select(Purchase).where(Purchase.member_id == member))
    }
    kept |= {
        f"activity:{row.key}": (row.points, Decimal(0))
        for row in session.scalars(select(Activity).where(Activity.member_id == member))
    }
    mine = {origin.replace(f"{member}/", ""): worth for origin, worth in kept.items()}
    assert mine == wanted
    books = open_books(session, one_programme(told).id, member, now=now)
    earned = {origin.replace(f"{member}/", ""): books.granted(origin) for origin in kept}
    assert earned == {origin: worth for origin, (worth, _) in wanted.items()}


def one_programme(told: Iterable[Told]) -> Programme:
    return next(iter(told)).rules


def balance(told: list[Told], now: datetime) -> tuple[int, int]:
    """What is available and pending of what is worth something."""
    days = {f"purchase:{one.key}": one for one in told if one.kind == "purchase"}
    waiting = {
        origin for origin, one in days.items()
        if one.at + timedelta(days=one.rules.earning.purchase.pending_days) > now
    }  # fmt: skip
    worth = {origin: found for origin, (found, _) in recompute(told).items()}
    pending = sum(found for origin, found in worth.items() if origin in waiting)
    return sum(worth.values()) - pending, pending


def known(session: Session, programmes: Iterable[Programme], now: datetime) -> MemberId:
    """A new member of a business that had all of these rules, the last of them now."""
    for rules in programmes:
        ensure_programme(session, rules, now=now)
    return set_up_member(session, rules, now)
