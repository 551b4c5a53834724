"""What was reported, as it is kept: orders with all that was told about them, activities, what they earned so far."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import ColumnElement, Table, bindparam, exists, select, union, update
from sqlalchemy.orm import Session

from loyalty.ids import MemberId, ProgrammeId
from loyalty.orders.bills import Bill, Change, Line, bill
from loyalty.orders.history import Happening
from loyalty.store.hot import Hot
from loyalty.store.sql import execute, table_of
from loyalty.tables import Activity, Amendment, Purchase

EventKind = Literal["purchase", "activity"]
Place = tuple[datetime, str, str]
"""Where an event stands in time: the moment, then kind and key."""
_NOTHING = Decimal(0)
"""Kept as `0`, however many places the currency has, so that a database can ask for it."""


@dataclass(frozen=True, slots=True)
class Event:
    """An order or an activity, by its key, and when it happened."""

    kind: EventKind
    key: str
    at: datetime

    @property
    def origin(self) -> str:
        """The business key of what it earned."""
        return f"{self.kind}:{self.key}"


@dataclass(frozen=True, slots=True)
class Report:
    """An event as it is kept, with what it has earned so far."""

    event: Event
    revision: str | None
    """The rules under which it was recorded; none is known of what is older than revisions."""
    points: int
    bill: Bill | None = None
    """Of an order, what it comes to."""
    name: str = ""
    """Of an activity, which it is."""
    mixed: bool = False
    """Whether the member has later events of other revisions; known where one event is read."""

    @property
    def place(self) -> Place:
        """Where it stands in time."""
        return self.event.at, self.event.kind, self.event.key

    def happening(self, points: int) -> Happening | None:
        """It as a history has it, worth so many points; none if nothing of the order was kept."""
        if self.bill is None:
            return Happening(self.event.at, "activity", self.event.key, self.name, points=points)
        if self.bill.paid <= 0:
            return None
        return Happening(self.event.at, "order", self.event.key, spend=self.bill.paid, points=points)


_PURCHASE, _AMENDMENT, _ACTIVITY = table_of(Purchase), table_of(Amendment), table_of(Activity)


def _this(table: Table) -> ColumnElement[bool]:
    return (table.c.programme_id == bindparam("programme")) & (table.c.key == bindparam("key"))


def later_of_other_rules(
    member: ColumnElement[str], at: ColumnElement[datetime], revision: ColumnElement[str | None]
) -> ColumnElement[bool]:
    """Whether a member has events from a moment on of another revision: few rows, as news mostly comes in order."""
    found = []
    for other in (_PURCHASE.alias(), _ACTIVITY.alias()):
        later = (other.c.member_id == member) & (other.c.occurred_at >= at)
        found.append(exists().where(later, other.c.revision.is_distinct_from(revision)))
    return found[0] | found[1]


def _mixed(table: Table) -> ColumnElement[bool]:
    return later_of_other_rules(table.c.member_id, table.c.occurred_at, table.c.revision).label("mixed")


_ORDER_COLUMNS = (
    _PURCHASE.c.key, _PURCHASE.c.amount, _PURCHASE.c.lines, _PURCHASE.c.occurred_at, _PURCHASE.c.revision,
    _PURCHASE.c.points,
)  # fmt: skip
_DEED_COLUMNS = (
    _ACTIVITY.c.key, _ACTIVITY.c.name, _ACTIVITY.c.occurred_at, _ACTIVITY.c.revision, _ACTIVITY.c.points,
)  # fmt: skip
_CHANGE_COLUMNS = (
    _AMENDMENT.c.purchase_key, _AMENDMENT.c.kind, _AMENDMENT.c.key, _AMENDMENT.c.amount, _AMENDMENT.c.occurred_at,
    _AMENDMENT.c.lines,
)  # fmt: skip
_ORDER = Hot(select(*_ORDER_COLUMNS, _mixed(_PURCHASE)).where(_this(_PURCHASE)))
_DEED = Hot(select(*_DEED_COLUMNS, _mixed(_ACTIVITY)).where(_this(_ACTIVITY)))
_CHANGES = Hot(
    select(*_CHANGE_COLUMNS).where(
        _AMENDMENT.c.programme_id == bindparam("programme"), _AMENDMENT.c.purchase_key == bindparam("key")
    )
)
_ORDERS_SINCE = select(*_ORDER_COLUMNS).where(
    _PURCHASE.c.member_id == bindparam("member"), _PURCHASE.c.occurred_at >= bindparam("since")
)
_DEEDS_SINCE = select(*_DEED_COLUMNS).where(
    _ACTIVITY.c.member_id == bindparam("member"), _ACTIVITY.c.occurred_at >= bindparam("since")
)
_REVISIONS_SINCE = union(
    *(
        select(table.c.revision).where(
            table.c.member_id == bindparam("member"), table.c.occurred_at >= bindparam("since")
        )
        for table in (_PURCHASE, _ACTIVITY)
    )
)
_CHANGES_SINCE = (
    select(*_CHANGE_COLUMNS)
    .join(
        _PURCHASE,
        (_PURCHASE.c.programme_id == _AMENDMENT.c.programme_id) & (_PURCHASE.c.key == _AMENDMENT.c.purchase_key),
    )
    .where(_PURCHASE.c.member_id == bindparam("member"), _PURCHASE.c.occurred_at >= bindparam("since"))
)
_KEEP_ORDER = Hot(
    update(_PURCHASE)
    .where(_PURCHASE.c.programme_id == bindparam("in_programme"), _PURCHASE.c.key == bindparam("of_key"))
    .values(paid=bindparam("paid"), points=bindparam("points"))
)
_KEEP_DEED = Hot(
    update(_ACTIVITY)
    .where(_ACTIVITY.c.programme_id == bindparam("in_programme"), _ACTIVITY.c.key == bindparam("of_key"))
    .values(points=bindparam("points"))
)


def read_report(session: Session, programme: ProgrammeId, event: Event) -> Report:
    """An event that was recorded."""
    where = {"programme": programme, "key": event.key}
    row = (_DEED if event.kind == "activity" else _ORDER).first(session, where)
    if row is None:
        raise LookupError(f"{event.origin} was not recorded")
    if event.kind == "activity":
        return _deed(row, mixed=bool(row.mixed))
    return _order(row, _CHANGES.all(session, where), mixed=bool(row.mixed))


def read_reports(session: Session, member: MemberId, since: datetime) -> list[Report]:
    """All that a member did from a moment on, in order of time."""
    where = {"member": member, "since": since}
    changes: dict[str, list[Any]] = {}
    for row in execute(session, _CHANGES_SINCE, where):
        changes.setdefault(row.purchase_key, []).append(row)
    found = [_order(row, changes.get(row.key, ())) for row in execute(session, _ORDERS_SINCE, where)]
    found += [_deed(row) for row in execute(session, _DEEDS_SINCE, where)]
    return sorted(found, key=lambda report: report.place)


def revisions_since(session: Session, member: MemberId, since: datetime) -> list[str | None]:
    """The revisions under which anything was recorded that a member did from a moment on."""
    return [row.revision for row in execute(session, _REVISIONS_SINCE, {"member": member, "since": since})]


def keep_worth(session: Session, programme: ProgrammeId, report: Report, points: int) -> None:
    """Keep what an event is worth now, and what an order comes to."""
    where = {"in_programme": programme, "of_key": report.event.key, "points": points}
    if report.bill is None:
        _KEEP_DEED.run(session, where)
    else:
        _KEEP_ORDER.run(session, {**where, "paid": kept_as(report.bill)})


def kept_as(its: Bill) -> Decimal:
    """What an order comes to, as it is kept."""
    return its.paid if its.paid > 0 else _NOTHING


def _order(row: Any, changes: Iterable[Any], *, mixed: bool = False) -> Report:
    lines = tuple(Line.from_json(line) for line in row.lines)
    comes_to = bill(row.amount, lines, [_change(change) for change in changes])
    return Report(Event("purchase", row.key, row.occurred_at), row.revision, row.points, comes_to, mixed=mixed)


def _deed(row: Any, *, mixed: bool = False) -> Report:
    event = Event("activity", row.key, row.occurred_at)
    return Report(event, row.revision, row.points, None, row.name, mixed)


def _change(row: Any) -> Change:
    lines = tuple(Line.from_json(line) for line in row.lines)
    return Change(row.kind, row.key, row.amount, row.occurred_at, lines)
