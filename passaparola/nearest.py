"""Sentences that stand under one intent and look like those of another: probably filed into the wrong block.

Each sentence is left out and compared with the middle of every intent of its language; where another is nearer, its
neighbours are asked, and only if all of them belong to that other intent it is named. Many sentences are near a border
on purpose ("no thanks"), so what is left is the clearest cases, the clearest first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from nlu.clarity import OUT_OF_SCOPE
from nlu.spelling import tokens
from nlu.weights import Array
from passaparola.examples import Example

NEIGHBOURS = 7
CLEAR = 0.2
"""So much nearer (by cosine) the other intent's middle must be."""
ALIKE = 0.4
"""So alike (by cosine) the neighbours must be on average: strange sentences are near nothing."""
_CANDIDATES = 500
_PIECE = 4
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Stray:
    """A sentence, the intent it is nearer to, and the sentence there that is most like it."""

    example: Example
    nearer: str
    like: Example
    clear: float


def nearer_elsewhere(examples: Sequence[Example]) -> list[Stray]:
    """The strays among sentences, clearest first. What is out of scope may look like anything and is left alone."""
    told = [(example, words) for example in examples if (words := tokens(example.text))]
    if not told:
        return []
    known = [example for example, _ in told]
    vectors = TfidfVectorizer(analyzer=_pieces, sublinear_tf=True, dtype=np.float32)
    features = vectors.fit_transform([words for _, words in told])
    found: list[Stray] = []
    for language in sorted({example.language or "" for example in known}):
        rows = [number for number, example in enumerate(known) if (example.language or "") == language]
        found += _strays([known[row] for row in rows], features[rows])
    return sorted(found, key=lambda stray: -stray.clear)


def _strays(examples: list[Example], features: Any) -> Iterator[Stray]:
    """The strays among the sentences of one language; `features` has a row of length 1 for each."""
    intents = sorted({example.intent for example in examples})
    numbers = {intent: number for number, intent in enumerate(intents)}
    own = np.array([numbers[example.intent] for example in examples])
    closeness = _closeness(features, own, len(intents))
    every = np.arange(len(own))
    nearest = closeness.argmax(axis=1)
    margin = closeness[every, nearest] - closeness[every, own]
    doubtful = [
        int(row) for row in np.argsort(-margin)[:_CANDIDATES]
        if margin[row] >= CLEAR and examples[row].intent != OUT_OF_SCOPE
    ]  # fmt: skip
    if not doubtful:
        return
    likeness = (features[doubtful] @ features.T).toarray()
    likeness[np.arange(len(doubtful)), doubtful] = -1.0
    for row, alike in zip(doubtful, likeness, strict=True):
        neighbours = np.argsort(-alike, kind="stable")[:NEIGHBOURS]
        if set(own[neighbours]) == {nearest[row]} and alike[neighbours].mean() >= ALIKE:
            yield Stray(examples[row], intents[nearest[row]], examples[neighbours[0]], float(margin[row]))


def _closeness(features: Any, own: Array, intents: int) -> Array:
    """How near each sentence is to the middle of each intent, by cosine; to its own without itself."""
    count = len(own)
    sums = csr_matrix((np.ones(count, np.float32), (own, np.arange(count))), shape=(intents, count)) @ features
    squares = np.asarray(sums.multiply(sums).sum(axis=1)).ravel()
    dots: Array = (features @ sums.T).toarray()
    closeness: Array = dots / np.sqrt(np.maximum(squares, _TINY))
    every = np.arange(count)
    mine = dots[every, own]
    closeness[every, own] = (mine - 1) / np.sqrt(np.maximum(squares[own] - 2 * mine + 1, _TINY))
    return closeness


def _pieces(words: Sequence[str]) -> Iterator[str]:
    """Words, pairs of words, and pieces of words."""
    yield from words
    for first, second in pairwise(words):
        yield f"{first} {second}"
    for word in words:
        padded = f" {word} "
        for start in range(max(1, len(padded) - _PIECE + 1)):
            yield padded[start : start + _PIECE]
