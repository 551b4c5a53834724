"""Everything that can happen to rewards, vouchers and gifts, in any order and with failures, beside a model of it."""

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
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from loyalty.books.audit import audit
from loyalty.books.overview import points_of
from loyalty.books.points import open_books
from loyalty.errors import Conflict, Refused
from loyalty.ids import Cause, RedemptionId, RewardId
from loyalty.orders import purchases
from loyalty.orders.purchases import PurchaseReport
from loyalty.programme import Programme, Reward, end_of_day
from loyalty.rewards import catalogue, gifts, redemptions, vouchers
from loyalty.rewards.redemptions import HOLD
from loyalty.rules.parts import Gift, period_of
from loyalty.store import store_url
from loyalty.store.sqlite import sqlite_engine
from loyalty.tables import Member, Voucher
from tests.store.fragile import failing_at
from tests.store.games import Unplugged
from tests.store.helpers import euros, set_up_member, variant
from tests.store.rewards import a_reward, counted, given_out, offering
from tests.store.rewards_model import Coupon, Giving, Person, Redeeming, Used, World

T = TypeVar("T")
Key = TypeVar("Key", bound=str)

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
REWARDS = (
    a_reward("mug", 20, stock=3, uses=2, voucher_days=1),
    a_reward("cup", 15, cost="1.10", budget="4.50", voucher_days=1),  # enough for four
    a_reward("daily", 10, per_member={"count": 1, "every": "day"}, voucher_days=1),
)
MOST = {"mug": 3, "cup": 4}
GIFTS = (Gift(points=7), Gift(reward=RewardId("mug")), Gift(points=5, reward=RewardId("cup")))

names = st.sampled_from(["anna", "bruno"])
rewards = st.sampled_from(["mug", "cup", "daily"])
failures = st.one_of(st.none(), st.none(), st.integers(0, 40))
pauses = st.sampled_from([timedelta(minutes=5), HOLD, timedelta(hours=13), timedelta(hours=30)])


class RewardsMachine(RuleBasedStateMachine):
    """A programme with scarce rewards, two members, and what should have come of it."""

    template: Path
    cafe: Programme

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="rewards-machine-"))
        file = self.folder / "store.db"
        shutil.copy(self.template, file)
        self.engine = sqlite_engine(store_url(f"sqlite:///{file}"), writer=True)
        event.listen(self.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        self.now = START
        self.programme = offering(variant(self.cafe, joining=0, expire_months=None), *REWARDS)
        self.world = World()
        self.orders = 0

    def teardown(self) -> None:
        try:
            self.it_is_as_it_should_be()
            assert self.do(audit).findings == ()
        finally:
            self.engine.dispose()
            shutil.rmtree(self.folder)

    # Short words

    def transaction(self) -> Session:
        return Session(self.engine, autoflush=False, expire_on_commit=False)

    def do(self, work: Callable[[Session], T], fails: int | None = None) -> T:
        """Do something; perhaps it fails before, at some step or in the end, and is done again."""
        if fails is not None:
            with pytest.raises((Unplugged, Refused, Conflict)):
                self.break_off(work, fails)
        with self.transaction() as session, session.begin():
            return work(session)

    def break_off(self, work: Callable[[Session], object], step: int) -> None:
        with self.transaction() as session, session.begin():
            with failing_at(session, step) as watched:
                work(watched)
            raise Unplugged("in the end")

    def attempt(self, work: Callable[[Session], T], fails: int | None) -> T | str:
        """Do something; a refusal is told as its reason."""
        try:
            return self.do(work, fails)
        except Refused as refusal:
            return refusal.reason
        except Conflict:
            return "conflict"

    def any_of(self, data: st.DataObject, keys: Iterable[Key]) -> Key:
        key: Key = data.draw(st.sampled_from(sorted(keys)))
        return key

    def reward(self, id_: str) -> Reward:
        reward = self.programme.reward(id_)
        assert reward is not None
        return reward

    def has_left(self, reward: str) -> bool:
        return self.world.taken(reward) < MOST.get(reward, 10**9)

    def over(self, reward: str) -> datetime:
        """When a voucher expires that is issued now."""
        days = timedelta(days=self.reward(reward).voucher_days)
        return end_of_day(self.now.astimezone(self.programme.zone) + days)

    # Points

    @initialize()
    def opens(self) -> None:
        for name in ("anna", "bruno"):
            self.world.people[name] = Person(self.do(lambda session: set_up_member(session, self.programme, self.now)))
        self.buys("anna", 50)

    @rule(name=names, points=st.integers(5, 60))
    def buys(self, name: str, points: int) -> None:
        self.orders += 1
        person, report = self.world.people[name], PurchaseReport(f"o{self.orders}", euros(str(points)), self.now)
        self.do(
            lambda session: purchases.record_purchase(
                session, self.programme, session.get_one(Member, person.id), report, now=self.now
            )
        )
        person.points += points

    # Redemptions

    @rule(name=names, reward=rewards, again=st.booleans(), fails=failures)
    def holds(self, name: str, reward: str, again: bool, fails: int | None) -> None:
        person, key = self.world.people[name], f"k{len(self.world.redemptions)}"

        def hold(session: Session) -> RedemptionId:
            member = session.get_one(Member, person.id)
            return redemptions.hold(session, self.programme, member, RewardId(reward), key=key, now=self.now)

        why_not = self.why_not(name, reward)
        assert self.offered(name, reward) == why_not
        held = self.attempt(hold, fails)
        if why_not is not None:
            assert held == why_not
            return
        id_ = RedemptionId(held)
        if again:
            assert self.do(hold) == id_
        today = period_of("day", self.now, self.programme.zone)
        self.world.redemptions[id_] = Redeeming(name, reward, today, self.now + HOLD)
        person.points -= self.reward(reward).points
        person.held += self.reward(reward).points

    def why_not(self, name: str, reward: str) -> str | None:
        today = period_of("day", self.now, self.programme.zone)
        had = any(
            (one.who, one.reward, one.day) == (name, "daily", today) and one.state in {"held", "confirmed"}
            for one in self.world.redemptions.values()
        )
        if reward == "daily" and had:
            return "limit"
        if not self.has_left(reward):
            return "sold_out"
        return "points" if self.world.people[name].points < self.reward(reward).points else None

    def offered(self, name: str, reward: str) -> str | None:
        """What the catalogue says."""
        id_ = self.world.people[name].id
        offers = self.do(lambda session: catalogue.what_can_i_get(session, self.programme, id_, self.now))
        return next(offer.why_not for offer in offers if offer.reward.id == reward)

    @precondition(lambda self: self.world.redemptions)
    @rule(data=st.data(), fails=failures)
    def confirms(self, data: st.DataObject, fails: int | None) -> None:
        id_ = self.any_of(data, self.world.redemptions)
        redeeming = self.world.redemptions[id_]
        issued = self.attempt(
            lambda session: redemptions.confirm(session, self.programme, id_, language="it", now=self.now), fails
        )
        if redeeming.state == "held":
            redeeming.state = "confirmed"
            self.world.people[redeeming.who].held -= self.reward(redeeming.reward).points
            self.world.coupons[f"redeem:{id_}"] = Coupon(redeeming.reward, self.over(redeeming.reward))
        if redeeming.state != "confirmed":
            assert issued == "over"
        else:
            assert not isinstance(issued, str)
            assert issued.reward == redeeming.reward

    @precondition(lambda self: self.world.redemptions)
    @rule(data=st.data(), fails=failures)
    def voids(self, data: st.DataObject, fails: int | None) -> None:
        id_ = self.any_of(data, self.world.redemptions)
        redeeming = self.world.redemptions[id_]
        voided = self.do(lambda session: redemptions.void(session, self.programme, id_, now=self.now), fails)
        assert voided == (redeeming.state == "held")
        if voided:
            self.gives_back(redeeming)

    def gives_back(self, redeeming: Redeeming) -> None:
        redeeming.state = "voided"
        person, points = self.world.people[redeeming.who], self.reward(redeeming.reward).points
        person.held -= points
        person.points += points

    @precondition(lambda self: self.world.redemptions)
    @rule(data=st.data(), allow_used=st.booleans(), fails=failures)
    def reverses(self, data: st.DataObject, allow_used: bool, fails: int | None) -> None:
        id_ = self.any_of(data, self.world.redemptions)
        redeeming, coupon = self.world.redemptions[id_], self.world.coupons.get(f"redeem:{id_}")
        reversed_ = self.attempt(
            lambda session: redemptions.reverse(
                session, self.programme, id_, author="till", reason="", allow_used=allow_used, now=self.now
            ),
            fails,
        )
        if redeeming.state != "confirmed" or coupon is None:
            assert reversed_ == {"held": "held", "voided": "over", "reversed": False}[redeeming.state]
        elif coupon.used and not allow_used:
            assert reversed_ == "used"
        else:
            assert reversed_ is True
            redeeming.state, coupon.revoked = "reversed", True
            self.world.people[redeeming.who].points += self.reward(redeeming.reward).points

    # Gifts

    @rule(name=names, gift=st.sampled_from(GIFTS), data=st.data(), fails=failures)
    def gives(self, name: str, gift: Gift, data: st.DataObject, fails: int | None) -> None:
        """A new gift, or one that was taken away, anew."""
        taken_away = sorted(origin for origin, one in self.world.givings.items() if not one.given)
        origin = data.draw(st.sampled_from([f"g{len(self.world.givings)}", *taken_away]))
        giving = self.world.givings.setdefault(origin, Giving(name, gift))
        giving.changes += 1
        person = self.world.people[giving.who]
        given = self.do(
            lambda session: gifts.give(
                open_books(session, self.programme.id, person.id, now=self.now), self.programme, giving.gift,
                origin=origin, cause=Cause(f"{origin}:{giving.changes}"), kind="goal", occurred_at=self.now, memo={},
            ),
            fails,
        )  # fmt: skip
        instead = giving.gift.reward is not None and not self.has_voucher(origin, giving.gift.reward)
        giving.given = True
        giving.points = giving.gift.points
        if instead:
            giving.points += self.reward(str(giving.gift.reward)).points
        person.points += giving.points
        assert (given.points, given.instead) == (giving.points, instead)

    def has_voucher(self, origin: str, reward: str) -> bool:
        """Whether a gift comes as a voucher: the one that stayed, or one that is taken of the stock now."""
        coupon = self.world.coupons.get(origin)
        if coupon is not None and not coupon.revoked:
            return True
        if not self.has_left(reward):
            return False
        self.world.coupons[origin] = Coupon(reward, self.over(reward))
        return True

    @precondition(lambda self: any(one.given for one in self.world.givings.values()))
    @rule(data=st.data(), fails=failures)
    def takes_away(self, data: st.DataObject, fails: int | None) -> None:
        origin = self.any_of(data, [origin for origin, one in self.world.givings.items() if one.given])
        giving = self.world.givings[origin]
        giving.changes += 1
        person = self.world.people[giving.who]
        self.do(
            lambda session: gifts.take_away(
                open_books(session, self.programme.id, person.id, now=self.now), self.programme, origin=origin,
                cause=Cause(f"{origin}:{giving.changes}"), kind="goal", memo={},
            ),
            fails,
        )  # fmt: skip
        coupon = self.world.coupons.get(origin)
        if coupon is not None and not coupon.used and coupon.expires_at > self.now:
            coupon.revoked = True
        person.points -= giving.points
        giving.given, giving.points = False, 0

    # Tills

    @precondition(lambda self: self.world.coupons)
    @rule(data=st.data(), old=st.booleans(), fails=failures)
    def consumes(self, data: st.DataObject, old: bool, fails: int | None) -> None:
        """With a key of its own, or with one that was used before."""
        origin = self.any_of(data, self.world.coupons)
        key = self.any_of(data, self.world.uses) if old and self.world.uses else f"u{len(self.world.uses)}"
        coupon, code = self.world.coupons[origin], self.row(origin).code
        use = self.attempt(
            lambda session: vouchers.consume(
                session, self.programme, code, key=key, place=None, amount=None, now=self.now
            ),
            fails,
        )
        known = self.world.uses.get(key)
        if known is not None:
            same = known.origin == origin and not known.undone
            assert isinstance(use, vouchers.Use) if same else use == "conflict"
        elif (why_not := self.refusal(coupon)) is not None:
            assert use == why_not
        else:
            assert isinstance(use, vouchers.Use)
            self.world.uses[key] = Used(origin)
            coupon.used += 1

    def refusal(self, coupon: Coupon) -> str | None:
        if coupon.revoked:
            return "revoked"
        if coupon.used == self.reward(coupon.reward).uses:
            return "used"
        return "expired" if coupon.expires_at <= self.now else None

    @precondition(lambda self: self.world.uses)
    @rule(data=st.data(), fails=failures)
    def undoes(self, data: st.DataObject, fails: int | None) -> None:
        key = self.any_of(data, self.world.uses)
        used = self.world.uses[key]
        self.do(
            lambda session: vouchers.undo_use(session, self.programme, key=key, author="till", reason="", now=self.now),
            fails,
        )
        if not used.undone:
            used.undone = True
            self.world.coupons[used.origin].used -= 1

    # Time

    @rule(by=pauses, due=st.booleans(), fails=failures)
    def time_passes(self, by: timedelta, due: bool, fails: int | None) -> None:
        self.now += by
        if not due:
            return
        late = [one for one in self.world.redemptions.values() if one.state == "held" and one.expires_at <= self.now]
        assert self.do(lambda session: redemptions.due(session, self.programme, self.now), fails) == len(late)
        for redeeming in late:
            self.gives_back(redeeming)
        self.do(lambda session: vouchers.expire(session, self.programme, self.now), fails)

    # What is true at any time

    def row(self, origin: str) -> Voucher:
        return self.do(lambda session: session.scalars(select(Voucher).where(Voucher.origin == origin)).one())

    @invariant()
    def it_is_as_it_should_be(self) -> None:
        with self.transaction() as session:
            for person in self.world.people.values():
                has = points_of(session, person.id)
                assert (has.available, has.debt) == (max(person.points, 0), max(-person.points, 0))
                assert has.held == person.held
            stock = counted(session)
            assert stock == given_out(session)
            for reward, most in MOST.items():
                found = stock.get(f"reward:{reward}")
                assert (found.taken if found else 0) == self.world.taken(reward) <= most
            spent = stock["reward:cup"].spent if "reward:cup" in stock else 0
            assert Decimal(spent) / 10_000 <= Decimal("4.50")
            rows = {row.origin: row for row in session.scalars(select(Voucher))}
            assert set(rows) == set(self.world.coupons)
            for origin, coupon in self.world.coupons.items():
                row = rows[origin]
                assert (row.used, row.expires_at) == (coupon.used, coupon.expires_at)
                assert vouchers.refusal(row, None, self.now) == self.refusal(coupon)


@pytest.mark.timeout(300)
def test_rewards_agree_with_their_model_whatever_happens(sqlite_template: Path, cafe: Programme) -> None:
    machine = type("Machine", (RewardsMachine,), {"template": sqlite_template, "cafe": cafe})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
