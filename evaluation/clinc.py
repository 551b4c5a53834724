"""`python -m evaluation.clinc PATH`: the pipeline on CLINC150 (clinc/oos-eval, `data_full.json`), an outside check.

Its 150 intents and out-of-scope queries have nothing to do with our data. The file is not part of this repository.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from evaluation.errors import EvaluationError
from evaluation.measures import rejection
from evaluation.outcomes import UNCLEAR, Outcome, Pipeline
from nlu.clarity import OUT_OF_SCOPE
from nlu.learning import Lesson

_FOREIGN = "oos"
_PARTS = ("train", "test", "oos_train", "oos_test")


@dataclass(frozen=True, slots=True)
class Figures:
    """What the pipeline does: shares, and times in seconds and milliseconds."""

    accuracy: float
    """Of the likeliest intent in scope, whatever the thresholds say, for sentences in scope."""
    kept_right: float
    """In scope, not rejected, and right."""
    rejected_outside: float
    rejected_inside: float
    learning_s: float
    parse_ms: float


def read(file: Path) -> dict[str, list[Lesson]]:
    """The parts of CLINC150. Raises `EvaluationError` if the file is something else."""
    try:
        parts: Mapping[str, Sequence[Any]] = json.loads(file.read_text("utf-8"))
        return {
            part: [
                Lesson(text, OUT_OF_SCOPE if intent == _FOREIGN else f"clinc_{intent}") for text, intent in parts[part]
            ]
            for part in _PARTS
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvaluationError(
            f"{file}: this is not CLINC150's data_full.json ({error!r}); github.com/clinc/oos-eval has it"
        ) from None


def measure(parts: Mapping[str, Sequence[Lesson]], pipeline: Pipeline) -> Figures:
    """Learn the training part (the hundred out-of-scope sentences among it) and measure the test part."""
    began = time.perf_counter()
    weights = pipeline.learn(_mixed([*parts["train"], *parts["oos_train"]]))
    learnt = time.perf_counter()
    outcomes = pipeline.judge(weights, [*parts["test"], *parts["oos_test"]])
    parse_ms = (time.perf_counter() - learnt) / len(outcomes) * 1000
    inside = [one for one in outcomes if one.lesson.intent != OUT_OF_SCOPE]
    rejected = rejection(outcomes)
    right = sum(_best(one) == one.lesson.intent for one in inside) / len(inside)
    kept = sum(one.guessed == one.lesson.intent for one in inside) / len(inside)
    return Figures(right, kept, rejected.outside, rejected.inside, learnt - began, parse_ms)


def _mixed(lessons: Sequence[Lesson]) -> list[Lesson]:
    """The sentences so that each intent is in every part: they stand one intent after the other."""
    return [lesson for start in range(97) for lesson in lessons[start::97]]


def _best(outcome: Outcome) -> str:
    return next((str(guess["name"]) for guess in outcome.ranking if guess["name"] not in UNCLEAR), "")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def main(file: Path) -> None:
    """Measure the pipeline on CLINC150."""
    found = measure(read(file), Pipeline.read())
    click.echo(
        f"accuracy in scope {found.accuracy:.3f}; kept and right {found.kept_right:.3f}; rejected: out of scope "
        f"{found.rejected_outside:.3f}, in scope {found.rejected_inside:.3f}; learnt in {found.learning_s:.0f} s, "
        f"{found.parse_ms:.2f} ms a parse"
    )


if __name__ == "__main__":
    try:
        main(standalone_mode=False)
    except (EvaluationError, click.ClickException) as error:
        sys.exit(f"evaluation: {error}")
