"""Whatever is told, in whatever order and whenever: levels, awards and scores are those of a plain recount.

The recount here reads nothing from the store: it goes through lists of what was told, as slowly and plainly as can be.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.orm import Session

from loyalty.books.audit import audit
from loyalty.books.overview import points_of
from loyalty.due import run_due
from loyalty.ids import MemberId, ProgrammeId
from loyalty.levels import leaderboards, recount
from loyalty.levels.recount import recompute
from loyalty.orders import purchases, subscriptions
from loyalty.orders.purchases import OrderChange, PurchaseReport
from loyalty.programme import Programme
from loyalty.store import Store, open_store
from loyalty.tables import Member, Score, Standing
from tests.store.goals import a_goal, aiming, levels
from tests.store.helpers import euros, set_up_member, variant

T = TypeVar("T")

OPENED = datetime(2026, 1, 1, tzinfo=UTC)
START = datetime(2026, 10, 20, 10, tzinfo=UTC)
ROME = ZoneInfo("Europe/Rome")
DAY, INSTANT = timedelta(days=1), timedelta(microseconds=1)
GRACE = 3
STARTS = {"base": 0, "silver": 40, "gold": 90}
GIFTS = {
    "badge:third": 7, "badge:faithful": 11, "milestone:two": 13, "challenge:week": 17, "challenge:autumn": 19,
    "streak:daily": 23, "tier:gold": 29,
}  # fmt: skip
_programmes = count()


def rules(cafe: Programme, number: int) -> Programme:
    """A programme with everything that can be reached."""

    def gift(key: str) -> dict[str, int]:
        return {"points": GIFTS[key]}

    bare = variant(cafe, joining=0, expire_months=None).model_copy(update={"id": ProgrammeId(f"shop{number}")})
    return aiming(
        bare,
        tiers=levels("spend", starts=STARTS, gifts={"gold": GIFTS["tier:gold"]}, months=1, grace_days=GRACE),
        badges=[
            a_goal("third", target=3, gift=gift("badge:third")),
            a_goal("faithful", "subscription_months", target=2, gift=gift("badge:faithful")),
        ],
        milestones=[a_goal("two", every=2, minimum="10.00", gift=gift("milestone:two"))],
        challenges=[
            a_goal("week", "spend", target=50, each="week", gift=gift("challenge:week")),
            a_goal(
                "autumn", "activity:review", target=2, dates={"from": "2026-10-15", "until": "2026-11-10"},
                gift=gift("challenge:autumn"),
            ),
        ],
        streaks=[a_goal("daily", unit="day", length=2, gift=gift("streak:daily"))],
        leaderboards=[a_goal("month", each="month"), a_goal("ever", "spend", each="ever")],
    )  # fmt: skip


@dataclass
class Order:
    """An order, and what was given back of it."""

    at: datetime
    amount: Decimal
    back: Decimal = Decimal(0)
    cancelled: bool = False

    @property
    def paid(self) -> Decimal:
        return Decimal(0) if self.cancelled else max(self.amount - self.back, Decimal(0))


@dataclass
class Person:
    """What was told of a member."""

    id: MemberId
    orders: dict[str, Order] = field(default_factory=dict)
    reviews: list[datetime] = field(default_factory=list)
    news: list[tuple[datetime, bool, datetime, datetime]] = field(default_factory=list)
    """Of her subscription: when it was told, whether it has an end, when that is, when it began."""
    takes_part_since: datetime | None = None

    def kept(self, now: datetime) -> list[Order]:
        """The orders that count, in order of time."""
        return sorted((one for one in self.orders.values() if one.paid > 0 and one.at <= now), key=lambda one: one.at)

    def months(self, now: datetime) -> int:
        """The most months the subscription had run by then without an end before."""
        if not self.news:
            return 0
        _, has_end, end, began = max(self.news)
        ended, months = end if has_end else None, 0
        while (at := began.astimezone(ROME) + relativedelta(months=months + 1)) <= now and (
            ended is None or at < ended
        ):
            months += 1
        return months


def value(person: Person, at: datetime) -> Decimal:
    """What counted for the level at a moment."""
    return sum(
        (one.paid for one in person.kept(at) if one.at.astimezone(ROME) + relativedelta(months=1) > at), Decimal(0)
    )


def tier(person: Person, now: datetime) -> str:
    """The best level of the days of grace; it can only have fallen at an end of something, or risen by an order."""
    begin = now - timedelta(days=GRACE)
    orders = person.kept(now)
    moments = [now, *(one.at for one in orders if one.at > begin), begin + INSTANT]
    moments += [one.at.astimezone(ROME) + relativedelta(months=1) - INSTANT for one in orders]
    best = max(value(person, moment) for moment in moments if begin < moment <= now)
    return [name for name, start in STARTS.items() if best >= start][-1]


def awards(person: Person, now: datetime) -> set[tuple[str, str]]:
    """What she holds."""
    orders = person.kept(now)
    found = {("badge:third", "1")} if len(orders) >= 3 else set()
    found |= {("badge:faithful", "1")} if person.months(now) >= 2 else set()
    large = [one for one in orders if one.paid >= 10]
    found |= {("milestone:two", str(number)) for number in range(2, len(large) + 1, 2)}
    weeks: Counter[str] = Counter()
    days: set[int] = set()
    for one in orders:
        day = one.at.astimezone(ROME).date()
        year, week, _ = day.isocalendar()
        weeks[f"{year}-W{week:02}"] += one.paid  # type: ignore[assignment]  # counted in money
        days.add(day.toordinal())
    found |= {("challenge:week", week) for week, spend in weeks.items() if spend >= 50}
    reviewed = [
        at for at in person.reviews if at <= now and "2026-10-15" <= f"{at.astimezone(ROME):%F}" <= "2026-11-10"
    ]
    found |= {("challenge:autumn", "2026-10-15/2026-11-10")} if len(reviewed) >= 2 else set()
    run = 0
    for day_number in sorted(days):
        run = run % 2 + 1 if day_number - 1 in days else 1
        if run == 2:
            found.add(("streak:daily", str(datetime.fromordinal(day_number).date())))
    best = max((value(person, one.at) for one in orders), default=Decimal(0))
    return found | ({("tier:gold", "1")} if best >= STARTS["gold"] else set())


def scores(person: Person, now: datetime) -> dict[tuple[str, str], int]:
    """Her places: this month and the one before, and for ever."""
    since = person.takes_part_since
    if since is None:
        return {}
    months: Counter[str] = Counter(f"{one.at.astimezone(ROME):%Y-%m}" for one in person.kept(now))
    first = now.astimezone(ROME).date().replace(day=1)
    running, last = f"{first:%Y-%m}", f"{first - DAY:%Y-%m}"
    found = {("month", running): months[running]}
    if since.astimezone(ROME).date() < first:
        found["month", last] = months[last]
    found["ever", "ever"] = int(sum((one.paid for one in person.kept(now)), Decimal(0)))
    return {key: number for key, number in found.items() if number}


class ProgressMachine(RuleBasedStateMachine):
    """Two members of a shop, what is told of them, and a clock."""

    cafe: Programme
    store: Store
    runner: asyncio.Runner

    def do(self, work: Callable[[Session], T]) -> T:
        return self.runner.run(self.store.write(work))

    def ask(self, work: Callable[[Session], T]) -> T:
        return self.runner.run(self.store.read(work))

    @initialize()
    def opens(self) -> None:
        self.now = START
        self.ticked = True
        self.keys = count()
        self.programme = rules(self.cafe, next(_programmes))
        self.people = [
            Person(self.do(lambda session: set_up_member(session, self.programme, OPENED))) for _ in range(2)
        ]

    def key(self) -> str:
        return f"{self.programme.id}/{next(self.keys)}"

    def row(self, session: Session, person: Person) -> Member:
        return session.get_one(Member, person.id)

    # What is told

    @rule(
        who=st.integers(0, 1),
        amount=st.one_of(st.sampled_from([Decimal("30.00"), Decimal("9.99")]), st.decimals("0.01", 60, places=2)),
        back=st.one_of(st.just(timedelta(0)), st.timedeltas(-DAY, 40 * DAY)),
    )
    def an_order(self, who: int, amount: Decimal, back: timedelta) -> None:
        """Of now, of long ago, or of a moment that is still ahead."""
        person, key, at = self.people[who], self.key(), self.now - back
        report = PurchaseReport(key, euros(amount), at)
        self.do(
            lambda session: purchases.record_purchase(
                session, self.programme, self.row(session, person), report, now=self.now
            )
        )
        person.orders[key] = Order(at, amount)

    @precondition(lambda self: any(person.orders for person in self.people))
    @rule(data=st.data(), part=st.sampled_from([Decimal("0.5"), Decimal(1), None]))
    def money_back(self, data: st.DataObject, part: Decimal | None) -> None:
        """A part of an order, all of it, or it is cancelled."""
        person, key = data.draw(
            st.sampled_from([(person, key) for person in self.people for key in sorted(person.orders)])
        )
        order = person.orders[key]
        amount = (order.amount * (part or 0)).quantize(Decimal("0.01"))
        kind = "refund" if part is not None else "cancellation"
        change = OrderChange("refund" if part else "cancellation", self.key(), key, euros(amount), self.now)
        assert change.kind == kind
        self.do(lambda session: purchases.record_change(session, self.programme, change, now=self.now))
        order.back += amount
        order.cancelled = order.cancelled or part is None

    @rule(who=st.integers(0, 1), back=st.sampled_from([timedelta(0), 3 * DAY, 12 * DAY]))
    def a_review(self, who: int, back: timedelta) -> None:
        person, key, at = self.people[who], self.key(), self.now - back
        self.do(
            lambda session: purchases.record_activity(
                session, self.programme, self.row(session, person), key=key, activity="review", occurred_at=at,
                now=self.now,
            )
        )  # fmt: skip
        person.reviews.append(at)

    @rule(
        who=st.integers(0, 1),
        began=st.timedeltas(-20 * DAY, 80 * DAY),
        lasts=st.one_of(st.none(), st.timedeltas(timedelta(0), 90 * DAY)),
        ago=st.timedeltas(timedelta(0), 2 * DAY),
    )
    def a_subscription(self, who: int, began: timedelta, lasts: timedelta | None, ago: timedelta) -> None:
        """News of it may be older than what is known."""
        person, started_at, told_at = self.people[who], self.now - began, self.now - ago
        ended_at = None if lasts is None else started_at + lasts
        self.do(
            lambda session: subscriptions.record_subscription(
                session, self.programme, person.id, key=f"{self.programme.id}/{who}", started_at=started_at,
                ended_at=ended_at, told_at=told_at, now=self.now,
            )
        )  # fmt: skip
        person.news.append((told_at, ended_at is not None, ended_at or started_at, started_at))

    @rule(who=st.integers(0, 1))
    def takes_part_or_no_longer(self, who: int) -> None:
        person = self.people[who]
        if person.takes_part_since is None:
            self.do(
                lambda session: leaderboards.opt_in(
                    session, self.programme, person.id, words="", evidence="chat", now=self.now
                )
            )
            person.takes_part_since = self.now
        else:
            self.do(
                lambda session: leaderboards.opt_out(
                    session, self.programme, person.id, words="", evidence="chat", now=self.now
                )
            )
            person.takes_part_since = None

    # Time

    @rule(
        by=st.sampled_from([timedelta(hours=5), DAY, 2 * DAY, 8 * DAY, 35 * DAY, None, None]), tick=st.booleans()
    )  # fmt: skip
    def time_passes(self, by: timedelta | None, tick: bool) -> None:
        """By so much, or to the next moment at which something falls due, or to the last one before it."""
        if by is not None:
            self.now += by
        elif turns := [at for at in self.ask(self.turns) if at is not None and at > self.now]:
            self.now = min(turns) - (timedelta(0) if tick else INSTANT)
        self.ticked = False
        if tick:
            self.due_work_is_done()

    def turns(self, session: Session) -> list[datetime | None]:
        return [recompute(session, self.programme, person.id, now=self.now).due_at for person in self.people]

    def due_work_is_done(self) -> None:
        self.runner.run(run_due(self.store, self.programme, now=self.now))
        self.ticked = True

    # What is true at any time

    @invariant()
    def what_is_kept_equals_a_recomputation(self) -> None:
        assert self.ask(lambda session: list(recount.differences(session, self.programme, now=self.now))) == []

    @invariant()
    def what_is_kept_equals_the_plain_recount(self) -> None:
        if self.ticked:
            for person in self.people:
                self.ask(lambda session, person=person: self.compare(session, person))  # type: ignore[misc]  # mypy cannot infer a lambda with a default

    def compare(self, session: Session, person: Person) -> None:
        standing = session.get_one(Standing, person.id)
        assert (standing.tier, standing.value) == (tier(person, self.now), int(value(person, self.now)))
        holds = awards(person, self.now)
        assert recompute(session, self.programme, person.id, now=self.now).awards == holds
        kept = {(row.board, row.period): row.value for row in self.scores(session, person)}
        assert kept == scores(person, self.now)
        earned = sum(int(one.paid) for one in person.orders.values()) + 15 * len(person.reviews)
        points = points_of(session, person.id)
        assert points.available - points.debt == earned + sum(GIFTS[goal] for goal, _ in holds)

    def scores(self, session: Session, person: Person) -> Iterator[Score]:
        """Those of the times that can be read: what is older is removed when `tick` comes to it."""
        first = self.now.astimezone(ROME).date().replace(day=1)
        readable = {f"{first:%Y-%m}", f"{first - DAY:%Y-%m}", "ever"}
        rows = session.query(Score).filter(Score.member_id == person.id)
        return (row for row in rows if row.period in readable)

    def teardown(self) -> None:
        if hasattr(self, "programme"):
            self.due_work_is_done()
            self.what_is_kept_equals_the_plain_recount()
            assert self.ask(audit).findings == ()


@pytest.mark.timeout(300)
def test_levels_awards_and_scores_are_those_of_a_recount_whatever_happens(database: str, cafe: Programme) -> None:
    with asyncio.Runner() as runner:
        store = open_store(database)
        machine = type("Machine", (ProgressMachine,), {"cafe": cafe, "store": store, "runner": runner})
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
                ),
            )
        finally:
            runner.run(store.close())
