"""Nobody can be told by what designers read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.masking import anonymous


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("call me on +39 333 123.4567 please", "call me on [number] please"),
        ("٠١٠٠١٢٣٤٥٦٧ رقمي", "[number] رقمي"),
        ("mail anna.b@example.org!", "mail [mail]"),
        ("see https://example.org/u/4711", "see [link]"),
        ("my code is K7PM-3XQ9", "my code is [code]"),
        ("IBAN IT60 X054 2811 1010 0000 0123 456", "IBAN [account]"),
        ("sono Anna, quanti punti ha anna bianchi?", "sono [name], quanti punti ha [name] [name]?"),
        ("do i have 500 points", "do i have 500 points"),
    ],
)
def test_what_says_who_she_is_is_taken_out(said: str, read: str) -> None:
    assert anonymous(said, "Anna Bianchi") == read


@given(st.text(), st.text(max_size=20))
def test_any_text_and_any_name_will_do(text: str, name: str) -> None:
    assert isinstance(anonymous(text, name), str)


@given(st.integers(10**6, 10**15))
def test_no_long_number_is_left(number: int) -> None:
    assert str(number) not in anonymous(f"write to {number} or +{number}")
