"""Amounts of points, in digits and in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.numbers import MOST, find_numbers


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("have i got 500 points", 500), ("500pts", 500), ("1.500 punti", 1500), ("1,500 points", 1500),
        ("1 500 pts", 1500), ("2k points", 2000), ("1,5k", 1500), ("٥٠٠ نقطة", 500), ("١٬٠٠٠ نقطة", 1000),
        ("five hundred", 500), ("a hundred and fifty", 150), ("two thousand five hundred points", 2500),
        ("twenty-five points", 25), ("cinquecento punti", 500), ("millecinquecento", 1500), ("duemilatrecento", 2300),
        ("ventotto", 28), ("2mila", 2000), ("quinientas", 500), ("mil doscientos puntos", 1200),
        ("treinta y cinco puntos", 35), ("deux cent cinquante", 250), ("quatre-vingt-dix points", 90),
        ("soixante-quinze", 75), ("trois mille", 3000), ("خمسمية نقطة", 500), ("خمسمائة نقطة", 500),
        ("مية وخمسين", 150),
        ("خمسة وعشرين نقطة", 25), ("ألف وميتين", 1200), ("ثلاثة آلاف", 3000), ("مئتا نقطة", 200),
        ("there was a +20", 20),
    ],
)  # fmt: skip
def test_an_amount_is_understood(text: str, value: int) -> None:
    (found,) = find_numbers(text)
    assert found.value == value


@pytest.mark.parametrize(
    "text",
    [
        "5€", "$20", "10%", "alle 10:30", "https://example.org/?id=55", "+39 333 1234567", "mille grazie",
        "merci mille fois",
        "ألف شكر", "un caffè", "once upon a time", "sei un angelo", "3andi", "12345678", "due amici",
    ],
)  # fmt: skip
def test_what_is_no_amount_is_left_alone(text: str) -> None:
    assert find_numbers(text) == []


@given(st.integers(min_value=0, max_value=MOST))
def test_any_number_in_digits_is_itself(value: int) -> None:
    assert [found.value for found in find_numbers(f"ho {value} punti")] == [value]


@given(st.text())
def test_any_text_can_be_looked_through(text: str) -> None:
    for found in find_numbers(text):
        assert 0 <= found.start < found.end <= len(text)
        assert 0 <= found.value <= MOST
