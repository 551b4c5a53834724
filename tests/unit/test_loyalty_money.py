"""Money: exact, plain, in a known currency."""

from decimal import Decimal

import pytest

from loyalty.errors import Invalid
from loyalty.money import LARGEST, Money


@pytest.mark.parametrize(
    ("amount", "currency", "read"),
    [
        ("42.50", "EUR", "42.50"),
        ("42.5", "EUR", "42.50"),
        ("42", "eur", "42.00"),
        ("0", "EUR", "0.00"),
        ("1500", "JPY", "1500"),
        ("1.250", "KWD", "1.250"),
        ("42.500", "EUR", "42.50"),
        (str(LARGEST), "EUR", "1000000000.00"),
    ],
)
def test_an_amount_is_read_to_the_places_of_its_currency(amount: str, currency: str, read: str) -> None:
    money = Money.parse(amount, currency)
    assert (str(money.amount), money.currency) == (read, currency.upper())


@pytest.mark.parametrize(
    "amount",
    ["", "x", "-1", "-0", "+1", "1,50", "1e3", "1_000", " 1", "1 ", "1.", ".5", "NaN", "Infinity", "٤٢", "0x1f", "1\n"],
)
def test_what_is_no_plain_amount_is_refused(amount: str) -> None:
    with pytest.raises(Invalid, match=r'price must be a decimal string such as "42\.50"') as refused:
        Money.parse(amount, "EUR", field="price")
    assert refused.value.field == "price"


@pytest.mark.parametrize(("amount", "currency", "places"), [("1.005", "EUR", 2), ("1.5", "JPY", 0)])
def test_more_places_than_the_currency_has_are_refused(amount: str, currency: str, places: int) -> None:
    with pytest.raises(Invalid, match=f"more than {places} decimal places for {currency}"):
        Money.parse(amount, currency)


def test_an_amount_no_till_takes_is_refused() -> None:
    with pytest.raises(Invalid, match="between 0 and 1000000000"):
        Money.parse(str(LARGEST + Decimal("0.01")), "EUR")


@pytest.mark.parametrize("currency", ["", "EURO", "XX", "E", "12"])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(Invalid, match="use an ISO 4217 code such as EUR") as refused:
        Money.parse("1", currency)
    assert refused.value.field == "currency"
