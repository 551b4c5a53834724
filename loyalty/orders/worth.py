"""What an order or an activity is worth, and why: the earning rules as a pure function.

The base is the money that was paid and kept: after discounts, refunds and edits, as the till reports it. Factors add
up: a double day (+1) for a member whose level counts one and a half (+0.5) makes two and a half times. It is rounded
once, at the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext

from loyalty.orders.bills import EXACT, GRAIN, Bill, Line
from loyalty.programme import Programme
from loyalty.rules.earning import Bonus, Condition, Goods, PurchaseRule

LARGEST = 10**9
"""No order earns more points, whatever a programme says; no activity can."""
_SHOWN = Decimal(1).scaleb(-12)
_ZERO = Decimal(0)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


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
    """A rule that was looked at: what it added (or took off, for a cap; nothing, if it did not count), and why."""

    rule: str
    points: Decimal
    why: str


@dataclass(frozen=True, slots=True)
class Worth:
    """What something is worth, in whole points, and how that came about: the points of the rules add up to it."""

    points: int
    applied: tuple[Applied, ...]


def order_worth(programme: Programme, bill: Bill, at: datetime, before: Before, *, explain: bool = False) -> Worth:
    """What an order is worth that was placed at `at`. To `explain` also names the bonuses that do not count."""
    rule = programme.earning.purchase
    if bill.paid <= 0:
        return _nothing("purchase", "nothing of the order was kept")
    if bill.paid < rule.minimum:
        return _nothing("purchase", f"the order comes to {_plain(bill.paid)}, needs {_plain(rule.minimum)}")
    holding, failing = _sorted(programme, bill, at, before)
    with localcontext(EXACT):
        excluded = _share(bill, rule.excluded)
        base = _points_for(rule, bill.paid - excluded) + rule.each
        each = f" and {rule.each} for the order" if rule.each else ""
        less = f" without {_plain(excluded)} that earns nothing" if excluded else ""
        why = f"{rule.points} for each {_plain(rule.per)} of {_plain(bill.paid)}{less}{each}"
        steps = [Applied("purchase", base, why), *_factors(programme, bill, before, base, holding)]
        whole = rule.round(_sum(steps).quantize(GRAIN))
        steps = [replace(step, points=_shown(step.points)) for step in steps]
        if rest := whole - _sum(steps):
            steps.append(Applied("rounding", rest, f"whole points, rounded {rule.rounding.replace('_', ' ')}"))
        worth = _capped(programme, [*steps, *_on_top(bill, holding)], before, order=True)
    if not explain or not failing:
        return worth
    return replace(worth, applied=(*worth.applied, *(Applied(f"bonus {id_}", _ZERO, why) for id_, why in failing)))


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


def _sorted(
    programme: Programme, bill: Bill, at: datetime, before: Before
) -> tuple[list[Bonus], list[tuple[str, str]]]:
    """The bonuses that count, and why the others do not."""
    holding: list[Bonus] = []
    failing: list[tuple[str, str]] = []
    if programme.earning.bonuses:
        local = at.astimezone(programme.zone)
        for bonus in programme.earning.bonuses:
            reasons = tuple(_against(bonus.when, bill, local, before))
            if reasons:
                failing.append((bonus.id, "; ".join(reasons)))
            else:
                holding.append(bonus)
    return holding, failing


def _against(when: Condition, bill: Bill, local: datetime, before: Before) -> Iterator[str]:
    """What of a condition does not hold."""
    if not when.holds_at(local):
        yield _untimely(when, local)
    if bill.paid < when.minimum:
        yield f"the order comes to {_plain(bill.paid)}, needs {_plain(when.minimum)}"
    if when.tiers and before.tier not in when.tiers:
        yield f"only for {' or '.join(sorted(when.tiers))}"
    number = before.orders + 1
    if when.order is not None and number != when.order:
        yield f"it is order {number}, not {when.order}"
    if when.every is not None and number % when.every:
        yield f"it is order {number}, not one of each {when.every}"
    if when.goods != Goods() and not any(True for _ in _lines(bill, when.goods)):
        yield f"nothing of {', '.join(sorted(when.goods.products | when.goods.categories))} in it"


def _untimely(when: Condition, local: datetime) -> str:
    """Why the time does not fit: the first reason."""
    first, last = when.dates.first, when.dates.last
    if first is not None and local.date() < first:
        return f"not before {first}"
    if last is not None and local.date() > last:
        return f"not after {last}"
    if not when.model_copy(update={"hours": None}).holds_at(local):
        return f"not on a {_DAYS[local.weekday()]}"
    begin, end = when.hours or ("", "")
    return f"only from {begin} to {end}, it is {local:%H:%M}"


def _factors(
    programme: Programme, bill: Bill, before: Before, base: Decimal, holding: list[Bonus]
) -> Iterator[Applied]:
    level = programme.tiers.level(before.tier) if programme.tiers else None
    if level is not None and level.factor > 1:
        yield Applied(f"tier {level.id}", base * (level.factor - 1), f"{level.factor} times for {level.id}")
    rule = programme.earning.purchase
    for bonus in holding:
        if bonus.factor > 1:
            goods = bonus.when.goods
            part = _points_for(rule, _share(bill, goods, but=rule.excluded)) if goods != Goods() else base
            yield Applied(f"bonus {bonus.id}", part * (bonus.factor - 1), f"{bonus.factor} times {_plain(part)}")


def _on_top(bill: Bill, holding: list[Bonus]) -> Iterator[Applied]:
    for bonus in holding:
        if bonus.points:
            times = sum(line.quantity for line in _lines(bill, bonus.when.goods)) if bonus.per_item else 1
            why = f"{bonus.points} on top" + (f" for each of {times} items" if bonus.per_item else "")
            yield Applied(f"bonus {bonus.id}", Decimal(bonus.points * times), why)


def _points_for(rule: PurchaseRule, money: Decimal) -> Decimal:
    """Not more than can be worked with exactly; it is capped far below that."""
    return min(money * rule.points / rule.per, Decimal(LARGEST**2))


def _lines(bill: Bill, goods: Goods) -> Iterator[Line]:
    return (line for line in bill.lines if line.quantity > 0 and goods.has(line.product, line.category))


def _share(bill: Bill, goods: Goods, *, but: Goods | None = None) -> Decimal:
    """What was paid for some goods; never more than was paid at all."""
    found = (
        line.amount or _ZERO
        for line in bill.lines
        if goods.has(line.product, line.category) and not (but is not None and but.has(line.product, line.category))
    )
    return min(sum(found, _ZERO), bill.paid)


def _capped(programme: Programme, steps: list[Applied], before: Before, *, order: bool = False) -> Worth:
    caps = programme.earning.caps
    points = int(_sum(steps))
    for cap, so_far, what in (
        (caps.order if order else None, 0, "an order"),
        (caps.day, before.today, "a day"),
        (caps.month, before.this_month, "a month"),
        (LARGEST, 0, "at once"),
    ):
        if cap is not None and points > max(cap - so_far, 0):
            left = max(cap - so_far, 0)
            steps = [*steps, Applied(f"cap {what}", Decimal(left - points), f"{cap} points {what} at most")]
            points = left
    return Worth(points, tuple(steps))


def _sum(steps: list[Applied]) -> Decimal:
    return sum((step.points for step in steps), _ZERO)


def _nothing(rule: str, why: str) -> Worth:
    return Worth(0, (Applied(rule, _ZERO, why),))


def _shown(points: Decimal) -> Decimal:
    """Points as they are told: so many places that nobody misses the rest, which goes into the rounding."""
    exponent = points.as_tuple().exponent
    return points.quantize(_SHOWN) if isinstance(exponent, int) and exponent < -12 else points


def _plain(amount: Decimal) -> str:
    """An amount as people write it; shares are told to four places."""
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -4:
        return f"{amount.quantize(Decimal('0.0001')).normalize():f}"
    return f"{amount:f}"
