"""Which of some names a sentence has in it, if it has one of them clearly: nearly right, with words around it."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

from rapidfuzz import fuzz, process

from conversation.choosing.spelling import normalise

Key = TypeVar("Key", bound=Hashable)
_CLOSE = 86
"""How alike (of 100) the words of a sentence must be to a name: a slip of the finger in each of them passes."""
_SHORTEST = 4
"""Shorter names are too easily alike."""
_WORDS = 60
"""So many words of a sentence are looked at."""
_ARTICLE = "ال"


def named_in(text: str, names: Mapping[Key, str]) -> frozenset[Key]:
    """The keys of the names that a text has in it most clearly; several if it may be any of them.

    >>> sorted(named_in("vorrei il cafe gratsi per favore", {1: "Caffè gratis", 2: "Tazza"}))
    [1]
    """
    words = [_bare(word) for word in normalise(text).split()[:_WORDS]]
    best, found = float(_CLOSE), set[Key]()
    for key, name in names.items():
        wanted = [_bare(word) for word in normalise(name).split()]
        title = " ".join(wanted)
        if len(title) < _SHORTEST:
            continue
        windows = {
            " ".join(words[start : start + size])
            for size in range(max(1, len(wanted) - 1), len(wanted) + 2)
            for start in range(max(1, len(words) - size + 1))
        }
        match = process.extractOne(title, windows, scorer=fuzz.ratio, score_cutoff=best)
        if match is not None:
            found = found | {key} if match[1] == best else {key}
            best = match[1]
    return frozenset(found)


def _bare(word: str) -> str:
    """A word without the Arabic article, which is written together with it."""
    return word.removeprefix(_ARTICLE) if len(word) > _SHORTEST else word
