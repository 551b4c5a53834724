"""Sentences of the test split that stand in the training data too, or nearly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from rapidfuzz import fuzz, process

from nlu.spelling import tokens

NEAR = 90.0
"""So alike (of 100, by edits) two sentences of a language are the same one with a slip in it."""


class Sentence(Protocol):
    """What somebody may write, and in which language, if that is known."""

    @property
    def text(self) -> str: ...

    @property
    def language(self) -> str | None: ...


S = TypeVar("S", bound=Sentence)


@dataclass(frozen=True, slots=True)
class Leak(Generic[S]):
    """A test sentence and what it is nearly the same as."""

    test: S
    training: S
    alike: float


def leaks(test: Sequence[S], training: Sequence[S]) -> Iterator[Leak[S]]:
    """What leaks, for each language by itself; a sentence is compared after levelling."""
    for language in sorted({sentence.language or "" for sentence in test}):
        known = [sentence for sentence in training if (sentence.language or "") == language]
        texts = [_bare(sentence) for sentence in known]
        for sentence in test:
            if (sentence.language or "") != language:
                continue
            near = process.extractOne(_bare(sentence), texts, scorer=fuzz.ratio, score_cutoff=NEAR)
            if near is not None:
                yield Leak(sentence, known[near[2]], near[1])


def _bare(sentence: Sentence) -> str:
    return " ".join(tokens(sentence.text))
