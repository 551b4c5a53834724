"""Money: exact decimals with a currency, never floats."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Self

from babel.core import get_global
from babel.numbers import get_currency_precision

from loyalty.errors import Invalid

LARGEST = Decimal(10) ** 9
"""No till sells for more; a larger amount is a mistake of the sender."""
_PLAIN = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")


@cache
def _currencies() -> frozenset[str]:
    return frozenset(get_global("all_currencies"))


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in an ISO 4217 currency."""

    amount: Decimal
    currency: str

    @classmethod
    def parse(cls, amount: str, currency: str, *, field: str = "amount") -> Self:
        """Read `"42.50", "EUR"`. Raises `Invalid` for anything that is not a plain, non-negative amount."""
        code = currency.upper()
        if code not in _currencies():
            raise Invalid(f"unknown currency {currency[:8]!r}: use an ISO 4217 code such as EUR", field="currency")
        if not _PLAIN.fullmatch(amount):
            raise Invalid(f'{field} must be a decimal string such as "42.50"', field=field)
        value = Decimal(amount)
        if value > LARGEST:
            raise Invalid(f"{field} must be between 0 and {LARGEST}", field=field)
        places = get_currency_precision(code)
        quantised = value.quantize(Decimal(1).scaleb(-places))
        if quantised != value:
            raise Invalid(f"{field} has more than {places} decimal places for {code}", field=field)
        return cls(quantised, code)
