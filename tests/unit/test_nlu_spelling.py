"""One spelling for what people type, and one sound for the two ways of writing Arabic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.arabizi import skeleton
from nlu.ngrams import ngrams
from nlu.spelling import level, tokens


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("GRAZIEEEE", "graziee"), ("perché", "perche"), ("ｐｕｎｔｉ", "punti"), ("𝓹𝓾𝓷𝓽𝓲", "punti"), ("٥٠٠", "500"),
        ("نُقَاطِي", "نقاطي"), ("نقطــة", "نقطه"), ("أإآا", "اا"), ("q\u200bu\u200duanti", "quuanti"), ("👍🏽", "👍"),
        ("\u202epunti\u202c", "punti"), ("❤️", "❤"),
    ],
)  # fmt: skip
def test_spellings_of_a_word_become_one(typed: str, plain: str) -> None:
    assert level(typed) == level(plain)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("codice K7PM-3XQ9!", ["codice", "#code"]),
        ("see https://example.org/a?b=1 now", ["see", "#link", "now"]),
        ("call +39 333 1234567", ["call", "#phone"]),
        ("ho 500pts, forse 1.500", ["ho", "#3", "pts", "forse", "#5"]),
        ("3andi kam no2ta?", ["3andi", "kam", "no2ta", "?"]),
        ("🍕", ["🍕"]),
    ],
)
def test_what_is_never_the_same_twice_stands_for_its_kind(text: str, found: list[str]) -> None:
    assert tokens(text) == found


@pytest.mark.parametrize(
    ("arabic", "latin"),
    [
        ("عندي", ("3andi", "3ndy", "3endi")), ("كام", ("kam",)), ("نقطة", ("no2ta", "nokta", "no8ta", "noqta")),
        ("خلاص", ("khalas", "5alas")), ("شكرا", ("shokra", "chokra")), ("حبيبي", ("7abibi", "habibi")),
    ],
)  # fmt: skip
def test_arabic_letters_and_arabizi_have_the_same_skeleton(arabic: str, latin: tuple[str, ...]) -> None:
    assert {skeleton(level(word)) for word in latin} == {skeleton(level(arabic))}


@given(st.text())
def test_levelling_levels_once_and_features_come_of_any_text(text: str) -> None:
    once = level(text)
    assert not any(sign.isupper() for sign in once if sign.isascii())
    assert list(ngrams(text)) == list(ngrams(text))
    for word in tokens(text):
        assert skeleton(word) == skeleton(word)
