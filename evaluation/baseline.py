"""What the model could do when it was last looked at, and whether it can still."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from evaluation.errors import EvaluationError
from evaluation.measures import macro_f1, pairs_of, rejection, scores, standard_error
from evaluation.outcomes import Outcome
from loyalty.programme import LANGUAGES

BASELINE = Path("data/test/baseline.json")
ERRORS = 2.0
"""So many standard errors are noise."""
_LEAST = 0.02
"""Rejection is a share of about four hundred sentences: less than this is noise."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a model on the test split. `noise` is the standard error of each language's macro-F1."""

    macro_f1: Mapping[str, float]
    noise: Mapping[str, float]
    rejected_outside: float
    rejected_inside: float
    asked: float
    intents: Mapping[str, float]


def figures(outcomes: Sequence[Outcome]) -> Figures:
    """Measure a model."""
    by_language = {name: pairs_of(one for one in outcomes if one.lesson.language == name) for name in LANGUAGES}
    rejected = rejection(outcomes)
    return Figures(
        {name: round(macro_f1(pairs), 4) for name, pairs in by_language.items()},
        {name: round(standard_error(pairs), 4) for name, pairs in by_language.items()},
        round(rejected.outside, 4), round(rejected.inside, 4), round(rejected.asked, 4),
        {intent: round(score.f1, 4) for intent, score in scores(pairs_of(outcomes)).items()},
    )  # fmt: skip


def read_baseline(file: Path = BASELINE) -> Figures:
    """The committed figures. Raises `EvaluationError` if there are none."""
    try:
        return Figures(**json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise EvaluationError(f"{file}: no figures ({error}): `python -m evaluation --baseline` writes them") from None


def write_baseline(found: Figures, file: Path = BASELINE) -> None:
    """Make the figures those that others are compared with."""
    file.write_text(json.dumps(asdict(found), indent=1) + "\n", "utf-8")


def regressions(now: Figures, before: Figures) -> Iterator[str]:
    """What became worse by more than noise."""
    for language, value in before.macro_f1.items():
        allowed = ERRORS * before.noise[language]
        if now.macro_f1[language] < value - allowed:
            yield f"macro-F1 of {language}: {now.macro_f1[language]:.3f} after {value:.3f} (noise: {allowed:.3f})"
    if now.rejected_outside < before.rejected_outside - _LEAST:
        yield f"out of scope rejected: {now.rejected_outside:.3f} after {before.rejected_outside:.3f}"
    if now.rejected_inside > before.rejected_inside + _LEAST:
        yield f"in scope rejected: {now.rejected_inside:.3f} after {before.rejected_inside:.3f}"


def difference(now: Figures, before: Figures) -> str:
    """A Markdown table of what changed: languages, rejection, and the intents that moved."""
    rows = [(f"macro-F1 {name}", before.macro_f1[name], value) for name, value in now.macro_f1.items()]
    rows += [
        ("out of scope rejected", before.rejected_outside, now.rejected_outside),
        ("in scope rejected", before.rejected_inside, now.rejected_inside),
        ("asked about", before.asked, now.asked),
    ]
    moved = [(f"F1 {name}", before.intents.get(name, 0.0), value) for name, value in now.intents.items()]
    rows += sorted((row for row in moved if abs(row[2] - row[1]) >= 0.005), key=lambda row: row[2] - row[1])
    lines = [f"| {name} | {was:.3f} | {value:.3f} | {value - was:+.3f} |" for name, was, value in rows]
    return "\n".join(["| | before | now | difference |", "|---|---|---|---|", *lines])
