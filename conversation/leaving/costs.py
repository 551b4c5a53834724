"""What messages cost, by the operator's own rate card, and what they cost in all.

WhatsApp bills each delivered message by category and by the country of the recipient (Meta: "Pricing on the WhatsApp
Business Platform"; replies too since 2026-10-01). A receipt tells the category, never the amount.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from phonenumbers import country_code_for_region
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from conversation.errors import ConversationError
from conversation.tables import OutboxRow

FREE = frozenset({"free_customer_service", "free_entry_point"})
"""What is delivered for nothing, by the `type` of a receipt's pricing."""


class BadRates(ConversationError):
    """The rate card cannot be read; the message names file and line of the list."""


@dataclass(frozen=True, slots=True)
class Price:
    """An amount of money for one message."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Rate:
    """What a delivered message of a category costs to numbers that begin so, from a day on."""

    prefix: str
    category: str
    price: Price
    begins: date


@dataclass(frozen=True, slots=True)
class CostLine:
    """What a day's messages of one category cost; `unknown` of them had no rate."""

    day: date
    category: str
    currency: str | None
    amount: Decimal
    messages: int
    unknown: int


class RateCard:
    """The rates an operator has filled in (`data/rates.yml`). The longest prefix counts, then the newest day."""

    def __init__(self, rates: tuple[Rate, ...] = ()) -> None:
        self._rates = sorted(rates, key=lambda rate: (len(rate.prefix), rate.begins), reverse=True)

    def price(
        self, category: str | None, kind: str | None, phone: str | None, user_id: str | None, at: datetime
    ) -> Price | None:
        """What a message costs; None if the card does not say. A user id begins with its country."""
        digits = phone.lstrip("+") if phone else _calling_code(user_id)
        for rate in self._rates:
            if rate.category == category and digits.startswith(rate.prefix) and rate.begins <= at.date():
                return Price(Decimal(0), rate.price.currency) if kind in FREE else rate.price
        return None


def read_rates(file: Path) -> RateCard:
    """Read a rate card; a missing file is an empty one. Raises `BadRates`."""
    if not file.is_file():
        return RateCard()
    try:
        rows = (YAML(typ="safe").load(file.read_text("utf-8")) or {}).get("rates") or []
    except (YAMLError, AttributeError, UnicodeDecodeError) as error:
        raise BadRates(f"{file}: it is no list of rates: {str(error).splitlines()[0]}") from None
    if not isinstance(rows, list):
        raise BadRates(f"{file}: `rates` is no list")
    return RateCard(tuple(_rate(file, number, row) for number, row in enumerate(rows, 1)))


def _rate(file: Path, number: int, row: Any) -> Rate:
    try:
        begins = row["from"]
        day = begins if isinstance(begins, date) else date.fromisoformat(str(begins))
        amount = Decimal(str(row["price"]))
        if not amount.is_finite() or amount < 0:
            raise ValueError("a price is a number that is not negative")
        currency = str(row["currency"])
        if len(currency) != 3 or not currency.isupper():
            raise ValueError("a currency has three capital letters, such as EUR")
        return Rate(str(row["prefix"]).lstrip("+"), str(row["category"]), Price(amount, currency), day)
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise BadRates(f"{file}: rate {number}: {type(error).__name__} {error}; each has prefix, category, "
                       "price, currency and from") from None  # fmt: skip


def _calling_code(user_id: str | None) -> str:
    country = (user_id or "").partition(".")[0].upper()
    code = country_code_for_region(country) if len(country) == 2 else 0
    return str(code) if code else ""


def costs(session: Session, programme: str, *, since: date, until: date) -> list[CostLine]:
    """What a programme's messages cost, by day (UTC, `until` not included), category and currency."""
    row = OutboxRow
    found = session.execute(
        select(row.billed_on, row.billed_as, row.currency, row.cost, func.count())
        .where(row.programme_id == programme, row.billed_on >= since, row.billed_on < until)
        .group_by(row.billed_on, row.billed_as, row.currency, row.cost)
    )
    lines: dict[tuple[date, str, str | None], CostLine] = {}
    for day, category, currency, cost, count in found:
        assert day is not None  # it is in the period
        key = (day, category or "unknown", currency)
        line = lines.get(key) or CostLine(*key, Decimal(0), 0, 0)
        lines[key] = CostLine(
            *key,
            line.amount + (cost or 0) * count,
            line.messages + count,
            line.unknown + (count if cost is None else 0),
        )
    return sorted(lines.values(), key=lambda line: (line.day, line.category, line.currency or ""))
