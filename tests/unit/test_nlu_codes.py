"""Referral codes in a text, with and without typing mistakes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.codes import ALPHABET, REFERRAL_SIGNS, near_codes, new_code, read_code, show_code
from nlu.codes import find_codes


def codes() -> st.SearchStrategy[str]:
    signs = st.text(ALPHABET, min_size=REFERRAL_SIGNS, max_size=REFERRAL_SIGNS)
    return signs.map(lambda body: next(code for sign in ALPHABET if (code := read_code(body + sign))))


@given(codes(), st.sampled_from(["my code is {}", "{}", "el code {} bta3 a5oya", "الكود {} من صديقتي", "({})."]))
def test_a_right_code_is_found_as_it_is_stored(code: str, around: str) -> None:
    for typed in (code, show_code(code)):
        assert [found.value for found in find_codes(around.format(typed))] == [code]


def test_a_code_in_small_letters_is_found() -> None:
    code = "K7PM3XQ9"
    assert [found.value for found in find_codes("mein code: k7pm-3xq9 ok")] == [code]


@pytest.mark.parametrize(
    "text", ["3ayez 7ad", "tomorrow morning", "after 6pm", "12345678", "0612345678", "quanti punti ho"]
)
def test_words_and_numbers_are_no_codes(text: str) -> None:
    assert find_codes(text) == []


@given(st.text())
def test_any_text_can_be_looked_through(text: str) -> None:
    for found in find_codes(text):
        assert 0 <= found.start < found.end <= len(text)


@given(codes(), st.integers(0, REFERRAL_SIGNS), st.sampled_from(ALPHABET + "01OILU"))
def test_a_code_with_one_slip_is_near_the_right_one(code: str, at: int, sign: str) -> None:
    wrong, short, long = code[:at] + sign + code[at + 1 :], code[:at] + code[at + 1 :], code[:at] + sign + code[at:]
    for typed in {wrong, short, long} - {code}:
        assert code in near_codes(show_code(typed).lower())


def test_few_codes_are_near_one_that_was_mistyped() -> None:
    for _ in range(50):
        code = new_code(REFERRAL_SIGNS)
        assert len(near_codes("O" + code[1:])) == 1
        assert len(near_codes(code[:-1])) <= REFERRAL_SIGNS + 1
    assert near_codes("") == near_codes("K7PM") == frozenset()
