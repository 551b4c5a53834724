"""`python -m evaluation`: measure, write the report, compare, guard."""

import os
import sys
import time
from pathlib import Path

import click

from evaluation.baseline import BASELINE, difference, figures, read_baseline, regressions, write_baseline
from evaluation.errors import EvaluationError
from evaluation.outcomes import TEST, TRAINING, Outcome, Pipeline, cross_validate, lessons_of
from evaluation.report import Measured, write
from nlu.learning import Lesson
from passaparola.leaks import leaks

SURE_LANGUAGE = 0.95


@click.command()
@click.option("--quick", is_flag=True, help="The test split only: a minute instead of five; writes no report.")
@click.option("--baseline", is_flag=True, help=f"Make the figures the ones to beat ({BASELINE}).")
@click.option("--compare", is_flag=True, help="Rasa's stock classifiers on the same split too (an hour with DIET).")
@click.option("--epochs", default=30, show_default=True, help="Epochs of DIET.")
@click.option("--folds", default=3, show_default=True, help="Folds of the cross-validation.")
def main(quick: bool, baseline: bool, compare: bool, epochs: int, folds: int) -> None:
    """Measure how well sentences are understood that the model never saw."""
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    if compare:
        from evaluation.compare import compare_all  # noqa: PLC0415 -- it imports Rasa, perhaps TensorFlow

        compare_all(epochs, click.echo)
        return
    pipeline, training, test = Pipeline.read(), lessons_of(TRAINING), lessons_of(TEST)
    for leak in leaks(test, training):
        raise EvaluationError(f"{TEST}/: “{leak.test.text}” is in the training data: “{leak.training.text}”: remove it")
    outcomes = _test(pipeline, test)
    now = figures(outcomes)
    if baseline or not Path(BASELINE).is_file():
        write_baseline(now)
    before = read_baseline()
    click.echo(difference(now, before))
    if not quick:
        about = (
            f"{len(test)} sentences by another hand ({TEST}/), never trained on, none of them nearly the same as one "
            "of the training data."
        )
        parts = [Measured("test-split", "Test split", about, outcomes)]
        crossed: list[Outcome] = []
        for number, part in enumerate(cross_validate(pipeline, training, folds), 1):
            click.echo(f"cross-validation: {number} of {folds}", err=True)
            crossed += part
        about = (
            f"{len(training)} sentences of {TRAINING}/, each guessed by a model that did not see its family: the nine "
            f"that stand around it ({folds} folds). The data repeats itself little, so this is harder than "
            "the test split."
        )
        parts.append(Measured("cross-validation", "Cross-validation", about, crossed))
        write(parts, pipeline, SURE_LANGUAGE)
        click.echo("written: docs/evaluation/report.md")
    if worse := list(regressions(now, before)):
        raise EvaluationError("understanding became worse than noise explains: " + "; ".join(worse))


def _test(pipeline: Pipeline, test: list[Lesson]) -> list[Outcome]:
    from evaluation.trained import trained_weights  # noqa: PLC0415 -- settings are read when they are needed

    began = time.perf_counter()
    weights = trained_weights()
    click.echo(f"model loaded in {time.perf_counter() - began:.1f} s", err=True)
    return pipeline.judge(weights, test)


if __name__ == "__main__":
    try:
        main(standalone_mode=False)
    except (EvaluationError, click.ClickException) as error:
        sys.exit(f"evaluation: {error}")
