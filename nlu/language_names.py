"""What our languages are called in other languages, from Unicode's locale data, and nearly so."""

from collections.abc import Iterable

from babel import Locale
from rapidfuzz import fuzz, process

from nlu.spelling import level

LANGUAGES = ("en", "it", "es", "fr", "ar")
_IN = """en it es fr ar de pt nl ca gl eu ro pl cs sk sl hr sr bs sq mk bg ru uk el tr hu fi sv da nb is et lv lt ga cy
mt he fa ur hi bn pa ta zh ja ko vi id tl sw am so ha ku az"""
"""The languages whose names for ours are known."""
_SHORTEST = 6
"""Shorter words are too easily alike."""
_CLOSE = 85
"""How alike (of 100): two letters of a word of seven may be swapped."""


def language_names() -> dict[str, str]:
    """Levelled names to the code of the language, where a name means one language only."""
    found: dict[str, set[str]] = {}
    for names in (Locale.parse(identifier).languages for identifier in _IN.split()):
        for code in LANGUAGES:
            if code in names:
                found.setdefault(level(names[code]), set()).add(code)
    return {name: codes.pop() for name, codes in found.items() if len(codes) == 1}


def nearly_called(word: str, names: Iterable[str]) -> str | None:
    """The name that a levelled word is a misspelling of, if it is long enough to tell."""
    if len(word) < _SHORTEST:
        return None
    close = process.extractOne(word, names, scorer=fuzz.ratio, score_cutoff=_CLOSE)
    return str(close[0]) if close else None


def may_be_misspelt(name: str) -> bool:
    """Whether a name is one word, long enough to be recognised with a slip in it."""
    return len(name) >= _SHORTEST and name.isalpha()
