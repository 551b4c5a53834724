"""One spelling for what people type on a phone.

Capitals, accents, Arabic vowel signs and letter forms, Eastern digits, full-width and styled letters, elongation
("grazieee"), and signs that cannot be seen (zero width, writing direction, skin tones) make no difference.
"""

import unicodedata

import regex

__all__ = ["level", "tokens"]

_INVISIBLE = regex.compile(r"[\p{Mn}\p{Me}\p{Cf}\p{Cs}\p{Co}\U0001F3FB-\U0001F3FF]+")
_LONG = regex.compile(r"(\p{L})\1{2,}")
_EASTERN = regex.compile(r"[^\P{Nd}0-9]")
_ARABIC = str.maketrans({
    "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ة": "ه", "ؤ": "و", "ئ": "ي", "ء": "", "ـ": "",
    "گ": "ك", "ک": "ك", "ڤ": "ف", "پ": "ب", "چ": "ج", "؟": "?", "¿": "?", "’": "'", "٬": ",", "٫": ".",
})  # fmt: skip
_TOKEN = regex.compile(
    r"(?P<link>https?://\S+|www\.\S+|[^\s@]+@[^\s@]+\.[^\s@]+)"
    r"|(?P<code>\b(?=[a-z]*[0-9])[2-9a-hj-km-np-tv-z]{4}[ -]?(?=[a-z]*[0-9])[2-9a-hj-km-np-tv-z]{4}\b)"
    r"|(?P<phone>(?<![\p{L}\p{N}])\+?\d(?:[ ().-]{0,2}\d){7,}(?!\p{L}))"
    r"|(?P<number>(?<![\p{L}\p{N}])(?:\+?\d{2,}(?:[.,]\d+)*+|\d(?:[.,]\d+)*+(?!\p{L})))"
    r"|[\p{L}\p{N}]+|\p{Extended_Pictographic}|\?"
)
_LONGEST_NUMBER = 7


def level(text: str) -> str:
    """The text in one spelling: lower case, no accents, one form of each Arabic letter, Western digits."""
    mapped = unicodedata.normalize("NFKC", text).casefold().translate(_ARABIC)
    bare = _INVISIBLE.sub("", unicodedata.normalize("NFKD", mapped))
    western = _EASTERN.sub(lambda sign: str(unicodedata.digit(sign.group())), bare)
    return str(_LONG.sub(r"\1\1", western))


def tokens(text: str) -> list[str]:
    """The words, emoji and question marks of a text, levelled.

    What is never the same twice stands for its kind: `#link`, `#code`, `#phone`, and `#3` for a number of three signs.
    """
    return [_token(match) for match in _TOKEN.finditer(level(text))]


def _token(match: "regex.Match[str]") -> str:
    kind = match.lastgroup
    if kind is None:
        return str(match.group())
    return f"#{min(len(match.group()), _LONGEST_NUMBER)}" if kind == "number" else f"#{kind}"
