"""The earning rules once more, as simply as can be: everything is worked out from scratch, in order of time.

It knows nothing of what was given when, and shares nothing with `loyalty` but the words of a programme file.
"""

import calendar
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from loyalty.orders.bills import Line
from loyalty.programme import Programme
from loyalty.rules.earning import Bonus, Goods
from loyalty.rules.tiers import Tiers


@dataclass(frozen=True)
class Told:
    """Something that was reported, and the rules that were in force when it was."""

    kind: str
    """`purchase`, `refund`, `edit`, `cancellation` or `activity`."""
    key: str
    at: datetime
    rules: Programme
    order: str = ""
    amount: Decimal = Decimal(0)
    lines: tuple[Line, ...] = ()
    name: str = ""


@dataclass
class Item:
    """A line of what is left of an order."""

    product: str
    category: str | None
    number: int
    money: Fraction | None

    def of(self, goods: Goods) -> bool:
        return self.product in goods.products or self.category in goods.categories


@dataclass
class Left:
    """What is left of an order."""

    paid: Fraction
    items: list[Item] = field(default_factory=list)


@dataclass(frozen=True)
class Fact:
    """An order or activity of the past, with what it earned."""

    at: datetime
    kind: str
    name: str
    spend: Fraction
    points: int


def recompute(told: Iterable[Told]) -> dict[str, tuple[int, Decimal]]:
    """By origin, what each order and activity of one member is worth, and what the order comes to."""
    told = list(told)
    events = sorted(
        (one for one in told if one.kind in {"purchase", "activity"}), key=lambda one: (one.at, one.kind, one.key)
    )
    found: dict[str, tuple[int, Decimal]] = {}
    past: list[Fact] = []
    for one in events:
        if one.kind == "activity":
            points = activity_points(one, past)
            found[f"activity:{one.key}"] = points, Decimal(0)
            past.append(Fact(one.at, "activity", one.name, Fraction(0), points))
        else:
            left = what_is_left(one, [change for change in told if change.order == one.key])
            points = order_points(one, left, past)
            found[f"purchase:{one.key}"] = points, Decimal(left.paid.numerator) / Decimal(left.paid.denominator)
            if left.paid > 0:
                past.append(Fact(one.at, "order", "", left.paid, points))
    return found


def what_is_left(order: Told, changes: list[Told]) -> Left:
    if any(change.kind == "cancellation" for change in changes):
        return Left(Fraction(0))
    versions = [order, *sorted((one for one in changes if one.kind == "edit"), key=lambda one: (one.at, one.key))]
    amount = Fraction(versions[-1].amount)
    lines = next((one.lines for one in reversed(versions) if one.lines), ())
    items = [
        Item(line.product, line.category, line.quantity, None if line.amount is None else Fraction(line.amount))
        for line in lines
    ]
    listed = sum((item.money or 0 for item in items), Fraction(0))
    if listed > amount:
        scale(items, amount / listed)
    refunds = sorted((one for one in changes if one.kind == "refund"), key=lambda one: (one.at, one.key))
    unnamed = paid = amount
    for refund in refunds:
        paid -= Fraction(refund.amount)
        unnamed -= give_back(items, refund)
    if paid <= 0:
        return Left(Fraction(0))
    if paid != unnamed:
        scale(items, paid / unnamed)
        for item in items:
            item.number = math.ceil(item.number * paid / unnamed)
    return Left(paid, items)


def scale(items: list[Item], part: Fraction) -> None:
    for item in items:
        item.money = None if item.money is None else item.money * part


def give_back(items: list[Item], refund: Told) -> Fraction:
    """Take the lines of a refund off; the money that makes."""
    parts: list[tuple[Item, Fraction]] = []
    before = {id(item): (item.number, item.money or Fraction(0)) for item in items}
    for line in refund.lines:
        wanted, money = line.quantity, None if line.amount is None else Fraction(line.amount)
        for item in items:
            if item.product != line.product:
                continue
            number, price = before[id(item)]
            taken = min(wanted, item.number)
            already = sum((part for other, part in parts if other is item), Fraction(0))
            usual = price * taken / number if number else Fraction(0)
            part = min(usual if money is None else money, price - already)
            item.number -= taken
            wanted -= taken
            money = None if money is None else money - part
            parts.append((item, part))
    listed = sum((part for _, part in parts), Fraction(0))
    share = min(Fraction(refund.amount) / listed, Fraction(1)) if listed else Fraction(1)
    for item, part in parts:
        if item.money is not None:
            item.money -= part * share
    return listed * share


def order_points(order: Told, left: Left, past: list[Fact]) -> int:
    rules, rule = order.rules, order.rules.earning.purchase
    if left.paid <= 0 or left.paid < Fraction(rule.minimum):
        return 0
    excluded = min(sum((item.money or 0 for item in left.items if item.of(rule.excluded)), Fraction(0)), left.paid)
    per_unit = Fraction(rule.points) / Fraction(rule.per)
    base = (left.paid - excluded) * per_unit + rule.each
    level = level_at(rules.tiers, past, order.at, rules.zone) if rules.tiers else None
    factor = next((one.factor for one in rules.tiers.levels if one.id == level), Decimal(1)) if rules.tiers else 1
    exact = base * Fraction(factor)
    on_top = 0
    for bonus in rules.earning.bonuses:
        if not counts(bonus, order, left, past, level):
            continue
        goods = bonus.when.goods
        part = base
        if goods != Goods():
            of = [item.money or 0 for item in left.items if item.of(goods) and not item.of(rule.excluded)]
            part = min(sum(of, Fraction(0)), left.paid) * per_unit
        exact += part * (Fraction(bonus.factor) - 1)
        times = sum(item.number for item in left.items if item.of(goods)) if bonus.per_item else 1
        on_top += bonus.points * times
    points = {"down": math.floor(exact), "up": math.ceil(exact), "half_up": math.floor(exact + Fraction(1, 2))}
    return within_caps(order, points[rule.rounding] + on_top, past, rules.earning.caps.order)


def counts(bonus: Bonus, order: Told, left: Left, past: list[Fact], level: str | None) -> bool:
    when, local = bonus.when, order.at.astimezone(order.rules.zone)
    number = 1 + sum(fact.kind == "order" for fact in past)
    week = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    wrong = [
        when.dates.first is not None and local.date() < when.dates.first,
        when.dates.last is not None and local.date() > when.dates.last,
        bool(when.days) and week[local.weekday()] not in when.days,
        when.hours is not None and not in_hours(f"{local:%H:%M}", *when.hours),
        left.paid < Fraction(when.minimum),
        bool(when.tiers) and level not in when.tiers,
        when.order is not None and number != when.order,
        when.every is not None and number % when.every != 0,
        when.goods != Goods() and not any(item.number and item.of(when.goods) for item in left.items),
    ]
    return not any(wrong)


def in_hours(now: str, begin: str, end: str) -> bool:
    """Whether a time of day lies between two, the second perhaps on the next day."""
    minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (now, begin, end)]
    length = (minutes[2] - minutes[1]) % 1440 or 1440
    return (minutes[0] - minutes[1]) % 1440 < length


def activity_points(deed: Told, past: list[Fact]) -> int:
    rule = deed.rules.earning.activities.get(deed.name)
    if rule is None:
        return 0
    earned = [fact.at for fact in past if fact.kind == "activity" and fact.name == deed.name and fact.points]
    zone = deed.rules.zone
    limits = (
        (rule.a_day, sum(day(at, zone) == day(deed.at, zone) for at in earned)),
        (rule.a_month, sum(month(at, zone) == month(deed.at, zone) for at in earned)),
        (rule.ever, len(earned)),
    )
    if any(most is not None and times >= most for most, times in limits):
        return 0
    return within_caps(deed, rule.points, past, None)


def within_caps(one: Told, points: int, past: list[Fact], at_once: int | None) -> int:
    caps, zone = one.rules.earning.caps, one.rules.zone
    today = sum(fact.points for fact in past if day(fact.at, zone) == day(one.at, zone))
    this_month = sum(fact.points for fact in past if month(fact.at, zone) == month(one.at, zone))
    for most, so_far in ((at_once, 0), (caps.day, today), (caps.month, this_month)):
        if most is not None:
            points = min(points, max(most - so_far, 0))
    return points


def day(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


def month(at: datetime, zone: ZoneInfo) -> tuple[int, int]:
    local = at.astimezone(zone)
    return local.year, local.month


# Levels: every moment that matters is looked at.


def level_at(tiers: Tiers, past: Sequence[Fact], at: datetime, zone: ZoneInfo) -> str | None:
    weights = [(fact.at, weight(tiers.measure, fact)) for fact in past]
    since = at - timedelta(days=tiers.grace_days)
    best = max(
        counted(tiers, weights, moment, zone)
        for moment in (at, since, *(moment for moment, _ in weights if since < moment <= at))
    )
    return next((level.id for level in reversed(tiers.levels) if best >= level.from_), None)


def weight(measure: str, fact: Fact) -> Fraction:
    match measure.split(":"):
        case ["points"]:
            return Fraction(fact.points)
        case ["spend"]:
            return fact.spend
        case ["orders"]:
            return Fraction(fact.kind == "order")
        case ["activity", name]:
            return Fraction(fact.kind == "activity" and fact.name == name)
    return Fraction(0)


def counted(tiers: Tiers, weights: list[tuple[datetime, Fraction]], moment: datetime, zone: ZoneInfo) -> Fraction:
    """What counts at a moment."""
    found = Fraction(0)
    for at, amount in weights:
        end = ends(tiers, at, zone)
        if at <= moment and (end is None or moment < end):
            found += amount
    return found


def ends(tiers: Tiers, at: datetime, zone: ZoneInfo) -> datetime | None:
    """When something stops counting."""
    local = at.astimezone(zone)
    if tiers.calendar == "year":
        return datetime(local.year + 1, 1, 1, tzinfo=zone).astimezone(UTC)
    return None if tiers.months is None else months_later(local, tiers.months).astimezone(UTC)


def months_later(local: datetime, months: int) -> datetime:
    """The same day so many months later, or the last of a shorter month."""
    year, month0 = divmod(local.year * 12 + local.month - 1 + months, 12)
    last = calendar.monthrange(year, month0 + 1)[1]
    return local.replace(year=year, month=month0 + 1, day=min(local.day, last), fold=0)
