"""The trained numbers, laid out so that a message touches only the rows of its own n-grams."""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nlu.ngrams import ngrams

WEIGHTS, VOCABULARY = "weights.npz", "vocabulary.txt"
Array = np.ndarray[Any, np.dtype[Any]]
Guess = dict[str, Any]
"""`name` and `confidence`, as Rasa has them."""


class Weights:
    """What was learnt of intents and languages: `vocabulary` of n-grams, and numbers for each of them."""

    def __init__(self, vocabulary: list[str], arrays: Mapping[str, Array]) -> None:
        self._vocabulary = vocabulary
        self._arrays = dict(arrays)
        self._index = {ngram: number for number, ngram in enumerate(vocabulary)}
        self._intents = [str(name) for name in arrays["intents"]]
        self._languages = [str(name) for name in arrays["languages"]]
        self._temperature = float(arrays["temperature"])

    @classmethod
    def read(cls, folder: Path) -> "Weights":
        """What `write` left in a folder."""
        with np.load(folder / WEIGHTS) as saved:
            arrays = {name: saved[name] for name in saved.files}
        return cls((folder / VOCABULARY).read_text("utf-8").split("\n"), arrays)

    def write(self, folder: Path) -> None:
        """Keep everything in a folder."""
        np.savez_compressed(folder / WEIGHTS, **self._arrays)
        (folder / VOCABULARY).write_text("\n".join(self._vocabulary), "utf-8")

    @property
    def temperature(self) -> float:
        """What scores are divided by to be as sure as they are right."""
        return self._temperature

    def guess(self, text: str) -> tuple[list[Guess], Guess | None]:
        """Intents, likeliest first, and the language; no language for a text of which nothing is known."""
        found = Counter(number for ngram in ngrams(text) if (number := self._index.get(ngram)) is not None)
        if not found:
            return _ranked(self._intents, np.zeros(len(self._intents), np.float32)), None
        rows = np.fromiter(found, np.intp, len(found))
        counts = np.fromiter(found.values(), np.float32, len(found))
        values = (np.log(counts) + 1) * self._arrays["idf"][rows]
        values /= math.sqrt(float(values @ values))
        scores = values @ self._arrays["weights"][rows].astype(np.float32) + self._arrays["bias"]
        languages = counts @ self._arrays["language_weights"][rows].astype(np.float32) + self._arrays["language_bias"]
        return _ranked(self._intents, scores / self._temperature), _ranked(self._languages, languages)[0]


def _ranked(names: list[str], scores: Array) -> list[Guess]:
    odds = np.exp(scores - scores.max())
    shares = odds / odds.sum()
    order = np.argsort(-shares, kind="stable")
    return [{"name": names[number], "confidence": float(shares[number])} for number in order]
