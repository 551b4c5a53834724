"""Amounts of points in a text: digits of both kinds, "1.500", "2k", and number words of five languages."""

from dataclasses import dataclass

import regex

from nlu.number_words import ARTICLES, HUNDREDS, JOINERS, THOUSANDS, WORDS, century
from nlu.spelling import level

_TOKEN = regex.compile(r"\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?![\d.,])|\d+(?:[.,٬٫'’]\d+)*|[\p{L}\p{M}]+|\S")
_NO_AMOUNT = regex.compile(r"https?://\S+|www\.\S+|\+?\d(?:[ ().-]{0,2}\d){7,}")
"""Links and phone numbers."""
_DIGITS = regex.compile(r"\d{1,6}|\d{1,3}(?:[ .,']\d{3})+|\d{1,3}[.,]\d")
_THOUSANDS_SIGN = regex.compile(r"[ .,'](?=\d{3}(?!\d))")
_NEXT_SAYS_NO = regex.compile(r"[%٪€$£:/°]|eur|euros?|dollars?|dirhams?|جنيه|ريال|درهم|دينار|يورو")
_BEFORE_SAYS_NO = regex.compile(r"[€$£:/#]")
_POINTS = regex.compile(r"p(?:oi)?nts?|pts?|ptos?|punt[io]s?|نقط\w*|نقاط\w*|بوينت\w*|no[2789q]?k?[aei]?t\w*")
_SMALL = 10
_LOOSE = frozenset({
    "once", "cent", "cents", "cento", "cien", "cientos", "hundred", "hundreds", "thousand", "thousands",
})  # fmt: skip
"""Words that say more often something else than a number; small numbers do so too."""
_THANKS = regex.compile(r"graz\w*|gracias|merci\w*|thank\w*|scus\w*|fois|volte|veces|شكر\w*|تحي\w*")
"""A thousand of these are no points."""
MOST = 999_999


@dataclass(frozen=True, slots=True)
class FoundNumber:
    """A number from `start` to `end` of a text."""

    start: int
    end: int
    value: int


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    start: int
    end: int


def find_numbers(text: str) -> list[FoundNumber]:
    """The numbers in a text that may be amounts of points; not prices, percentages, times, or parts of words."""
    bare = _NO_AMOUNT.sub(lambda match: "_" * len(match.group()), text)
    pieces = [_Piece(level(match.group()), *match.span()) for match in _TOKEN.finditer(bare)]
    found: list[FoundNumber] = []
    place = 0
    while place < len(pieces):
        number, place = _digits(pieces, place) if pieces[place].text[:1].isdecimal() else _words(pieces, place)
        if number is not None and 0 <= number.value <= MOST:
            found.append(number)
    return found


def _digits(pieces: list[_Piece], place: int) -> tuple[FoundNumber | None, int]:
    piece, after = pieces[place], pieces[place + 1] if place + 1 < len(pieces) else None
    glued = after is not None and after.start == piece.end
    if _DIGITS.fullmatch(piece.text) is None:
        return None, place + 1
    if place and pieces[place - 1].end == piece.start and _refuses(pieces[place - 1].text):
        return None, place + 1
    amount = _amount(piece.text)
    if after is not None and after.text in THOUSANDS:
        return FoundNumber(piece.start, after.end, round(amount * 1000)), place + 2
    if after is not None and _NEXT_SAYS_NO.fullmatch(after.text):
        return None, place + 2
    if (glued and after is not None and after.text[:1].isalpha() and not _POINTS.fullmatch(after.text)) or amount % 1:
        return None, place + 1
    return FoundNumber(piece.start, piece.end, int(amount)), place + 1


def _refuses(before: str) -> bool:
    return before[-1:].isalpha() or _BEFORE_SAYS_NO.fullmatch(before) is not None


def _amount(digits: str) -> float:
    return float(_THOUSANDS_SIGN.sub("", digits).replace(",", "."))


def _words(pieces: list[_Piece], place: int) -> tuple[FoundNumber | None, int]:
    """The longest run of number words from here on."""
    total = current = count = 0
    first = last = place
    here = place
    while here < len(pieces):
        word = pieces[here].text
        if count and (word in JOINERS or word == "-"):
            here += 1
            continue
        bare = word.removeprefix("و") if count and word.startswith("و") and word not in WORDS else word
        hundreds = century(bare)
        if bare in ARTICLES and not count and _is_great(pieces, here + 1):
            current, count = 1, 1
        elif bare in HUNDREDS:
            current = (current or 1) * 100 if current < 10 else current + 100
        elif bare in THOUSANDS and bare != "k":
            total, current = total + (current or 1) * 1000, 0
        elif hundreds is not None:
            current += hundreds
        elif bare in WORDS and _fits(current, WORDS[bare], bare):
            value = WORDS[bare]
            current = 80 if (current % 100, value) == (4, 20) else current + value
        else:
            break
        count, last, here = count + 1, here, here + 1
    if not count:
        return None, place + 1
    value, after = total + current, last + 1
    alone = last == first and (value < _SMALL or pieces[first].text in _LOOSE)
    following = pieces[after].text if after < len(pieces) else ""
    if (alone and not _POINTS.fullmatch(following)) or _THANKS.fullmatch(following):
        return None, after
    return FoundNumber(pieces[first].start, pieces[last].end, value), after


def _fits(current: int, value: int, word: str) -> bool:
    """Whether a number word goes on with a number, or begins another ("sei un angelo")."""
    if current == 0 or current % (10 if value < 10 else 100 if value < 100 else 1000) == 0:
        return True
    if 10 <= value < 20 and current % 100 in {60, 80}:  # soixante-dix
        return True
    if (current % 100, value) == (4, 20):  # quatre-vingts
        return True
    return value % 10 == 0 and current % 100 < 10 and "\u0600" <= word[0] <= "\u06ff"  # خمسة وعشرين


def _is_great(pieces: list[_Piece], place: int) -> bool:
    return place < len(pieces) and pieces[place].text in HUNDREDS | THOUSANDS
