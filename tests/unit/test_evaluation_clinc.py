"""CLINC150's file is read and measured; a made-up one here, the real one is the user's."""

import json
from pathlib import Path

import pytest

from evaluation.clinc import measure, read
from evaluation.errors import EvaluationError
from evaluation.outcomes import Pipeline
from nlu.clarity import Thresholds

WORDS = {"balance": ["account balance", "how much money do i have", "my balance please"],
         "weather": ["is it raining", "weather today", "will it snow tomorrow"]}  # fmt: skip
FOREIGN = ["why do cats purr", "who invented glass", "tell me about ants"]


def made_up(folder: Path, **changes: object) -> Path:
    pairs = [[text, intent] for intent, texts in WORDS.items() for text in texts]
    foreign = [[text, "oos"] for text in FOREIGN]
    parts = {"train": pairs * 4, "test": pairs, "oos_train": foreign * 4, "oos_test": foreign, **changes}
    file = folder / "data_full.json"
    file.write_text(json.dumps(parts), "utf-8")
    return file


def test_the_pipeline_is_measured_on_it(tmp_path: Path) -> None:
    found = measure(read(made_up(tmp_path)), Pipeline(3.0, 1, Thresholds(0.5, 0.3, 2.0, 0.1, 3)))
    assert (found.accuracy, found.rejected_outside) == (1.0, 1.0)
    assert found.learning_s > 0


@pytest.mark.parametrize("changes", [{"train": 5}, {"test": [["only a text"]]}])
def test_another_file_is_refused_with_what_it_should_be(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(EvaluationError, match=r"data_full\.json"):
        read(made_up(tmp_path, **changes))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="oos-eval"):
        read(tmp_path / "nothing.json")
