"""What an order comes to: the report, and everything that was told about it afterwards, in whatever order it came."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from typing import Any, Literal, Self

ChangeKind = Literal["refund", "cancellation", "edit"]
EXACT = Context(prec=60)
"""Shares of amounts are worked out to so many digits that a whole number of points never falls short by rounding."""
GRAIN = Decimal(1).scaleb(-25)
"""Far below any difference that amounts and rules can make, far above what `EXACT` loses."""
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an order; `amount` is what all of it cost, if the till says so."""

    product: str
    quantity: int = 1
    amount: Decimal | None = None
    category: str | None = None

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """A line as it is kept."""
        amount = line.get("amount")
        return cls(
            line["product"], line.get("quantity", 1), None if amount is None else Decimal(amount), line.get("category")
        )

    def to_json(self) -> dict[str, Any]:
        """The line as it is kept: amounts as text."""
        return {
            "product": self.product, "quantity": self.quantity, "category": self.category,
            "amount": None if self.amount is None else str(self.amount),
        }  # fmt: skip

    def share(self, part: Decimal, whole: Decimal) -> Self:
        """What is left of the line if of a whole only a part was paid for in the end.

        An item counts as long as any of it was paid for: what is given back for no line is a discount, no return.
        """
        amount = None if self.amount is None else self.amount * part / whole
        items = (self.quantity * part / whole).quantize(GRAIN).to_integral_value(ROUND_CEILING)
        return replace(self, amount=amount, quantity=int(items))


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was told about an order later."""

    kind: ChangeKind
    key: str
    amount: Decimal
    occurred_at: datetime
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Bill:
    """What an order comes to: the money that was paid and kept, and for what. The lines never make more than that."""

    paid: Decimal
    lines: tuple[Line, ...] = ()


def bill(amount: Decimal, lines: tuple[Line, ...], changes: Iterable[Change]) -> Bill:
    """What is left of an order after all changes. It does not depend on the order in which they are given.

    The newest edit says what was ordered; one without lines leaves them as they were. Refunds are taken off it; a
    cancelled order comes to nothing. A discount on the whole, and what was given back for no line in particular, is
    spread over all lines by their amounts.
    """
    changes = sorted(changes, key=lambda change: (change.occurred_at, change.key))
    if any(change.kind == "cancellation" for change in changes):
        return Bill(_NOTHING)
    for edit in (change for change in changes if change.kind == "edit"):
        amount, lines = edit.amount, edit.lines or lines
    refunds = [change for change in changes if change.kind == "refund"]
    paid = max(amount - sum((refund.amount for refund in refunds), _NOTHING), _NOTHING)
    if not lines or not paid:
        return Bill(paid)
    with localcontext(EXACT):
        kept, named = _without(_within(amount, lines), refunds)
        before = amount - named
        return Bill(paid, tuple(kept) if paid == before else tuple(line.share(paid, before) for line in kept))


def _within(amount: Decimal, lines: Sequence[Line]) -> Sequence[Line]:
    """The lines, less a discount on the whole order."""
    total = sum((line.amount or _NOTHING for line in lines), _NOTHING)
    if total <= amount:
        return lines
    return [replace(line, amount=None if line.amount is None else line.amount * amount / total) for line in lines]


def _without(lines: Sequence[Line], refunds: Iterable[Change]) -> tuple[list[Line], Decimal]:
    """The lines without what was returned of them by name, and the money that makes."""
    kept, total = list(lines), _NOTHING
    for refund in refunds:
        returned = _returned(kept, refund.lines)
        listed = sum((amount for _, amount in returned.values()), _NOTHING)
        for number, (items, amount) in returned.items():
            line = kept[number]
            # A line is returned for no more than the money that was given back.
            part = amount * refund.amount / listed if listed > refund.amount else amount
            left = None if line.amount is None else line.amount - part
            kept[number] = replace(line, quantity=line.quantity - items, amount=left)
            total += part
    return kept, total


def _returned(lines: Sequence[Line], back: Iterable[Line]) -> dict[int, tuple[int, Decimal]]:
    """Items and money by the number of the line they belong to. Money that is not told is the price of the items."""
    found: dict[int, tuple[int, Decimal]] = {}
    for one in back:
        items_left, money_left = one.quantity, one.amount
        for number, line in enumerate(lines):
            if line.product != one.product:
                continue
            items_before, money_before = found.get(number, (0, _NOTHING))
            items = min(items_left, line.quantity - items_before)
            most = (line.amount or _NOTHING) - money_before
            price = (line.amount or _NOTHING) * items / line.quantity if line.quantity else _NOTHING
            money = min(price if money_left is None else money_left, most)
            found[number] = items_before + items, money_before + money
            items_left -= items
            money_left = None if money_left is None else money_left - money
    return found
