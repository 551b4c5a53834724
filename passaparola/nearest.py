"""Sentences that stand under one intent and look like those of another: probably filed into the wrong block.

Each sentence is left out, and naive Bayes says which intent of its language the others make likeliest; where that is
another one, the sentences most like it are asked, and only if none of them is of its own intent and most are of the
other it is named. Many sentences are near a border on purpose ("no thanks"), so what is left is the clearest cases,
the clearest first.
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
AGREEING = 4
"""So many of the neighbours must be of the other intent, and none of the sentence's own."""
CLEAR = 1.2
"""So much likelier (in nats for a word) the other intent must be."""
FEWEST_WORDS = 3
"""One word or two say little by themselves: what they mean is a matter of agreement."""
_CANDIDATES = 500
_PIECE = 4
_SMOOTHING = 0.1


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
    """The strays among the sentences of one language; `features` has a row for each."""
    intents = sorted({example.intent for example in examples})
    numbers = {intent: number for number, intent in enumerate(intents)}
    own = np.array([numbers[example.intent] for example in examples])
    likely = _likely(features, own, len(intents))
    every = np.arange(len(own))
    best = likely.argmax(axis=1)
    margin = likely[every, best] - likely[every, own]
    doubtful = [
        int(row) for row in np.argsort(-margin, kind="stable")
        if margin[row] >= CLEAR
        and examples[row].intent != OUT_OF_SCOPE
        and len(tokens(examples[row].text)) >= FEWEST_WORDS
    ][:_CANDIDATES]  # fmt: skip
    if not doubtful:
        return
    likeness = (features[doubtful] @ features.T).toarray()
    likeness[np.arange(len(doubtful)), doubtful] = -1.0
    for row, alike in zip(doubtful, likeness, strict=True):
        neighbours = np.argsort(-alike, kind="stable")[:NEIGHBOURS]
        theirs = own[neighbours]
        if (theirs == best[row]).sum() >= AGREEING and (theirs != own[row]).all():
            like = neighbours[theirs == best[row]][0]
            yield Stray(examples[row], intents[best[row]], examples[like], float(margin[row]))


def _likely(features: Any, own: Array, intents: int) -> Array:
    """How likely each intent makes each sentence (the logarithm, for a piece of it); its own without itself."""
    count = len(own)
    sums = (
        csr_matrix((np.ones(count, np.float32), (own, np.arange(count))), shape=(intents, count)) @ features
    ).toarray()
    totals, lengths = sums.sum(axis=1), np.asarray(features.sum(axis=1)).ravel()
    spread = _SMOOTHING * (sums.sum(axis=0) > 0).sum()
    likely: Array = features @ (np.log(sums + _SMOOTHING) - np.log(totals + spread)[:, None]).T
    parts = features.tocoo()
    mine = own[parts.row]
    without = np.log(np.maximum(sums[mine, parts.col] - parts.data, 0) + _SMOOTHING)
    without -= np.log(np.maximum(totals[mine] - lengths[parts.row], 0) + spread)
    likely[np.arange(count), own] = np.bincount(parts.row, weights=without * parts.data, minlength=count)
    likely /= lengths[:, None]
    return likely


def _pieces(words: Sequence[str]) -> Iterator[str]:
    """Words, pairs of words, and pieces of words."""
    yield from words
    for first, second in pairwise(words):
        yield f"{first} {second}"
    for word in words:
        padded = f" {word} "
        for start in range(max(1, len(padded) - _PIECE + 1)):
            yield padded[start : start + _PIECE]
