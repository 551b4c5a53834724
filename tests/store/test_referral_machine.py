"""Members who bring one another, buy, get their money back and are decided about, in any order, beside a model."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random
from typing import Literal, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from loyalty.books.audit import audit
from loyalty.books.overview import points_of
from loyalty.errors import Refused
from loyalty.ids import MemberId
from loyalty.orders import purchases
from loyalty.orders.purchases import OrderChange, PurchaseReport
from loyalty.programme import Programme
from loyalty.referral import referrals, reviews
from loyalty.rules.earning import PurchaseRule
from loyalty.store import Store, open_store
from loyalty.tables import Entry, Member, Referral, Transaction
from tests.store.helpers import euros, set_up_member, variant
from tests.store.referral_model import Conditions, Entered, Expected, Told, World
from tests.store.referring import FOR_FRIEND, FOR_REFERRER, rewarding

T = TypeVar("T")
Ruling = Literal["accept", "reject", "appeal"]

START = datetime(2026, 11, 27, 10, tzinfo=UTC)
MEMBERS = range(6)
GIFTS = {"referrer": FOR_REFERRER.points, "friend": FOR_FRIEND.points}
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
STORIES = 25
_examples = count()

# What can happen


@dataclass(frozen=True)
class Enters:
    friend: int
    referrer: int


@dataclass(frozen=True)
class Buys:
    member: int
    amount: Decimal
    age: timedelta
    refund_told_before: Decimal | None = None


@dataclass(frozen=True)
class IsRefunded:
    order: int
    amount: Decimal


@dataclass(frozen=True)
class IsDecided:
    code: int
    ruling: Ruling


@dataclass(frozen=True)
class Settles:
    limit: int


@dataclass(frozen=True)
class Waits:
    by: timedelta


Action = Enters | Buys | IsRefunded | IsDecided | Settles | Waits

WEIGHTS: dict[type[Action], int] = {Enters: 2, Buys: 11, IsRefunded: 4, IsDecided: 2, Settles: 7, Waits: 2}


def drawn_conditions(random: Random) -> Conditions:
    return Conditions(
        order=random.choice([1, 1, 1, 2]), minimum=Decimal("10.00"), window=10 * DAY,
        a_month=random.choice([None, 1, 1, 2]), an_hour=random.choice([1, 2, 9]), a_day=random.choice([2, 3, 9]),
    )  # fmt: skip


def drawn_actions(random: Random) -> Iterator[Action]:
    """Codes first, so that something comes of what follows; most of them are of one member."""
    for _ in range(random.randint(4, 7)):
        yield drawn(random, Enters)
        yield Waits(random.choice([5, 10, 25]) * MINUTE)
    yield Waits(30 * MINUTE)
    for kind in random.choices(list(WEIGHTS), list(WEIGHTS.values()), k=random.randint(15, 40)):
        yield drawn(random, kind)


def drawn(random: Random, kind: type[Action]) -> Action:
    if kind is Enters:
        return Enters(random.choice([*MEMBERS, *MEMBERS[1:]]), random.choice([0, 0, 0, 0, 1, 2]))
    if kind is Buys:
        age = random.choice([timedelta(0)] * 4 + [5 * MINUTE, 20 * MINUTE, 60 * MINUTE] * 2 + [5 * DAY])
        amount, refunded = (
            random.choice(["30.00", "12.00", "12.00", "12.00", "9.99"]),
            random.choice([None] * 5 + ["10.00", "30.00"]),
        )
        return Buys(random.choice(MEMBERS), Decimal(amount), age, Decimal(refunded) if refunded else None)
    if kind is IsRefunded:
        return IsRefunded(random.randrange(100), Decimal(random.choice(["2.01", "30.00", "30.00", "30.00"])))
    if kind is IsDecided:
        return IsDecided(random.randrange(100), random.choice(["accept", "reject", "appeal"]))
    if kind is Settles:
        return Settles(random.choice([1, 2, 50]))
    return Waits(random.choice([20 * MINUTE, 20 * MINUTE, 120 * MINUTE, DAY, 3 * DAY]))


class Story:
    """A programme of its own in a database that all examples share, and its five members, beside the model."""

    def __init__(self, runner: asyncio.Runner, store: Store, cafe: Programme, conditions: Conditions) -> None:
        self._runner, self._store = runner, store
        self.now = START
        self.world = World(conditions)
        programme = cafe.model_copy(update={"id": f"club{next(_examples)}"})
        programme = variant(programme, purchase=PurchaseRule(points=0), joining=0, expire_months=None)
        self.programme = rewarding(
            programme, order=conditions.order, minimum=conditions.minimum, window_days=conditions.window.days,
            a_month=conditions.a_month, checks={"an_hour": conditions.an_hour, "a_day": conditions.a_day},
        )  # fmt: skip
        self.ids: dict[int, MemberId] = {}
        self.codes: dict[int, str] = {}
        for number in MEMBERS:
            id_ = self.ids[number] = self.do(lambda session: set_up_member(session, self.programme, self.now))
            self.codes[number] = self.do(lambda session, id_=id_: session.get_one(Member, id_).referral_code)  # type: ignore[misc]  # mypy cannot infer a lambda with a default

    def do(self, work: Callable[[Session], T]) -> T:
        return self._runner.run(self._store.write(work))

    def happens(self, action: Action) -> None:
        match action:
            case Enters(friend, referrer):
                self.enters(friend, referrer)
            case Buys():
                self.buys(action)
            case IsRefunded(order, amount):
                if self.world.orders:
                    self.refunds(list(self.world.orders)[order % len(self.world.orders)], amount)
            case IsDecided(code, ruling):
                if self.world.codes:
                    self.is_decided(list(self.world.codes.values())[code % len(self.world.codes)], ruling)
            case Settles(limit):
                self.do(lambda session: referrals.settle(session, self.programme, now=self.now, limit=limit))
            case Waits(by):
                self.now += by
        self.nobody_has_a_gift_twice()

    def enters(self, friend: int, referrer: int) -> None:
        def work(session: Session) -> str | None:
            member = session.get_one(Member, self.ids[friend])
            try:
                referrals.enter_code(session, self.programme, member, self.codes[referrer], now=self.now)
            except Refused as refused:
                return refused.reason
            return None

        expected = None
        if friend == referrer:
            expected = "code_own"
        elif friend in self.world.codes:
            expected = "code_again"
        elif self.now > START + self.world.conditions.window:
            expected = "code_customer"
        elif any(order.known and order.member == friend for order in self.world.orders.values()):
            expected = "code_late"
        assert self.do(work) == expected
        if expected is None:
            self.world.codes[friend] = Entered(len(self.world.codes), referrer, friend, self.now)

    def buys(self, order: Buys) -> None:
        """It may be told late, and after its own refund."""
        key = f"o{len(self.world.orders)}"
        self.world.orders[key] = Told(order.member, self.now - order.age, order.amount)
        if order.refund_told_before is not None:
            self.refunds(key, order.refund_told_before)
        self.report_order(key)
        self.world.orders[key].known = True

    def refunds(self, key: str, amount: Decimal) -> None:
        order = self.world.orders[key]
        name = f"{key}-r{len(order.refunds)}"
        order.refunds[name] = amount
        self.report_refund(key, name)

    def is_decided(self, code: Entered, ruling: Ruling) -> None:
        self.everything_is_settled()
        friend, state = self.ids[code.friend], self.world.expected(self.now)[code.friend].state

        def work(session: Session) -> str:
            row = session.scalars(select(Referral).where(Referral.referee_id == friend)).one()
            try:
                if ruling == "appeal":
                    return reviews.appeal(
                        session, self.programme, row.id, author="Mario", reason="asked", now=self.now
                    ).after
                return reviews.decide(
                    session, self.programme, row.id, decision=ruling, author="Vera", reason="asked", now=self.now
                ).after
            except Refused as refused:
                return refused.reason

        done = self.do(work)
        verdict = "hold" if ruling == "appeal" else ruling
        if code.decision == verdict:
            assert done == state
        elif ruling == "appeal" and state != "rejected":
            assert done == "not_rejected"
        elif code.decision is None and self.world.converted(code) is None:
            assert done == "nothing_to_decide"
        else:
            code.decision = verdict
            assert done == self.world.expected(self.now)[code.friend].state

    # News, for the first time or again

    def report_order(self, key: str) -> None:
        order = self.world.orders[key]
        member = self.ids[order.member]
        report = PurchaseReport(key, euros(order.amount), order.at)

        def work(session: Session) -> None:
            purchases.record_purchase(session, self.programme, session.get_one(Member, member), report, now=self.now)
            referrals.touch(session, member, at=order.at)

        self.do(work)

    def report_refund(self, key: str, name: str) -> None:
        order = self.world.orders[key]
        change = OrderChange("refund", name, key, euros(order.refunds[name]), order.at)

        def work(session: Session) -> None:
            outcome = purchases.record_change(session, self.programme, change, now=self.now)
            if outcome.member is not None:
                referrals.touch(session, outcome.member, at=order.at)

        self.do(work)

    def everything_is_told_again(self) -> None:
        for key, order in sorted(self.world.orders.items(), reverse=True):
            for name in order.refunds:
                self.report_refund(key, name)
            self.report_order(key)

    def everything_is_given_back(self) -> None:
        for key, order in self.world.orders.items():
            if order.left:
                self.refunds(key, order.left)

    # What is true

    def everything_is_settled(self) -> None:
        """And is as it should be."""
        rounds = 0
        while self.do(lambda session: referrals.due(session, self.programme, self.now)):
            rounds += 1
            assert rounds < 10, "settling never comes to an end"
        expected = self.world.expected(self.now)
        assert self.found() == expected
        due = dict.fromkeys(MEMBERS, 0)
        for friend, one in expected.items():
            due[friend] += GIFTS["friend"] * one.friend
            due[self.world.codes[friend].referrer] += GIFTS["referrer"] * one.referrer
        assert {number: self.balance(id_) for number, id_ in self.ids.items()} == due

    def found(self) -> dict[int, Expected]:
        members = {id_: number for number, id_ in self.ids.items()}
        query = select(Referral).where(Referral.programme_id == self.programme.id)
        rows = self.do(lambda session: session.scalars(query).all())
        assert not any(row.unsettled for row in rows)
        return {
            members[MemberId(row.referee_id)]: Expected(row.state, row.friend_given, row.referrer_given) for row in rows
        }

    def balance(self, member: MemberId) -> int:
        found = self.do(lambda session: points_of(session, member))
        assert found.lifetime == found.available + found.pending - found.debt
        return found.lifetime

    def nobody_has_a_gift_twice(self) -> None:
        query = (
            select(Transaction.origin, func.sum(-Entry.amount))
            .join(Entry, Entry.transaction_id == Transaction.id)
            .where(Transaction.programme_id == self.programme.id, Entry.account == "issued")
            .group_by(Transaction.origin)
        )
        for origin, points in self.do(lambda session: session.execute(query).all()):
            kind, _, side = (origin or "").split(":")
            assert kind == "referral"
            assert points in {0, GIFTS[side]}


@pytest.mark.timeout(300)
def test_gifts_of_referrals_agree_with_a_model_whatever_happens(database: str, cafe: Programme) -> None:
    store = open_store(database)
    with asyncio.Runner() as runner:

        @given(st.randoms(use_true_random=True))
        @settings(max_examples=STORIES, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        def happens(random: Random) -> None:
            story = Story(runner, store, cafe, drawn_conditions(random))
            for action in drawn_actions(random):
                note(str(action))
                story.happens(action)
            story.everything_is_settled()
            story.everything_is_told_again()
            story.everything_is_settled()
            story.everything_is_given_back()
            story.everything_is_settled()
            assert {story.balance(id_) for id_ in story.ids.values()} == {0}

        try:
            happens()
            assert runner.run(store.read(audit)).findings == ()
        finally:
            runner.run(store.close())
