"""What a chat message is made of, for a classifier: its words, pairs of words, and pieces of words.

Pieces make it sturdy against typing mistakes and endings; words and pairs carry the meaning. The spelling is
levelled first, because people type on a phone: accents, Arabic vowel signs and letter forms, elongation ("grazieee").
"""

import unicodedata
from collections.abc import Iterator
from itertools import pairwise

import regex

SHORTEST, LONGEST = 2, 5
_WORD = regex.compile(r"[\p{L}\p{N}\p{M}]+|\p{Extended_Pictographic}|\?")
_LONG = regex.compile(r"(\p{L})\1{2,}")
_ARABIC = str.maketrans({
    "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ة": "ه", "ؤ": "و", "ئ": "ي", "ـ": "",
    "گ": "ك", "ڤ": "ف", "پ": "ب",
})  # fmt: skip


def level(text: str) -> str:
    """The text in one spelling: lower case, no accents, one form of each Arabic letter, Western digits."""
    mapped = unicodedata.normalize("NFKC", text).casefold().translate(_ARABIC)
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", mapped) if not unicodedata.combining(sign))
    digits = "".join(str(unicodedata.digit(sign)) if sign.isdecimal() else sign for sign in bare)
    return str(_LONG.sub(r"\1\1", digits))


def words(text: str) -> list[str]:
    """The words (and emoji, and question marks) of a text, levelled."""
    return [str(word) for word in _WORD.findall(level(text))]


def ngrams(text: str) -> Iterator[str]:
    """The features of a text; each may come several times."""
    found = words(text)
    for word in found:
        yield f"={word}"
        padded = f" {word} "
        for size in range(SHORTEST, LONGEST + 1):
            for start in range(len(padded) - size + 1):
                yield padded[start : start + size]
    for first, second in pairwise(found):
        yield f"={first} {second}"
