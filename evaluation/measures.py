"""Measures of understanding. All are shares between 0 and 1."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evaluation.outcomes import UNCLEAR, Outcome
from nlu.clarity import OUT_OF_SCOPE, Verdict

BINS = 10
RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Score:
    """How well one intent is found: `count` sentences mean it."""

    precision: float
    recall: float
    f1: float
    count: int


def taken(outcome: Outcome) -> str:
    """The intent that counts as the answer: not understood is out of scope."""
    return OUT_OF_SCOPE if outcome.guessed in UNCLEAR else outcome.guessed


def scores(pairs: Iterable[tuple[str, str]]) -> dict[str, Score]:
    """Of pairs of the right and the guessed intent: each intent that occurs as the right one, in order of its name."""
    right, guessed, both = Counter[str](), Counter[str](), Counter[str]()
    for wanted, got in pairs:
        right[wanted] += 1
        guessed[got] += 1
        both[wanted] += wanted == got
    found = {}
    for intent in sorted(right):
        precision = both[intent] / guessed[intent] if guessed[intent] else 0.0
        recall = both[intent] / right[intent]
        f1 = 2 * precision * recall / (precision + recall) if both[intent] else 0.0
        found[intent] = Score(precision, recall, f1, right[intent])
    return found


def pairs_of(outcomes: Iterable[Outcome]) -> list[tuple[str, str]]:
    """The right intents and those that were taken."""
    return [(outcome.lesson.intent, taken(outcome)) for outcome in outcomes]


def macro_f1(pairs: Iterable[tuple[str, str]]) -> float:
    """The mean of the intents' F1: a rare intent counts as much as a frequent one."""
    found = scores(pairs)
    return sum(score.f1 for score in found.values()) / len(found) if found else 0.0


def standard_error(pairs: Sequence[tuple[str, str]], *, seed: int = 0) -> float:
    """By how much macro-F1 would differ on other sentences of the kind (bootstrap, each intent drawn by itself)."""
    rng = random.Random(seed)
    by_intent: dict[str, list[tuple[str, str]]] = {}
    for pair in pairs:
        by_intent.setdefault(pair[0], []).append(pair)
    drawn = [macro_f1(pair for group in by_intent.values() for pair in rng.choices(group, k=len(group)))
             for _ in range(RESAMPLES)]  # fmt: skip
    mean = sum(drawn) / len(drawn)
    return float((sum((one - mean) ** 2 for one in drawn) / (len(drawn) - 1)) ** 0.5)


@dataclass(frozen=True, slots=True)
class Rejection:
    """What share of the sentences out of scope is rejected, of those in scope too, and what share is asked about."""

    outside: float
    inside: float
    asked: float


def rejection(outcomes: Sequence[Outcome]) -> Rejection:
    """What the thresholds do. One that is asked about is no rejection, unless it is taken to be out of scope."""
    outside = [one for one in outcomes if one.lesson.intent == OUT_OF_SCOPE]
    inside = [one for one in outcomes if one.lesson.intent != OUT_OF_SCOPE]
    return Rejection(
        _share(one.guessed in UNCLEAR for one in outside),
        _share(one.guessed in UNCLEAR for one in inside),
        _share(one.clear.verdict is Verdict.ASK for one in outcomes),
    )


def rejection_curve(outcomes: Sequence[Outcome], margins: Sequence[float]) -> list[tuple[float, float, float]]:
    """For each margin: the margin, the share of sentences out of scope rejected, the share of those in scope."""
    odds = [(one.lesson.intent == OUT_OF_SCOPE, one.inside, one.chance(OUT_OF_SCOPE)) for one in outcomes]
    return [
        (
            margin,
            _share(inside < margin * outside for foreign, inside, outside in odds if foreign),
            _share(inside < margin * outside for foreign, inside, outside in odds if not foreign),
        )
        for margin in margins
    ]


@dataclass(frozen=True, slots=True)
class Bin:
    """Guesses that are about equally sure: how sure on the mean, how often right, how many."""

    confidence: float
    accuracy: float
    count: int


def calibration(outcomes: Iterable[Outcome]) -> list[Bin]:
    """How often the likeliest intent is right, by how likely it is said to be."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for outcome in outcomes:
        best = outcome.ranking[0]
        sure = float(best["confidence"])
        bins.setdefault(min(int(sure * BINS), BINS - 1), []).append((sure, best["name"] == outcome.lesson.intent))
    return [
        Bin(sum(sure for sure, _ in group) / len(group), _share(right for _, right in group), len(group))
        for _, group in sorted(bins.items())
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """By how much confidence and accuracy differ, weighted by how many guesses there are (ECE)."""
    count = sum(one.count for one in bins)
    return sum(abs(one.confidence - one.accuracy) * one.count for one in bins) / count if count else 0.0


def confusions(pairs: Iterable[tuple[str, str]], most: int) -> list[tuple[str, str, int]]:
    """The intents that are taken for others most often: right, taken, how often."""
    counted = Counter((wanted, got) for wanted, got in pairs if wanted != got)
    return [(wanted, got, count) for (wanted, got), count in counted.most_common(most)]


@dataclass(frozen=True, slots=True)
class LanguageScore:
    """How often the language is right, how often it is sure enough to be acted on, and how often right then."""

    accuracy: float
    sure: float
    accuracy_if_sure: float


def language_scores(outcomes: Sequence[Outcome], sure: float) -> Mapping[str, LanguageScore]:
    """By language, and of messages of one word and of several words of all languages."""
    groups: dict[str, list[Outcome]] = {}
    for one in outcomes:
        for name in (one.lesson.language or "?", "one word" if len(one.lesson.text.split()) == 1 else "several words"):
            groups.setdefault(name, []).append(one)
    return {name: _language(group, sure) for name, group in groups.items()}


def _language(group: Sequence[Outcome], sure: float) -> LanguageScore:
    told = [(one.language or {"name": None, "confidence": 0.0}, one.lesson.language) for one in group]
    acted = [guess["name"] == right for guess, right in told if guess["confidence"] >= sure]
    right_ones = _share(guess["name"] == right for guess, right in told)
    return LanguageScore(right_ones, len(acted) / len(group), _share(acted))


def _share(flags: Iterable[bool]) -> float:
    found = list(flags)
    return sum(found) / len(found) if found else 0.0
