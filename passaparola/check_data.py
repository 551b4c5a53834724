"""The part of `passaparola check` about training sentences as a whole: what contradicts, repeats, or leaks."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from loyalty.programme import LANGUAGES
from nlu.spelling import level
from passaparola.examples import Example, read_examples
from passaparola.leaks import leaks
from passaparola.nearest import nearer_elsewhere

TEST = Path("data/test")
FEWEST = 15
"""Different sentences an intent needs in each language."""
ONE_SIDED = 0.5
"""With less than this part of what is usual in the other languages, one of them is neglected."""
MOST = 30
"""So many sentences that are nearer to another intent are named."""


def check_data(examples: Sequence[Example], *, warning: str, test: Path = TEST) -> Iterator[str]:
    """Mistakes: test sentences that were copied. Warnings: neglected languages, sentences nearer to another intent.

    `warning` stands before what is allowed. Raises `YAMLError` naming file and line.
    """
    blind = list(read_examples(test)) if test.is_dir() else []
    for leak in leaks(blind, examples):
        # Without its words: who writes training data should not read the test.
        yield f"{leak.training.where}: is a sentence of the test split, or nearly; take it out, it makes the test blunt"
    for finding in one_sided(examples):
        yield finding.replace(": ", f": {warning}", 1)
    for stray in nearer_elsewhere(examples)[:MOST]:
        example = stray.example
        yield (
            f"{example.where}: {warning}stands under {example.intent}, is nearer to {stray.nearer} "
            f"({stray.like.where}): {example.text}"
        )


def coverage(where: str, examples: Sequence[Example]) -> Iterator[str]:
    """Languages in which an intent has too few sentences; `examples` are those of the intent."""
    for language in LANGUAGES:
        count = len({same(example.text) for example in examples if example.language == language})
        if count < FEWEST:
            yield f"{where} has {count} different sentences in {language}, it needs {FEWEST}"


def repetitions(examples: Sequence[Example]) -> Iterator[str]:
    """Sentences that stand twice in a language, or under two intents, which the model cannot tell apart."""
    seen: dict[str, Example] = {}
    known: set[tuple[str, str | None]] = set()
    for example in examples:
        key = same(example.text)
        first = seen.setdefault(key, example)
        if first.intent != example.intent:
            yield f"{example.where}: stands under {first.intent} too ({first.where}): {example.text}"
        elif (key, example.language) in known:
            other = next(
                one for one in examples if one.language == example.language and same(one.text) == key
            )  # the first may be in another language
            yield f"{example.where}: stands twice ({other.where}): {example.text}"
        known.add((key, example.language))


def one_sided(examples: Sequence[Example]) -> Iterator[str]:
    """Languages in which an intent has far fewer sentences than in the others, where the first of them stands."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    firsts: dict[tuple[str, str], Example] = {}
    for example in examples:
        if example.language is not None:
            counts[example.intent][example.language] += 1
            firsts.setdefault((example.intent, example.language), example)
    for intent, count in counts.items():
        for language, number in count.items():
            others = [count[other] for other in LANGUAGES if other != language]
            if number < ONE_SIDED * (usual := median(others)):
                where = firsts[intent, language].where
                yield f"{where}: {intent} has {number} sentences in {language}, in the other languages {usual:.0f}"


def same(text: str) -> str:
    """A sentence as the model sees it: spellings that make no difference are one."""
    return " ".join(level(text).split())
