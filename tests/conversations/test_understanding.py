"""The model understands the test split as well as it did when the baseline was written."""

import pytest

from evaluation.baseline import figures, read_baseline, regressions
from evaluation.outcomes import TEST, Pipeline, lessons_of
from passaparola.model_weights import weights_in
from tests.model import require_model

pytestmark = pytest.mark.model


def test_understanding_is_no_worse_than_the_baseline() -> None:
    outcomes = Pipeline.read().judge(weights_in(require_model()), lessons_of(TEST))
    assert list(regressions(figures(outcomes), read_baseline())) == []
