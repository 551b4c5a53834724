"""Bringing the ledger in line with what a member's orders and activities are worth.

Most programmes judge an order by itself. Where levels, caps or "every fifth order" make its worth depend on what
happened before, a report also changes what came after it: then the later orders and activities are judged again, and
the differences posted under causes of their own. Each is judged by the rules under which it was recorded.
"""

import hashlib
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from loyalty.books.points import Books
from loyalty.books.posting import Position
from loyalty.books.rows import Beside, add
from loyalty.errors import Invalid
from loyalty.ids import Cause, MemberId
from loyalty.orders import past
from loyalty.orders.bills import Bill, bill
from loyalty.orders.history import SUBSCRIPTION, Happening, read_history
from loyalty.orders.openings import read_opening
from loyalty.orders.past import Past, depends_on_past, looks_at_tiers
from loyalty.orders.reports import Event, Place, Report, keep_worth, read_report, read_reports, revisions_since
from loyalty.orders.worth import Before, Done, Worth, activity_worth, order_worth
from loyalty.programme import Programme
from loyalty.revisions import rules_of
from loyalty.rules.earning import Caps

__all__ = ["Event", "depends_on_past", "dry_run", "post_new", "settle", "settle_all", "settle_level", "worth_alone"]

_EVER = datetime(1970, 1, 2, tzinfo=UTC)
_END = 9999
"""No calendar goes on after it."""
_LAST = "\U0010ffff"
"""A key that comes after all others."""


def settle(books: Books, programme: Programme, event: Event, *, cause: Cause, kind: str) -> int:
    """Post what an event is worth now, less what it has earned. Returns that difference.

    Later events whose worth changes with it are settled too, under causes derived from `cause`.
    """
    report = read_report(books.session, programme.id, event)
    rules = _rules(books.session, programme, report.revision)
    if depends_on_past(rules) or report.mixed:
        return _settle_since(books, programme, report.place, cause=cause, kind=kind)
    return _post(books, rules, report, _judge(rules, report, None), cause=cause, kind=kind)


def worth_alone(rules: Programme, report: Report) -> int:
    """What an event is worth by rules that do not depend on the past."""
    return _judge(rules, report, None).points


def post_new(
    books: Books, rules: Programme, report: Report, points: int, *, cause: Cause, at: Position, beside: Beside
) -> None:
    """Post what an event is worth that nobody told of before, with the row that keeps it (`beside`).

    It saves reading what was just written. `at` is where the member stands.
    """
    if points:
        _book(books, rules, report, points, cause=cause, kind=report.event.kind, at=at, beside=beside)
    else:
        add(books.session, beside)


def settle_all(books: Books, programme: Programme, *, cause: Cause) -> None:
    """Bring everything a member bought and did in line with the rules: her past has become another one."""
    if any(depends_on_past(rules) for rules in _rules_since(books, programme, _EVER)):
        _settle_since(books, programme, (_EVER, "", ""), cause=cause, kind="correction")


def settle_level(books: Books, programme: Programme, measure: str, since: datetime, *, cause: Cause) -> None:
    """Bring in line what a member bought and did after a moment, if her level of then may be another one now.

    Called when something of a `measure` came or went that is no order or activity: a friend who qualified, a quiz, a
    subscription. `cause` is one that was not used before.
    """
    since = max(since.astimezone(UTC), _EVER)
    for rules in _rules_since(books, programme, since):
        if looks_at_tiers(rules) and rules.tiers is not None and rules.tiers.measure == measure:
            _settle_since(books, programme, (since, "", ""), cause=cause, kind="correction")
            return


def dry_run(session: Session, programme: Programme, member: MemberId | None, order: Bill, at: datetime) -> Worth:
    """What an order would be worth for a member (or somebody new), which rules applied, and which did not and why.

    Raises `Invalid` for a moment that no calendar can look back from.
    """
    if not _EVER.year < at.year < _END:
        raise Invalid("occurred_at is too far from today", field="occurred_at")
    at = at.astimezone(UTC)
    before = Before()
    if member is not None and depends_on_past(programme):
        walk = _Walk(session, member, (at, "purchase", _LAST), {programme.revision: programme})
        before = walk.before(programme.revision, at)
    return order_worth(programme, bill(order.paid, order.lines, ()), at, before, explain=True)


def _settle_since(books: Books, programme: Programme, begin: Place, *, cause: Cause, kind: str) -> int:
    """Settle the event at a place in time, if there is one, and what depends on the past after it."""
    session, changed = books.session, 0
    reports = [one for one in read_reports(session, books.member, begin[0]) if one.place >= begin]
    rules = {one: _rules(session, programme, one) for one in {report.revision for report in reports}}
    walk = _Walk(session, books.member, begin, {one: its for one, its in rules.items() if depends_on_past(its)})
    for report in reports:
        its, points = rules[report.revision], report.points
        itself = report.place == begin
        if itself or report.revision in walk:
            worth = _judge(its, report, walk)
            points = worth.points
            if itself:
                changed = _post(books, its, report, worth, cause=cause, kind=kind)
            elif points != report.points:
                _post(books, its, report, worth, cause=_derived(cause, report.event), kind="correction")
        walk.passes(report, points)
    return changed


class _Walk:
    """A way through a member's past, from a place in time on, by all rules in play that look back."""

    def __init__(self, session: Session, member: MemberId, begin: Place, rules: dict[str | None, Programme]) -> None:
        self._pasts: dict[str | None, Past] = {}
        self._others: deque[Happening] = deque()
        if not rules:
            return
        at, all_rules = begin[0], list(rules.values())
        since = min(past.looks_back_to(one, at) for one in all_rules)
        measures = {one.tiers.measure for one in all_rules if one.tiers and looks_at_tiers(one)}
        opening = read_opening(
            session, member, since,
            orders=any(past.counts_orders(one) for one in all_rules),
            done=any(past.counts_ever(one) for one in all_rules),
            measures={measure for one in all_rules if (measure := past.lasting_measure(one)) is not None},
        )  # fmt: skip
        others = read_history(session, member, since=since, kinds=_others(measures))
        events = read_history(session, member, since=since, until=at, kinds=("order", "activity"))
        self._others.extend(others.happenings)
        self._pasts = {one: Past(its, opening, others.runs, judged_from=at) for one, its in rules.items()}
        for happening in events.happenings:
            kind = "purchase" if happening.kind == "order" else happening.kind
            if (happening.at, kind, happening.key) < begin:
                self._pass(happening)

    def __contains__(self, revision: str | None) -> bool:
        return revision in self._pasts

    def before(self, revision: str | None, at: datetime) -> Before:
        """What matters for something that happened at a moment."""
        self._until(at)
        return self._pasts[revision].before(at)

    def done(self, revision: str | None, name: str, at: datetime) -> Done:
        """How often an activity was done before a moment."""
        self._until(at)
        return self._pasts[revision].done(name, at)

    def passes(self, report: Report, points: int) -> None:
        """Leave an event behind, worth so many points."""
        if (happening := report.happening(points)) is not None:
            self._pass(happening)

    def _pass(self, happening: Happening) -> None:
        self._until(happening.at)
        for its in self._pasts.values():
            its.add(happening)

    def _until(self, at: datetime) -> None:
        """What is no event of this kind counts from the moment after it."""
        while self._others and self._others[0].at < at:
            other = self._others.popleft()
            for its in self._pasts.values():
                its.add(other)


def _others(measures: set[str]) -> set[str]:
    """What must be read for some measures besides orders and activities."""
    kinds = {"referrals": "referral", "quizzes": "quiz", SUBSCRIPTION: "subscription"}
    return {kinds[measure] for measure in measures & kinds.keys()}


def _judge(rules: Programme, report: Report, walk: _Walk | None) -> Worth:
    at, looks_back = report.event.at, walk is not None and report.revision in walk
    before = walk.before(report.revision, at) if walk is not None and looks_back else Before()
    if report.bill is not None:
        return order_worth(rules, report.bill, at, before)
    done = walk.done(report.revision, report.name, at) if walk is not None and looks_back else Done()
    return activity_worth(rules, report.name, done, before)


def _rules(session: Session, programme: Programme, revision: str | None) -> Programme:
    """The rules by which something is judged. What is older than revisions was judged by itself, and stays so."""
    rules = rules_of(session, programme, revision)
    if revision is not None:
        return rules
    earning = rules.earning.model_copy(update={"bonuses": (), "caps": Caps(), "activities": {}})
    return rules.model_copy(update={"earning": earning, "tiers": None})


def _rules_since(books: Books, programme: Programme, since: datetime) -> Iterator[Programme]:
    """The rules by which anything is judged that a member did from a moment on."""
    for revision in revisions_since(books.session, books.member, since):
        yield _rules(books.session, programme, revision)


def _derived(cause: Cause, event: Event) -> Cause:
    """The cause of a later event's correction: a name of its own, of bounded length."""
    return Cause(f"correction:{hashlib.sha256(f'{cause} {event.origin}'.encode()).hexdigest()}")


def _post(books: Books, rules: Programme, report: Report, worth: Worth, *, cause: Cause, kind: str) -> int:
    """Post the difference, and keep what the event is worth now. Returns the difference."""
    change = worth.points - report.points
    keep_worth(books.session, books.programme, report, worth.points)
    _book(books, rules, report, change, cause=cause, kind=kind)
    return change


def _book(
    books: Books, rules: Programme, report: Report, change: int, *, cause: Cause, kind: str,
    at: Position | None = None, beside: Beside | None = None,
) -> None:  # fmt: skip
    event = report.event
    if change > 0:
        days = rules.earning.purchase.pending_days if report.bill is not None else 0
        activates_at = max(books.now, event.at + timedelta(days=days)) if days else books.now
        books.earn(
            change, cause=cause, kind=kind, origin=event.origin, occurred_at=event.at, activates_at=activates_at,
            expires_at=rules.earning.expires_at(activates_at, rules.zone), memo=_memo(rules, report), at=at,
            beside=beside,
        )  # fmt: skip
    elif change < 0:
        books.take_back(-change, cause=cause, kind=kind, origin=event.origin, memo=_memo(rules, report))


def _memo(rules: Programme, report: Report) -> dict[str, Any]:
    if report.bill is None:
        return {"activity": report.name}
    return {"amount": str(report.bill.paid), "currency": rules.currency}
