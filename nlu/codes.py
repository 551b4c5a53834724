"""Referral codes in a text, also those with a typing mistake: the check character tells which they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import regex

from loyalty.codes import ALPHABET, REFERRAL_SIGNS, read_code

_RUN = regex.compile(r"(?<![\p{L}\p{N}])[A-Za-z0-9]+(?![\p{L}\p{N}])")
_BETWEEN = regex.compile(r"[ \-–—_.]")
_SIGNS = REFERRAL_SIGNS + 1
_SHAPES = (
    regex.compile(rf"[{ALPHABET}]{{4}}(?=[A-Z]*[0-9])[{ALPHABET}]{{4}}"),
    regex.compile(rf"(?=(?:[A-Z]*[0-9]){{2}})[{ALPHABET}]{{8}}"),
)
"""In small letters: a digit in the second half, or two of them. A word in Arabizi that is as long seldom has them."""
_HALF = _SIGNS // 2


@dataclass(frozen=True, slots=True)
class FoundCode:
    """What stands for a code from `start` to `end`; in its stored spelling if its check holds, else as it was typed."""

    start: int
    end: int
    value: str


def find_codes(text: str) -> list[FoundCode]:
    """The codes in a text, and what is so like one that it is probably meant as one."""
    found: list[FoundCode] = []
    for start, end in _candidates(text):
        typed = text[start:end]
        code = read_code(typed)
        if code is not None and len(code) == _SIGNS and _looks(typed):
            found.append(FoundCode(start, end, code))
        elif _misspelt(typed):
            found.append(FoundCode(start, end, typed.upper()))
    # right ones first, then those without a space, then longer ones
    found.sort(key=lambda one: (read_code(one.value) is None, " " in text[one.start : one.end], one.start - one.end))
    apart: list[FoundCode] = []
    for one in found:
        if not any(one.start < other.end and other.start < one.end for other in apart):
            apart.append(one)
    return sorted(apart, key=lambda one: one.start)


def _candidates(text: str) -> Iterator[tuple[int, int]]:
    """Where a code may stand: one word, or two with one sign between."""
    runs = [match.span() for match in _RUN.finditer(text)]
    for start, end in runs:
        if abs(end - start - _SIGNS) <= 1:
            yield start, end
    for (start, middle), (after, end) in pairwise(runs):
        if after - middle == 1 and _BETWEEN.match(text, middle):
            halves, slack = (middle - start, end - after), text[middle] == "-"  # words are as long as halves, nearly
            if all(abs(half - _HALF) <= slack for half in halves) and abs(sum(halves) - _SIGNS) <= slack:
                yield start, end


def _looks(typed: str) -> bool:
    """Whether letters that pass the check are a code: one word in thirty passes too."""
    return _digits(typed) > 0 or typed == typed.upper()


def _misspelt(typed: str) -> bool:
    """Whether something that fails the check is a code all the same, by its looks."""
    signs = _BETWEEN.sub("", typed)
    if not _digits(typed) or signs.isdecimal():
        return False
    return typed == typed.upper() or any(shape.fullmatch(signs.upper()) for shape in _SHAPES)


def _digits(typed: str) -> int:
    return sum(sign.isdecimal() for sign in typed)
