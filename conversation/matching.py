"""Typed instead of tapped: which of the choices on offer a text means, if it clearly means one."""

import unicodedata
from functools import lru_cache

import regex
from rapidfuzz import fuzz, process

from conversation.model import Choice

CLOSE = 88
"""How alike (of 100) a typed title must be, so that a slip of the finger passes and another word does not."""
_SHORTEST = 4
"""Shorter words are too easily alike."""
_NOISE = regex.compile(r"[^\p{L}\p{N}%€$£]+")


def match_choice(text: str, choices: tuple[Choice, ...], *, first: int = 0, last: int | None = None) -> int | None:
    """The number of the choice that was typed: by its place in what is shown (`2`, `٢`), its title or a word for it.

    `first` and `last` bound what the customer sees now (a page of it).
    """
    shown = list(range(first, len(choices) if last is None else last))
    typed = normalise(text)
    if not typed:
        return None
    if typed.isdecimal():
        place = int(typed) - 1 if len(typed) <= 3 else -1
        return shown[place] if 0 <= place < len(shown) else None
    if len(typed) == 1 and typed.isascii() and typed.isalpha() and ord(typed) - ord("a") < len(shown):
        return shown[ord(typed) - ord("a")]
    spellings = {number: _spellings(choice) for number, choice in enumerate(choices)}
    exact = [number for number, words in spellings.items() if typed in words]
    if exact:
        return exact[0] if len(exact) == 1 else None
    if len(typed) < _SHORTEST:
        return None
    titles = {number: normalise(choice.title) for number, choice in enumerate(choices)}
    titles = {number: title for number, title in titles.items() if _numbers(title) == _numbers(typed)}
    close = process.extract(typed, titles, scorer=fuzz.ratio, score_cutoff=CLOSE, limit=2)
    return int(close[0][2]) if len(close) == 1 else None


@lru_cache(4096)
def normalise(text: str) -> str:
    """Lower case, no accents, no signs, one kind of digit: what two spellings of a word have in common.

    A text of signs alone, such as 👍, stays what it is.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    digits = "".join(str(unicodedata.digit(sign)) if sign.isdecimal() else sign for sign in bare)
    return _NOISE.sub(" ", digits).strip() or text.strip()


def _numbers(text: str) -> list[str]:
    """The numbers in a text: 50 is no slip of the finger for 5."""
    return regex.findall(r"\d+", text)


def _spellings(choice: Choice) -> frozenset[str]:
    return frozenset(normalise(word) for word in (choice.title, *choice.words))
