"""Orders, what becomes of them, and activities: posted once, in whatever order they are reported.

What an order earns follows from all that is known of it and of the member's past. Each report brings the ledger in
line with that by posting the difference, so the balances do not depend on the order in which reports arrive.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, bindparam, exists, insert, select
from sqlalchemy.orm import Session

from loyalty.books.points import Books, open_books
from loyalty.books.posting import Position
from loyalty.books.rows import Beside, first_with_position, with_position
from loyalty.errors import Conflict, Invalid
from loyalty.ids import Cause, MemberId, new_id
from loyalty.levels import progress
from loyalty.money import LARGEST, Money
from loyalty.news import Kind, tell
from loyalty.orders.bills import ChangeKind, Line, bill
from loyalty.orders.earned import Event, depends_on_past, post_new, settle, worth_alone
from loyalty.orders.reports import Report, kept_as, later_of_other_rules
from loyalty.people.members import kept
from loyalty.programme import Programme
from loyalty.referral.unsettled import touch
from loyalty.store.hot import Hot
from loyalty.store.sql import execute, insert_once, lock_name, table_of
from loyalty.tables import Activity, Amendment, Member, Purchase, Referral

FUTURE = timedelta(hours=24)
"""How far ahead another system's clock may be."""
OLDEST = timedelta(days=3650)
"""Nobody reports what is longer ago; a date before that is a mistake of the sender."""
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class PurchaseReport:
    """An order as a till or shop tells it. `key` is the reporter's own, unique within the programme."""

    key: str
    total: Money
    occurred_at: datetime
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderChange:
    """What became of the order `purchase_key`: money given back, the new total of an edit, or a cancellation.

    `total` of a cancellation counts for nothing.
    """

    kind: ChangeKind
    key: str
    purchase_key: str
    total: Money
    occurred_at: datetime
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an event did: the member it was for (unknown for a refund whose order is not known yet) and her points."""

    member: MemberId | None
    points: int
    repeated: bool = False


_MEMBER, _REFERRAL = table_of(Member), table_of(Referral)
_PURCHASE, _AMENDMENT, _ACTIVITY = table_of(Purchase), table_of(Amendment), table_of(Activity)
_NEW_PURCHASE = Hot(insert(_PURCHASE))
_OWNER = Hot(
    select(_PURCHASE.c.member_id, _PURCHASE.c.occurred_at).where(
        _PURCHASE.c.programme_id == bindparam("programme"), _PURCHASE.c.key == bindparam("key")
    )
)
_KNOWN_CHANGE = select(_AMENDMENT.c.content_hash).where(
    _AMENDMENT.c.programme_id == bindparam("programme"), _AMENDMENT.c.key == bindparam("key")
)


def _known(table: Table, *columns: ColumnElement[Any]) -> Select[Any]:
    """What is known under a key, beside whom the member became who is told to have done it."""
    same = (table.c.programme_id == bindparam("programme")) & (table.c.key == bindparam("key"))
    found = select(_MEMBER.c.merged_into, table.c.member_id, table.c.points, *columns)
    return found.join_from(_MEMBER, table, same, isouter=True).where(_MEMBER.c.id == bindparam("member"))


_AT = bindparam("at", type_=_PURCHASE.c.occurred_at.type)
_KNOWN_PURCHASE = _known(
    _PURCHASE,
    _PURCHASE.c.amount,
    _PURCHASE.c.currency,
    later_of_other_rules(
        _MEMBER.c.id, bindparam("at", type_=_PURCHASE.c.occurred_at.type), bindparam("revision")
    ).label("mixed"),
    exists()
    .where(_AMENDMENT.c.programme_id == bindparam("programme"), _AMENDMENT.c.purchase_key == bindparam("key"))
    .label("changed"),
    exists()
    .where(_REFERRAL.c.programme_id == bindparam("programme"), _REFERRAL.c.referee_id == bindparam("member"))
    .label("referred"),
)
"""And what decides how much is to be looked at: news that came before it, rules that changed, a friend's bringing."""
_KNOWN_ACTIVITY = Hot(_known(_ACTIVITY, _ACTIVITY.c.name))
_KNOWN_ALONE = Hot(_KNOWN_PURCHASE)
_KNOWN_AND_POSITION = Hot(with_position(_KNOWN_PURCHASE, _MEMBER.c.id).where(_MEMBER.c.merged_into.is_(None)))
"""Of who is another member now nothing more is locked: whoever locks two members does it in one order."""


def record_purchase(
    session: Session, programme: Programme, member: Member, report: PurchaseReport, *, now: datetime
) -> Outcome:
    """Post what an order earns. Reported again, it changes nothing; with other content it is a `Conflict`.

    Raises `Invalid` for what cannot be.
    """
    _check_key(report.key, "id")
    _check(programme, report.total, report.lines, report.occurred_at, now)
    id_ = MemberId(member.id)
    books = open_books(session, programme.id, id_, now=now, name=_order_name(programme, report.key))
    at = report.occurred_at.astimezone(UTC)
    known, position = _known_of(session, programme, id_, report.key, at)
    if known.merged_into is not None:  # while one waited for the lock
        session.refresh(member)
        return record_purchase(session, programme, kept(session, member), report, now=now)
    if known.member_id is not None:
        told, total = (known.member_id, known.amount, known.currency), report.total
        _same(told, (id_, total.amount, total.currency), "purchase", report.key)
        return Outcome(id_, known.points, repeated=True)
    row = {
        "id": new_id(), "programme_id": programme.id, "member_id": id_, "key": report.key,
        "amount": report.total.amount, "currency": report.total.currency,
        "lines": [line.to_json() for line in report.lines], "occurred_at": at, "recorded_at": now,
        "revision": programme.revision, "paid": Decimal(0), "points": 0,
        "content_hash": _digest(id_, str(report.total.amount), report.total.currency),
    }  # fmt: skip
    event, cause = Event("purchase", report.key, at), Cause(f"purchase:{report.key}")
    if position is None or known.changed or known.mixed:
        _NEW_PURCHASE.run(session, row)
        points = settle(books, programme, event, cause=cause, kind="purchase")
    else:
        its = bill(report.total.amount, report.lines, ())
        alone = Report(event, programme.revision, 0, its)
        points = worth_alone(programme, alone)
        beside = Beside(_PURCHASE, {**row, "paid": kept_as(its), "points": points})
        post_new(books, programme, alone, points, cause=cause, at=position, beside=beside)
    if known.referred:
        touch(session, id_, at=at)
    if points > 0:
        said = {"order": report.key, **_money(report.total)}
        if days := programme.earning.purchase.pending_days:
            said["available_from"] = (at + timedelta(days=days)).isoformat()
        _tell(books, Kind.POINTS_EARNED, f"purchase:{report.key}", points, at, said)
    _follow_up(books, programme, at)
    return Outcome(id_, points)


def _tell(books: Books, kind: Kind, key: str, points: int, at: datetime, about: dict[str, str]) -> None:
    tell(books.session, books.programme, books.member, kind, key=key, about={"points": points, **about}, at=at,
         now=books.now)  # fmt: skip


def _money(total: Money) -> dict[str, str]:
    return {"amount": str(total.amount), "currency": total.currency}


def _known_of(
    session: Session, programme: Programme, member: MemberId, key: str, at: datetime
) -> tuple[Any, Position | None]:
    """What is known of an order and its member; where she stands, if nothing else need be looked at to post it."""
    where = {"programme": programme.id, "key": key, "member": member, "at": at, "revision": programme.revision}
    if not depends_on_past(programme):
        found = first_with_position(session, _KNOWN_AND_POSITION, where)
        if found is not None:
            return found
    return _KNOWN_ALONE.first(session, where), None


def record_change(session: Session, programme: Programme, change: OrderChange, *, now: datetime) -> Outcome:
    """Bring the points of an order in line with a change. A change told before its order waits for it.

    Told again it changes nothing; with other content it is a `Conflict`. Raises `Invalid` for what cannot be.
    """
    _check_key(change.key, "id")
    _check_key(change.purchase_key, "purchase_id")
    _check(programme, change.total, change.lines, change.occurred_at, now)
    _lock_order(session, programme, change.purchase_key)
    where = {"programme": programme.id, "key": change.purchase_key}
    books: Books | None = None
    while (order := _OWNER.first(session, where)) is not None:
        if books is not None and books.member == order.member_id:
            break
        books = open_books(session, programme.id, MemberId(order.member_id), now=now)  # and then it may be another's
    member = books.member if books is not None else None
    row = {
        "id": new_id(), "programme_id": programme.id, "key": change.key, "purchase_key": change.purchase_key,
        "kind": change.kind, "amount": change.total.amount, "currency": change.total.currency,
        "lines": [line.to_json() for line in change.lines], "occurred_at": change.occurred_at,
        "content_hash": _change_digest(change),
    }  # fmt: skip
    if not insert_once(session, Amendment, row):
        known = execute(session, _KNOWN_CHANGE, {"programme": programme.id, "key": change.key}).scalar_one()
        _same(known, row["content_hash"], change.kind, change.key)
        return Outcome(member, 0, repeated=True)
    if books is None or order is None:
        return Outcome(None, 0)
    event = Event("purchase", change.purchase_key, order.occurred_at)
    points = settle(books, programme, event, cause=Cause(f"{change.kind}:{change.key}"), kind=change.kind)
    touch(session, books.member, at=order.occurred_at)
    if points:
        told = {"order": change.purchase_key, "why": change.kind}
        if change.kind == "refund":
            told |= _money(change.total)
        _tell(
            books, Kind.POINTS_EARNED if points > 0 else Kind.POINTS_TAKEN_BACK, f"{change.kind}:{change.key}",
            abs(points), change.occurred_at, told,
        )  # fmt: skip
    progress.update(books, programme, since=order.occurred_at)
    return Outcome(member, points)


def record_activity(
    session: Session, programme: Programme, member: Member, *, key: str, activity: str, occurred_at: datetime,
    now: datetime,
) -> Outcome:  # fmt: skip
    """Give the points of a programme-defined activity, once for each `key`.

    Told again it changes nothing; with other content it is a `Conflict`. Raises `Invalid` for what cannot be.
    """
    _check_key(key, "id")
    _check_time(occurred_at, now)
    id_ = MemberId(member.id)
    books = open_books(session, programme.id, id_, now=now)
    known = _KNOWN_ACTIVITY.first(session, {"programme": programme.id, "key": key, "member": id_})
    if known.merged_into is not None:  # while one waited for the lock
        session.refresh(member)
        return record_activity(
            session, programme, kept(session, member), key=key, activity=activity, occurred_at=occurred_at, now=now
        )
    if known.member_id is None:
        if activity not in programme.earning.activities:
            allowed = ", ".join(sorted(programme.earning.activities)) or "none"
            raise Invalid(f"the programme knows no activity {activity[:64]!r}; it has: {allowed}", field="activity")
        at = occurred_at.astimezone(UTC)
        row = {
            "id": new_id(), "programme_id": programme.id, "member_id": id_, "key": key, "name": activity,
            "occurred_at": at, "recorded_at": now, "revision": programme.revision, "points": 0,
            "content_hash": _digest(id_, activity),
        }  # fmt: skip
        if insert_once(session, Activity, row):
            event = Event("activity", key, at)
            points = settle(books, programme, event, cause=Cause(f"activity:{key}"), kind="activity")
            if points > 0:
                _tell(books, Kind.POINTS_EARNED, f"activity:{key}", points, at, {"activity": activity})
            _follow_up(books, programme, at)
            return Outcome(id_, points)
        # Another member's report was told at the same instant.
        known = _KNOWN_ACTIVITY.first(session, {"programme": programme.id, "key": key, "member": id_})
    _same((known.member_id, known.name), (id_, activity), "activity", key)
    return Outcome(id_, known.points, repeated=True)


def _follow_up(books: Books, programme: Programme, occurred_at: datetime) -> None:
    earning = programme.earning
    if earning.extend_on_activity and (until := earning.expires_at(occurred_at, programme.zone)) is not None:
        books.extend(until)
    progress.update(books, programme, since=occurred_at)


def _lock_order(session: Session, programme: Programme, key: str) -> None:
    """An order and what becomes of it are worked off one after the other, even while none of them has a row yet."""
    lock_name(session, _order_name(programme, key))


def _order_name(programme: Programme, key: str) -> str:
    return f"purchase:{programme.id}:{key}"


def _check_key(key: str, field: str) -> None:
    if not 0 < len(key) <= LONGEST_KEY or "\0" in key:
        raise Invalid(f"{field} has 1 to {LONGEST_KEY} characters", field=field)


def _check(programme: Programme, total: Money, lines: tuple[Line, ...], occurred_at: datetime, now: datetime) -> None:
    if total.currency != programme.currency:
        raise Invalid(f"the programme counts in {programme.currency}, not in {total.currency}", field="currency")
    if not _sensible(total.amount):
        raise Invalid(f"amount must be between 0 and {LARGEST}", field="amount")
    for line in lines:
        if line.quantity < 0 or not (line.amount is None or _sensible(line.amount)):
            raise Invalid(f"the line {line.product[:64]!r} has a quantity or an amount that cannot be", field="lines")
    _check_time(occurred_at, now)


def _sensible(amount: Decimal) -> bool:
    return amount.is_finite() and 0 <= amount <= LARGEST


def _check_time(occurred_at: datetime, now: datetime) -> None:
    if occurred_at > now + FUTURE:
        raise Invalid("occurred_at lies in the future", field="occurred_at")
    if occurred_at < now - OLDEST:
        raise Invalid("occurred_at lies more than ten years back", field="occurred_at")


def _change_digest(change: OrderChange) -> str:
    """Refunds are told apart as they always were; the other kinds by all of what they say that counts."""
    if change.kind == "cancellation":
        return _digest(change.kind, change.purchase_key)
    parts = (change.purchase_key, str(change.total.amount), change.total.currency)
    if change.kind == "refund":
        return _digest(*parts)
    return _digest(change.kind, *parts, json.dumps([line.to_json() for line in change.lines]))


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _same(known: object, content: object, what: str, key: str) -> None:
    if known != content:
        raise Conflict(f"the {what} {key!r} was reported before with other content; nothing was changed", field="id")
