"""Bringing the ledger in line with what a member's orders and activities are worth.

Most programmes judge an order by itself. Where levels, caps or "every fifth order" make its worth depend on what
happened before, a report also changes what came after it: then the later orders and activities are judged again, and
the differences posted under causes of their own.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from loyalty import history, tiering
from loyalty.history import Happening, History
from loyalty.ids import Cause, MemberId
from loyalty.orders import Bill, Change, Line, bill
from loyalty.points import Books
from loyalty.programme import Programme
from loyalty.revisions import rules_of
from loyalty.rules.parts import period_of, period_start
from loyalty.store.sql import execute, table_of
from loyalty.tables import Activity, Amendment, Purchase
from loyalty.worth import Before, Done, Worth, activity_worth, order_worth

EventKind = Literal["purchase", "activity"]
_Place = tuple[datetime, str, str]
"""Where an event stands in time: the moment, then kind and key."""
_NOTHING = Decimal(0)
"""Kept as `0`, however many places the currency has, so that a database can ask for it."""
_EVER = datetime(1970, 1, 2, tzinfo=UTC)


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
class _Row:
    """An event as it is kept, with what it has earned so far."""

    event: Event
    revision: str | None
    points: int
    bill: Bill | None = None
    name: str = ""

    @property
    def place(self) -> _Place:
        """Where it stands in time."""
        return self.event.at, self.event.kind, self.event.key

    def happening(self) -> Happening | None:
        """It as the history has it; none if nothing of the order was kept."""
        if self.bill is None:
            return Happening(self.event.at, "activity", self.event.key, self.name, points=self.points)
        if self.bill.paid <= 0:
            return None
        return Happening(self.event.at, "order", self.event.key, spend=self.bill.paid, points=self.points)


_PURCHASE, _AMENDMENT, _ACTIVITY = table_of(Purchase), table_of(Amendment), table_of(Activity)
_ORDER_COLUMNS = (
    _PURCHASE.c.key, _PURCHASE.c.amount, _PURCHASE.c.lines, _PURCHASE.c.occurred_at, _PURCHASE.c.revision,
    _PURCHASE.c.points, _PURCHASE.c.currency,
)  # fmt: skip
_ORDER = select(*_ORDER_COLUMNS).where(
    _PURCHASE.c.programme_id == bindparam("programme"), _PURCHASE.c.key == bindparam("key")
)
_CHANGES = select(
    _AMENDMENT.c.kind, _AMENDMENT.c.key, _AMENDMENT.c.amount, _AMENDMENT.c.occurred_at, _AMENDMENT.c.lines
).where(_AMENDMENT.c.programme_id == bindparam("programme"), _AMENDMENT.c.purchase_key == bindparam("order"))
_ACTIVITY_COLUMNS = (
    _ACTIVITY.c.key, _ACTIVITY.c.name, _ACTIVITY.c.occurred_at, _ACTIVITY.c.revision, _ACTIVITY.c.points,
)  # fmt: skip
_DEED = select(*_ACTIVITY_COLUMNS).where(
    _ACTIVITY.c.programme_id == bindparam("programme"), _ACTIVITY.c.key == bindparam("key")
)
_KEEP_ORDER = (
    update(_PURCHASE)
    .where(_PURCHASE.c.programme_id == bindparam("in_programme"), _PURCHASE.c.key == bindparam("of_key"))
    .values(paid=bindparam("paid"), points=bindparam("points"))
)
_KEEP_DEED = (
    update(_ACTIVITY)
    .where(_ACTIVITY.c.programme_id == bindparam("in_programme"), _ACTIVITY.c.key == bindparam("of_key"))
    .values(points=bindparam("points"))
)


def depends_on_past(programme: Programme) -> bool:
    """Whether what an event is worth depends on what the member did before."""
    earning = programme.earning
    return (
        earning.caps.day is not None
        or earning.caps.month is not None
        or any(b.when.order is not None or b.when.every is not None or b.when.tiers for b in earning.bonuses)
        or any(rule.a_day or rule.a_month or rule.ever for rule in earning.activities.values())
        or (programme.tiers is not None and any(level.factor > 1 for level in programme.tiers.levels))
    )


def settle(books: Books, programme: Programme, event: Event, *, cause: Cause, kind: str) -> int:
    """Post what an event is worth now, less what it has earned. Returns that difference.

    Later events whose worth changes with it are settled too, under causes derived from `cause`.
    """
    row = _read(books.session, programme, event)
    rules = rules_of(books.session, programme, row.revision)
    if depends_on_past(rules) or depends_on_past(programme):
        return _settle_since(books, programme, row.place, cause=cause, kind=kind, event=event)
    return _post(books, rules, row, _judge(rules, row, Before(), Done()), cause=cause, kind=kind)


def settle_all(books: Books, programme: Programme, *, cause: Cause) -> None:
    """Bring everything a member bought and did in line with the rules: her past has become another one."""
    _settle_since(books, programme, (_EVER, "", ""), cause=cause, kind="correction")


def _settle_since(
    books: Books, programme: Programme, begin: _Place, *, cause: Cause, kind: str, event: Event | None = None
) -> int:
    changed = 0
    past = _Past(books.session, programme, books.member, begin[0])
    for row in past.rows():
        points = row.points
        if row.place >= begin:
            rules = rules_of(books.session, programme, row.revision)
            worth = past.judge(rules, row)
            points = worth.points
            if row.event == event:
                changed = _post(books, rules, row, worth, cause=cause, kind=kind)
            elif points != row.points:
                _post(books, rules, row, worth, cause=_derived(cause, row.event), kind="correction")
        past.add(replace(row, points=points))
    return changed


def _derived(cause: Cause, event: Event) -> Cause:
    """The cause of a later event's correction: a name of its own, of bounded length."""
    return Cause(f"correction:{hashlib.sha256(f'{cause} {event.origin}'.encode()).hexdigest()}")


def dry_run(session: Session, programme: Programme, member: MemberId | None, order: Bill, at: datetime) -> Worth:
    """What an order would be worth for a member (or somebody new), and which rules applied."""
    if member is None or not depends_on_past(programme):
        return order_worth(programme, order, at, Before())
    past = _Past(session, programme, member, at)
    row = _Row(Event("purchase", "\uffff", at), None, 0, order)
    for other in past.rows():
        if other.place < row.place:
            past.add(other)
    return past.judge(programme, row)


class _Past:
    """What happened before an event, as far as the rules look back; grows event by event."""

    def __init__(self, session: Session, programme: Programme, member: MemberId, at: datetime) -> None:
        self._session, self._programme, self._member = session, programme, member
        month = period_start("month", at, programme.zone)
        assert month is not None  # only `ever` has no beginning
        self._begin: datetime | None = month - timedelta(days=1)
        if programme.tiers is not None:
            reads = tiering.reads_from(programme.tiers, at, programme.zone)
            self._begin = min(self._begin, reads) if reads is not None else None
        past = history.read_history(session, member, since=self._begin)
        self._others = [one for one in past.happenings if one.kind not in {"order", "activity"}]
        self._runs = past.runs
        self._seen: list[Happening] = []
        self._orders = self._orders_before()
        self._earlier = self._activities_before()

    def rows(self) -> list[_Row]:
        """All events since the beginning, in order of time."""
        orders = select(*_ORDER_COLUMNS).where(_PURCHASE.c.member_id == self._member)
        deeds = select(*_ACTIVITY_COLUMNS).where(_ACTIVITY.c.member_id == self._member)
        if self._begin is not None:
            orders = orders.where(_PURCHASE.c.occurred_at >= self._begin)
            deeds = deeds.where(_ACTIVITY.c.occurred_at >= self._begin)
        found = [_order(self._session, self._programme, row) for row in execute(self._session, orders)]
        found += [_deed(row) for row in execute(self._session, deeds)]
        return sorted(found, key=lambda row: row.place)

    def add(self, row: _Row) -> None:
        """Count an event as past."""
        happening = row.happening()
        if happening is not None:
            self._seen.append(happening)

    def judge(self, rules: Programme, row: _Row) -> Worth:
        """What an event is worth after all that was added."""
        zone, at = rules.zone, row.event.at
        today, month = period_of("day", at, zone), period_of("month", at, zone)
        recent = [one for one in self._seen if period_of("month", one.at, zone) == month]
        same_day = [one for one in recent if period_of("day", one.at, zone) == today]
        before = Before(
            self._orders + sum(one.kind == "order" for one in self._seen),
            self._tier(rules, at),
            sum(one.points for one in same_day),
            sum(one.points for one in recent),
        )
        done = Done(
            sum(one.kind == "activity" and one.name == row.name and one.points > 0 for one in same_day),
            sum(one.kind == "activity" and one.name == row.name and one.points > 0 for one in recent),
            self._earlier.get(row.name, 0)
            + sum(one.kind == "activity" and one.name == row.name and one.points > 0 for one in self._seen),
        )
        return _judge(rules, row, before, done)

    def _tier(self, rules: Programme, at: datetime) -> str | None:
        if rules.tiers is None:
            return None
        known = History.of((*self._seen, *(one for one in self._others if one.at < at)), self._runs)
        return tiering.tier_at(rules.tiers, known, at, rules.zone).tier

    def _orders_before(self) -> int:
        if self._begin is None:
            return 0
        query = select(func.count()).where(
            _PURCHASE.c.member_id == self._member, _PURCHASE.c.occurred_at < self._begin, _PURCHASE.c.paid != _NOTHING
        )
        return int(execute(self._session, query).scalar() or 0)

    def _activities_before(self) -> dict[str, int]:
        if self._begin is None:
            return {}
        query = (
            select(_ACTIVITY.c.name, func.count().label("number"))
            .where(_ACTIVITY.c.member_id == self._member, _ACTIVITY.c.occurred_at < self._begin, _ACTIVITY.c.points > 0)
            .group_by(_ACTIVITY.c.name)
        )
        return {row.name: int(row.number) for row in execute(self._session, query)}


def _judge(rules: Programme, row: _Row, before: Before, done: Done) -> Worth:
    if row.bill is not None:
        return order_worth(rules, row.bill, row.event.at, before)
    return activity_worth(rules, row.name, done, before)


def _post(books: Books, rules: Programme, row: _Row, worth: Worth, *, cause: Cause, kind: str) -> int:
    """Post the difference, and keep what the event is worth now. Returns the difference."""
    change = worth.points - row.points
    event = row.event
    where = {"in_programme": books.programme, "of_key": event.key, "points": worth.points}
    if row.bill is not None:
        paid = row.bill.paid if row.bill.paid > 0 else _NOTHING
        execute(books.session, _KEEP_ORDER, {**where, "paid": paid})
    else:
        execute(books.session, _KEEP_DEED, where)
    if change > 0:
        days = rules.earning.purchase.pending_days if row.bill is not None else 0
        activates_at = max(books.now, event.at + timedelta(days=days)) if days else books.now
        books.earn(
            change, cause=cause, kind=kind, origin=event.origin, occurred_at=event.at, activates_at=activates_at,
            expires_at=rules.earning.expires_at(activates_at, rules.zone), memo=_memo(rules, row),
        )  # fmt: skip
    elif change < 0:
        books.take_back(-change, cause=cause, kind=kind, origin=event.origin, memo=_memo(rules, row))
    return change


def _memo(rules: Programme, row: _Row) -> dict[str, Any]:
    if row.bill is None:
        return {"activity": row.name}
    return {"amount": str(row.bill.paid), "currency": rules.currency}


def _read(session: Session, programme: Programme, event: Event) -> _Row:
    where = {"programme": programme.id, "key": event.key}
    if event.kind == "purchase":
        return _order(session, programme, execute(session, _ORDER, where).one())
    return _deed(execute(session, _DEED, where).one())


def _order(session: Session, programme: Programme, row: Any) -> _Row:
    lines = tuple(Line.from_json(line) for line in row.lines)
    changes = [_change(change) for change in _changes(session, programme, row.key)]
    event = Event("purchase", row.key, row.occurred_at)
    return _Row(event, row.revision, row.points, bill(row.amount, lines, changes))


def _deed(row: Any) -> _Row:
    return _Row(Event("activity", row.key, row.occurred_at), row.revision, row.points, None, row.name)


def _changes(session: Session, programme: Programme, order: str) -> Iterator[Any]:
    yield from execute(session, _CHANGES, {"programme": programme.id, "order": order})


def _change(row: Any) -> Change:
    lines = tuple(Line.from_json(line) for line in row.lines)
    return Change(row.kind, row.key, row.amount, row.occurred_at, lines)
