"""What should become of referrals, worked out from scratch: the model `test_referral_machine` compares them with."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

ROME = ZoneInfo("Europe/Rome")


@dataclass
class Told:
    """What was told of an order."""

    member: int
    at: datetime
    amount: Decimal
    refunds: dict[str, Decimal] = field(default_factory=dict)
    known: bool = False
    """A refund may be told before its order."""

    @property
    def left(self) -> Decimal:
        return max(self.amount - sum(self.refunds.values()), Decimal(0))


@dataclass
class Entered:
    """A code that a friend entered. Codes are numbered in the order in which they were entered."""

    number: int
    referrer: int
    friend: int
    at: datetime
    decision: str | None = None


@dataclass(frozen=True)
class Conditions:
    """The rule, as plain numbers."""

    order: int
    minimum: Decimal
    window: timedelta
    a_month: int | None
    an_hour: int
    a_day: int


@dataclass(frozen=True)
class Expected:
    """What should be: the state, and whether each side has its gift."""

    state: str
    friend: bool
    referrer: bool


@dataclass
class World:
    """Everything that happened."""

    conditions: Conditions
    codes: dict[int, Entered] = field(default_factory=dict)
    """By friend."""
    orders: dict[str, Told] = field(default_factory=dict)

    def expected(self, now: datetime) -> dict[int, Expected]:
        """What should have become of each friend."""
        states = {friend: self._state(code, now) for friend, code in self.codes.items()}
        rewarded = [code for friend, code in self.codes.items() if states[friend] == "rewarded"]
        most, found = self.conditions.a_month, {}
        for friend, code in self.codes.items():
            due = states[friend] == "rewarded"
            before = [other for other in rewarded if due and self._comes_before(other, code)]
            found[friend] = Expected(states[friend], due, due and (most is None or len(before) < most))
        return found

    def converted(self, code: Entered) -> datetime | None:
        """When a friend qualified."""
        good = [order.at for order in self._in_window(code) if self._is_enough(order.left)]
        return sorted(good)[self.conditions.order - 1] if len(good) >= self.conditions.order else None

    def _comes_before(self, other: Entered, code: Entered) -> bool:
        """Whether another friend of the same referrer qualified earlier in the same month."""
        mine, theirs = self.converted(code), self.converted(other)
        assert mine is not None
        assert theirs is not None
        same_month = mine.astimezone(ROME).strftime("%Y-%m") == theirs.astimezone(ROME).strftime("%Y-%m")
        return other.referrer == code.referrer and same_month and (theirs, other.number) < (mine, code.number)

    def _state(self, code: Entered, now: datetime) -> str:
        if self.converted(code) is not None:
            verdict = code.decision or self._verdict(code)
            return {"accept": "rewarded", "hold": "held", "reject": "rejected"}[verdict]
        ordered = [order for order in self._in_window(code) if self._is_enough(order.amount)]
        if len(ordered) >= self.conditions.order:
            return "undone"
        return "lapsed" if now > code.at + self.conditions.window else "joined"

    def _verdict(self, code: Entered) -> str:
        bought_before = any(
            order.known and order.member == code.friend and order.at < code.at for order in self.orders.values()
        )
        if bought_before or self._closes_a_ring(code):
            return "reject"
        hour, day = self._came(code, timedelta(hours=1)), self._came(code, timedelta(days=1))
        return "hold" if hour > self.conditions.an_hour or day > self.conditions.a_day else "accept"

    def _closes_a_ring(self, code: Entered) -> bool:
        member, seen = code.referrer, set[int]()
        while member != code.friend:
            above = self.codes.get(member)
            if above is None or above.number > code.number or member in seen:
                return False
            seen.add(member)
            member = above.referrer
        return True

    def _came(self, code: Entered, span: timedelta) -> int:
        return sum(
            other.referrer == code.referrer and other.number <= code.number and other.at > code.at - span
            for other in self.codes.values()
        )

    def _in_window(self, code: Entered) -> list[Told]:
        end = code.at + self.conditions.window
        return [
            order
            for order in self.orders.values()
            if order.known and order.member == code.friend and code.at <= order.at <= end
        ]

    def _is_enough(self, amount: Decimal) -> bool:
        return amount > 0 and amount >= self.conditions.minimum
