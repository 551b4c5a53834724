"""When a friend's arrival counts: from her orders or her joining, whatever order the news came in. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from loyalty.rules.referral import ReferralRule, Verdict

State = Literal["joined", "rewarded", "held", "rejected", "lapsed", "undone"]
_STATES: dict[Verdict, State] = {"accept": "rewarded", "hold": "held", "reject": "rejected"}


@dataclass(frozen=True, slots=True)
class Order:
    """An order of the friend: what it first came to and what is left of it."""

    at: datetime
    ordered: Decimal
    paid: Decimal
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """How far a friend got. `at` is when she qualified, `order` by which order, unless by joining."""

    at: datetime | None = None
    order: Order | None = None
    given_back: bool = False
    """She did not qualify, but would have without refunds."""


def window_end(rule: ReferralRule, entered_at: datetime) -> datetime:
    """Until when (included) something counts after a code was entered."""
    return entered_at + timedelta(days=rule.window_days)


def arrival(
    rule: ReferralRule, entered_at: datetime, joined_at: datetime | None, orders: Iterable[Order]
) -> Arrival:  # fmt: skip
    """How far a friend got who entered the code at `entered_at`. `orders` come in order of time.

    What she bought before does not count here; that she did is for the checks. Somebody who had joined before she
    entered the code qualifies by registration when she enters it.
    """
    end = window_end(rule, entered_at)
    if rule.on == "registration":
        return Arrival(max(joined_at, entered_at)) if joined_at is not None and joined_at <= end else Arrival()
    counted = before_refunds = 0
    for order in orders:
        if not entered_at <= order.at <= end:
            continue
        before_refunds += _counts(rule, max(order.ordered, order.paid))
        counted += _counts(rule, order.paid)
        if counted == rule.order:
            return Arrival(order.at, order)
    return Arrival(given_back=before_refunds >= rule.order)


def state_of(found: Arrival, verdict: Verdict | None, end: datetime, now: datetime) -> State:
    """Where a referral stands. `verdict` says what was made of a friend who qualified."""
    if found.at is not None:
        return _STATES[verdict or "hold"]
    if found.given_back:
        return "undone"
    return "lapsed" if now > end else "joined"


def _counts(rule: ReferralRule, amount: Decimal) -> bool:
    return amount > 0 and amount >= rule.minimum
