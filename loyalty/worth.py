"""What an order or an activity is worth, and why: the earning rules as a pure function.

The base is the money that was paid and kept: after discounts, refunds and edits, as the till reports it. Factors add
up: a double day (+1) for a member whose level counts one and a half (+0.5) makes two and a half times. It is rounded
once, at the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from loyalty.orders import Bill, Line
from loyalty.programme import Programme
from loyalty.rules.earning import Bonus, Goods


@dataclass(frozen=True, slots=True)
class Before:
    """What matters of a member's past, as of the moment of an event."""

    orders: int = 0
    """Orders before this one that were not wholly refunded."""
    tier: str | None = None
    today: int = 0
    this_month: int = 0
    """Points earned by buying and doing, earlier in the same day and month of the programme's zone."""


@dataclass(frozen=True, slots=True)
class Done:
    """How often an activity earned points before: the same day, the same month, ever."""

    today: int = 0
    this_month: int = 0
    ever: int = 0


@dataclass(frozen=True, slots=True)
class Applied:
    """A rule that was looked at: what it added (or took off, for a cap), and why."""

    rule: str
    points: Decimal
    why: str


@dataclass(frozen=True, slots=True)
class Worth:
    """What something is worth, in whole points, and how that came about."""

    points: int
    applied: tuple[Applied, ...]


def order_worth(programme: Programme, bill: Bill, at: datetime, before: Before) -> Worth:
    """What an order is worth that was placed at `at`."""
    rule = programme.earning.purchase
    if bill.paid <= 0:
        return _nothing("purchase", "nothing of the order was kept")
    if bill.paid < rule.minimum:
        return _nothing("purchase", f"{bill.paid} is below the minimum of {rule.minimum}")
    excluded = _share(bill, rule.excluded)
    base = (bill.paid - excluded) * rule.points / rule.per + rule.each
    each = f" and {rule.each} for the order" if rule.each else ""
    less = f" without {excluded} that earns nothing" if excluded else ""
    steps = [Applied("purchase", base, f"{rule.points} for each {rule.per} of {bill.paid}{less}{each}")]
    steps += _factors(programme, bill, at, before, base)
    exact = sum((step.points for step in steps), Decimal(0))
    whole = rule.round(exact)
    if whole != exact:
        steps.append(Applied("rounding", whole - exact, f"whole points, rounded {rule.rounding.replace('_', ' ')}"))
    steps += _on_top(programme, bill, at, before)
    return _capped(programme, steps, before, order=True)


def activity_worth(programme: Programme, name: str, done: Done, before: Before) -> Worth:
    """What an activity is worth; nothing if the programme does not know it any more."""
    rule = programme.earning.activities.get(name)
    if rule is None:
        return _nothing(f"activity {name}", "the programme has no points for it")
    for most, so_far, when in (
        (rule.a_day, done.today, "a day"),
        (rule.a_month, done.this_month, "a month"),
        (rule.ever, done.ever, "ever"),
    ):
        if most is not None and so_far >= most:
            return _nothing(f"activity {name}", f"it earns points {most} times {when} at most")
    return _capped(programme, [Applied(f"activity {name}", Decimal(rule.points), "as the programme says")], before)


def _factors(programme: Programme, bill: Bill, at: datetime, before: Before, base: Decimal) -> Iterator[Applied]:
    level = programme.tiers.level(before.tier) if programme.tiers else None
    if level is not None and level.factor > 1:
        yield Applied(f"tier {level.id}", base * (level.factor - 1), f"{level.factor} times for {level.id}")
    rule = programme.earning.purchase
    for bonus in programme.earning.bonuses:
        if bonus.factor > 1 and _holds(programme, bonus, bill, at, before):
            goods = bonus.when.goods
            part = _share(bill, goods) * rule.points / rule.per if goods != Goods() else base
            yield Applied(f"bonus {bonus.id}", part * (bonus.factor - 1), f"{bonus.factor} times {part}")


def _on_top(programme: Programme, bill: Bill, at: datetime, before: Before) -> Iterator[Applied]:
    for bonus in programme.earning.bonuses:
        if bonus.points and _holds(programme, bonus, bill, at, before):
            times = sum(line.quantity for line in _lines(bill, bonus.when.goods)) if bonus.per_item else 1
            why = f"{bonus.points} on top" + (f" for each of {times} items" if bonus.per_item else "")
            yield Applied(f"bonus {bonus.id}", Decimal(bonus.points * times), why)


def _holds(programme: Programme, bonus: Bonus, bill: Bill, at: datetime, before: Before) -> bool:
    when, number = bonus.when, before.orders + 1
    return (
        when.holds_at(at.astimezone(programme.zone))
        and bill.paid >= when.minimum
        and (not when.tiers or before.tier in when.tiers)
        and (when.order is None or number == when.order)
        and (when.every is None or number % when.every == 0)
        and (when.goods == Goods() or any(True for _ in _lines(bill, when.goods)))
    )


def _lines(bill: Bill, goods: Goods) -> Iterator[Line]:
    return (line for line in bill.lines if line.quantity > 0 and goods.has(line.product, line.category))


def _share(bill: Bill, goods: Goods) -> Decimal:
    """What was paid for some goods; never more than was paid at all."""
    return min(sum((line.amount or Decimal(0) for line in _lines(bill, goods)), Decimal(0)), bill.paid)


def _capped(programme: Programme, steps: list[Applied], before: Before, *, order: bool = False) -> Worth:
    caps = programme.earning.caps
    points = int(sum((step.points for step in steps), Decimal(0)))
    for cap, so_far, what in (
        (caps.order if order else None, 0, "an order"),
        (caps.day, before.today, "a day"),
        (caps.month, before.this_month, "a month"),
    ):
        if cap is not None and points > max(cap - so_far, 0):
            left = max(cap - so_far, 0)
            steps = [*steps, Applied(f"cap {what}", Decimal(left - points), f"{cap} points {what} at most")]
            points = left
    return Worth(points, tuple(steps))


def _nothing(rule: str, why: str) -> Worth:
    return Worth(0, (Applied(rule, Decimal(0), why),))
