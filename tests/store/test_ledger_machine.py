"""Everything that can happen to points, in any order: the ledger beside a model of it that is only lists and sums."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event
from sqlalchemy.orm import Session

from loyalty.books.audit import audit
from loyalty.books.overview import Points
from loyalty.due import run_due
from loyalty.errors import Conflict, Refused
from loyalty.ids import MemberId, RedemptionId, RewardId
from loyalty.orders import purchases
from loyalty.orders.purchases import OrderChange, PurchaseReport
from loyalty.people.imports import ImportRow, import_row
from loyalty.people.members import Ref, get_member, join
from loyalty.programme import Programme
from loyalty.rewards import redemptions
from loyalty.rewards.redemptions import HOLD
from loyalty.rules.earning import PurchaseRule
from loyalty.store import store_url
from loyalty.store.sqlite import sqlite_engine
from loyalty.tables import Member
from tests.store.books import Books, read_books, sums
from tests.store.helpers import euros, set_up_member, variant, worth
from tests.store.ledger_moves import Moves
from tests.store.model import Hold, Order, Person

T = TypeVar("T")
Key = TypeVar("Key", bound=str)

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
PHONES = ("+393330000001", "+393330000002", "+393330000003")
ACTIVITIES = {"review": 15, "newsletter": 5}
REWARDS = {"espresso": 20, "croissant": 30}

members = st.sampled_from([*PHONES, PHONES[0]])
amounts = st.one_of(
    st.sampled_from([Decimal("40.00"), Decimal("25.50"), Decimal("1.99")]), st.decimals(5, 60, places=2)
)
activities = st.sampled_from(sorted(ACTIVITIES))
pauses = st.sampled_from([None, timedelta(0), HOLD, timedelta(hours=30), timedelta(days=6), None, timedelta(days=40)])


class LedgerMachine(Moves):
    """A programme with three customers, its clock, and what should be in its ledger."""

    template: Path
    cafe: Programme

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-machine-"))
        file = self.folder / "store.db"
        shutil.copy(self.template, file)
        self.engine = sqlite_engine(store_url(f"sqlite:///{file}"), writer=True)
        event.listen(self.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        self.now = START
        self.programme = self.cafe
        self.orders: dict[str, Order] = {}
        self.activities: dict[str, tuple[str, str]] = {}

    def teardown(self) -> None:
        try:
            self.everything_is_told_again()
            self.the_books_are_right()
            self.is_audited()
        finally:
            self.engine.dispose()
            shutil.rmtree(self.folder)

    def do(self, work: Callable[[Session], T]) -> T:
        with Session(self.engine, autoflush=False, expire_on_commit=False) as session, session.begin():
            return work(session)

    # As a store, for the due jobs

    async def read(self, work: Callable[[Session], T]) -> T:
        return self.do(work)

    async def look(self, work: Callable[[Session], T]) -> T:
        return self.do(work)

    async def write(self, work: Callable[[Session], T]) -> T:
        return self.do(work)

    async def close(self) -> None:
        """Nothing is open between two rules."""

    # Short words

    def member(self, session: Session, phone: str) -> Member:
        return session.get_one(Member, self.people[phone].id)

    def expiry(self, activates_at: datetime) -> datetime:
        return self.programme.earning.expires_at(activates_at, self.programme.zone) or NEVER

    def gains(self, person: Person, points: int, origin: str, activates_at: datetime | None = None) -> None:
        activates_at = activates_at or self.now
        person.earn(points, origin, self.now, activates_at, self.expiry(activates_at))

    def settles(self, key: str) -> int:
        """What a report about an order changes in the model."""
        order = self.orders[key]
        rule_ = self.programme.earning.purchase
        person, change = self.people[order.phone], worth(self.programme, order.left) - order.earned
        order.earned += change
        if change > 0:
            self.gains(person, change, f"purchase:{key}", self.now + timedelta(days=rule_.pending_days))
        elif change < 0:
            everybodys = [pile for one in self.people.values() for pile in one.piles]
            person.take_back(-change, f"purchase:{key}", self.now, everybodys)
        return change

    def any_of(self, data: st.DataObject, keys: Iterable[Key]) -> Key:
        key: Key = data.draw(st.sampled_from(sorted(keys)))
        return key

    # What happens

    @initialize(pending_days=st.sampled_from([0, 0, 2]))
    def opens(self, pending_days: int) -> None:
        """A programme, a member with points of her own, and somebody who has written, but not joined."""
        rule_ = PurchaseRule(points=1, rounding="half_up", minimum=Decimal("2.00"), pending_days=pending_days)
        self.programme = variant(self.cafe, purchase=rule_, expire_months=1)
        for phone in PHONES[:2]:
            id_ = self.do(
                lambda session, phone=phone: set_up_member(  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                    session, self.programme, self.now, phone=phone, joined=False
                )
            )
            self.people[phone] = Person(id_)
        self.is_imported(PHONES[0], 60)

    @rule(phone=members, points=st.one_of(st.none(), st.integers(0, 50)))
    def joins(self, phone: str, points: int | None) -> None:
        """By herself, or because she is in a file of customers with points she had elsewhere."""
        if points is not None:
            self.is_imported(phone, points)
        elif phone in self.people:
            person = self.people[phone]
            new = self.do(lambda session: join(session, self.programme, self.member(session, phone), now=self.now))
            assert new is not person.joined
            self.has_joined(person)

    def has_joined(self, person: Person) -> None:
        if not person.joined:
            person.joined = True
            self.gains(person, self.programme.earning.joining, "join")

    def is_imported(self, phone: str, points: int) -> None:
        row = ImportRow(Ref.phone(phone), None, None, "", points)

        def work(session: Session) -> MemberId:
            import_row(session, self.programme, row, now=self.now)
            return MemberId(get_member(session, self.programme.id, f"phone:{phone}").id)

        person = self.people.setdefault(phone, Person(self.do(work)))
        self.has_joined(person)
        if points and not person.imported:
            person.imported = True
            self.gains(person, points, "import")

    @rule(phone=members, amount=amounts, refunded=st.one_of(st.none(), amounts))
    def buys(self, phone: str, amount: Decimal, refunded: Decimal | None) -> None:
        """Perhaps the refund is told before the order."""
        if phone not in self.people:
            return
        key, before = f"o{len(self.orders)}", {}
        if refunded is not None:
            before[f"{key}-r0"] = refunded
            assert self.report_refund(key, f"{key}-r0", refunded) == (0, False)
        self.orders[key] = Order(phone, amount, before)
        assert self.report_order(key, phone, amount) == (self.settles(key), False)

    def report_order(self, key: str, phone: str, amount: Decimal) -> tuple[int, bool]:
        report = PurchaseReport(key, euros(amount), self.now)
        outcome = self.do(
            lambda session: purchases.record_purchase(
                session, self.programme, self.member(session, phone), report, now=self.now
            )
        )
        return outcome.points, outcome.repeated

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), amount=st.one_of(amounts, st.none()))
    def is_refunded(self, data: st.DataObject, amount: Decimal | None) -> None:
        """What is left of an order, or part of it, or perhaps more than there was."""
        key = self.any_of(data, self.orders)
        order = self.orders[key]
        refund, amount = f"{key}-r{len(order.refunds)}", order.left if amount is None else amount
        order.refunds[refund] = amount
        assert self.report_refund(key, refund, amount) == (self.settles(key), False)
        assert order.left or not order.earned

    def report_refund(self, key: str, refund: str, amount: Decimal) -> tuple[int, bool]:
        change = OrderChange("refund", refund, key, euros(amount), self.now)
        outcome = self.do(lambda session: purchases.record_change(session, self.programme, change, now=self.now))
        return outcome.points, outcome.repeated

    @rule(phone=members, activity=activities)
    def does_something(self, phone: str, activity: str) -> None:
        if phone not in self.people:
            return
        key = f"a{len(self.activities)}"
        assert self.report_activity(key, phone, activity) == (ACTIVITIES[activity], False)
        self.activities[key] = (phone, activity)
        self.gains(self.people[phone], ACTIVITIES[activity], f"activity:{key}")

    def report_activity(self, key: str, phone: str, activity: str) -> tuple[int, bool]:
        outcome = self.do(
            lambda session: purchases.record_activity(
                session, self.programme, self.member(session, phone), key=key, activity=activity,
                occurred_at=self.now, now=self.now,
            )
        )  # fmt: skip
        return outcome.points, outcome.repeated

    @rule(phone=members, reward=st.sampled_from(sorted(REWARDS)))
    def holds_a_reward(self, phone: str, reward: str) -> None:
        if phone not in self.people:
            return
        person, wanted = self.people[phone], REWARDS[reward]

        def work(session: Session) -> RedemptionId | Refused:
            key = f"h{len(self.holds)}"
            try:
                return redemptions.hold(
                    session, self.programme, self.member(session, phone), RewardId(reward), key=key, now=self.now
                )
            except Refused as refusal:  # the chat commits what it does next, so nothing may be left of this
                return refusal

        done = self.do(work)
        have = sum(pile.available for pile in person.spendable(self.now))
        if not person.joined:
            assert isinstance(done, Refused)
            assert done.reason == "not_joined"
        elif have < wanted:
            assert isinstance(done, Refused)
            assert (done.reason, done.facts) == ("points", {"missing": wanted - have})
        else:
            assert not isinstance(done, Refused)
            self.holds[done] = Hold(phone, person.spend(wanted, self.now), self.now + HOLD)

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), confirm=st.booleans())
    def hold_ends(self, data: st.DataObject, confirm: bool) -> None:
        """For the first time or again."""
        id_ = self.any_of(data, self.holds)
        hold = self.holds[id_]
        if not confirm:
            did = self.do(lambda session: redemptions.void(session, self.programme, id_, now=self.now))
            assert did is (hold.state == "held")
            if did:
                self.give_back(hold)
        elif hold.state == "voided":
            with pytest.raises(Refused):
                self.confirm(id_)
        else:
            code = self.confirm(id_)
            assert code == (hold.code or code)
            hold.state, hold.code = "confirmed", code

    def confirm(self, id_: RedemptionId) -> str:
        return self.do(
            lambda session: redemptions.confirm(session, self.programme, id_, language="en", now=self.now).code
        )

    def give_back(self, hold: Hold) -> None:
        hold.state = "voided"
        self.people[hold.phone].receive(hold.parts)

    def everything_is_told_again(self) -> None:
        """With the same content it changes nothing, with another it is a conflict and changes nothing."""
        for key, order in self.orders.items():
            assert self.report_order(key, order.phone, order.paid) == (order.earned, True)
            with pytest.raises(Conflict):
                self.report_order(key, order.phone, order.paid + 1)
            for refund, amount in order.refunds.items():
                assert self.report_refund(key, refund, amount) == (0, True)
                with pytest.raises(Conflict):
                    self.report_refund(key, refund, amount + 1)
        for key, (phone, activity) in self.activities.items():
            assert self.report_activity(key, phone, activity) == (ACTIVITIES[activity], True)
            with pytest.raises(Conflict):
                self.report_activity(key, phone, next(other for other in ACTIVITIES if other != activity))

    @rule(by=pauses, due=st.booleans())
    def time_passes(self, by: timedelta | None, due: bool) -> None:
        """By so much, or to the next moment at which something falls due, or to the last one before it."""
        if by is not None:
            self.now += by
        elif instants := self.instants():
            self.now = max(self.now, min(instants) - (timedelta(0) if due else timedelta(microseconds=1)))
        if due:
            self.due_work_is_done()

    def instants(self) -> list[datetime]:
        piles = [pile for person in self.people.values() for pile in person.piles]
        found = [pile.activates_at for pile in piles if pile.pending]
        found += [pile.expires_at for pile in piles if pile.available]
        found += [hold.expires_at for hold in self.holds.values() if hold.state == "held"]
        return [instant for instant in found if instant > self.now]

    def due_work_is_done(self) -> None:
        done = asyncio.run(run_due(self, self.programme, now=self.now))
        activated = voided = expired = 0
        for person in self.people.values():
            for pile in person.piles:
                if pile.pending and pile.activates_at <= self.now:
                    points, pile.pending = pile.pending, 0
                    person.receive([(pile, points)])
                    activated += 1
        for hold in self.holds.values():
            if hold.state == "held" and hold.expires_at <= self.now:
                self.give_back(hold)
                voided += 1
        for pile in (pile for person in self.people.values() for pile in person.piles):
            if pile.available and pile.expires_at <= self.now:
                pile.expire()
                expired += 1
        assert (done.activated, done.voided, done.expired) == (activated, voided, expired)

    def is_audited(self) -> None:
        """In the end only: it proves the hashes of all steps; what it says of caches is proved after every step."""
        assert self.do(audit).findings == ()

    # What is true at any time

    def held(self, phone: str) -> int:
        return sum(hold.points for hold in self.holds.values() if hold.state == "held" and hold.phone == phone)

    @invariant()
    def the_books_are_right(self) -> None:
        books = self.do(read_books)
        self.balances_and_lots_are_those_of_the_model(books)
        self.caches_are_the_sums_of_the_entries(books)
        self.an_order_has_earned_what_is_left_of_it_is_worth_and_once(books)
        assert all(not total for total in sums(books.entries, "transaction").values())

    def balances_and_lots_are_those_of_the_model(self, books: Books) -> None:
        for phone, person in self.people.items():
            pending = sum(pile.pending for pile in person.piles)
            available = sum(pile.available for pile in person.piles)
            points = books.balances[person.id]
            assert points == Points(available, pending, self.held(phone), person.debt, person.lifetime)
            assert min(points.available, points.pending, points.held, points.debt) >= 0
            found = [(lot.pending, lot.remaining) for lot in books.lots if lot.member == person.id]
            assert found == [(pile.pending, pile.available) for pile in person.piles]

    def caches_are_the_sums_of_the_entries(self, books: Books) -> None:
        of_members = sums(books.entries, "member", "account")
        of_lots = sums(books.entries, "lot", "account")
        for member, points in books.balances.items():
            entries = [of_members[member, account] for account in ("available", "pending", "held", "debt")]
            assert entries == [points.available, points.pending, points.held, -points.debt]
        for lot in books.lots:
            assert [of_lots[lot.id, "available"], of_lots[lot.id, "pending"]] == [lot.remaining, lot.pending]

    def an_order_has_earned_what_is_left_of_it_is_worth_and_once(self, books: Books) -> None:
        earned = sums(books.entries, "origin", "account")
        for key, order in self.orders.items():
            assert -earned[f"purchase:{key}", "issued"] == worth(self.programme, order.left)


@pytest.mark.timeout(110)
def test_the_ledger_agrees_with_its_model_whatever_happens(sqlite_template: Path, cafe: Programme) -> None:
    machine = type("Machine", (LedgerMachine,), {"template": sqlite_template, "cafe": cafe})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
