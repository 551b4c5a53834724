"""What an order comes to: the report, and everything that was told about it afterwards, in whatever order it came."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Self

ChangeKind = Literal["refund", "cancellation", "edit"]


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
    """What an order comes to: the money that was paid and kept, and for what."""

    paid: Decimal
    lines: tuple[Line, ...] = ()


def bill(amount: Decimal, lines: tuple[Line, ...], changes: Iterable[Change]) -> Bill:
    """What is left of an order after all changes. It does not depend on the order in which they are given.

    The newest edit says what was ordered; refunds are taken off it; a cancelled order comes to nothing. What was
    given back for no line in particular is spread over all lines by their amounts.
    """
    changes = sorted(changes, key=lambda change: (change.occurred_at, change.key))
    if any(change.kind == "cancellation" for change in changes):
        return Bill(Decimal(0))
    for edit in (change for change in changes if change.kind == "edit"):
        amount, lines = edit.amount, edit.lines
    refunds = [change for change in changes if change.kind == "refund"]
    paid = max(amount - sum((refund.amount for refund in refunds), Decimal(0)), Decimal(0))
    if not refunds or not lines:
        return Bill(paid, lines)
    kept, named = _without(lines, [line for refund in refunds for line in refund.lines])
    before = amount - named
    share = paid / before if before > 0 else Decimal(0)
    return Bill(paid, tuple(_part(line, min(share, Decimal(1))) for line in kept))


def _without(lines: tuple[Line, ...], returned: list[Line]) -> tuple[list[Line], Decimal]:
    """The lines without what was returned of them by name, and the money that makes."""
    kept, total = list(lines), Decimal(0)
    for back in returned:
        amount, quantity = back.amount or Decimal(0), back.quantity
        for number, line in enumerate(kept):
            if line.product != back.product or line.amount is None:
                continue
            part = min(amount, line.amount)
            items = min(quantity, line.quantity)
            kept[number] = replace(line, amount=line.amount - part, quantity=line.quantity - items)
            amount, quantity, total = amount - part, quantity - items, total + part
    return kept, total


def _part(line: Line, share: Decimal) -> Line:
    """A line of which only a share was paid for in the end; items count whole."""
    amount = None if line.amount is None else line.amount * share
    return replace(line, amount=amount, quantity=int(line.quantity * share))
