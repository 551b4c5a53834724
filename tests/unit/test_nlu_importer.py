"""Training data as Rasa's own importer reads it, only sooner."""

import copy
from pathlib import Path

import pytest
from rasa.shared.importers.importer import TrainingDataImporter
from rasa.shared.importers.rasa import RasaFileImporter
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.importer import SentenceImporter

FILES = {
    "points.yml": """
version: "3.1"
nlu:
- intent: check_points
  metadata: {language: en}
  examples: |
    - how many points do I have
    - is there enough for a [coffee](reward)
    - how many points do I have
- synonym: coffee
  examples: |
    - coffe
""",
    "rewards.yml": """
version: "3.1"
nlu:
- intent: redeem_reward
  examples: |
    - I want [coffe]{"entity": "reward", "value": "coffee"}
    - how many points do I have
- regex: code
  examples: |
    - [0-9]+
- lookup: reward
  examples: |
    - tea
""",
}


@pytest.fixture
def folder(tmp_path: Path) -> str:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    return str(tmp_path)


def told(data: TrainingData) -> list[object]:
    """Everything that is learnt from, and by what Rasa tells examples apart."""
    examples = sorted((str(one.as_dict()), one.fingerprint()) for one in data.training_examples)
    return [examples, data.entity_synonyms, data.regex_features, data.lookup_tables, data.responses]


def test_the_same_is_read(folder: str) -> None:
    data = SentenceImporter(training_data_paths=[folder]).get_nlu_data()
    assert told(data) == told(RasaFileImporter(training_data_paths=[folder]).get_nlu_data())
    assert len(data.training_examples) == 4  # what stands there twice counts once


def test_rasa_puts_it_together_as_it_would_its_own(folder: str) -> None:
    ours, theirs = (
        TrainingDataImporter.load_from_dict(
            {"importers": [{"name": name}]}, training_data_paths=[folder]
        ).get_nlu_data()
        for name in ("nlu.importer.SentenceImporter", "RasaFileImporter")
    )
    assert told(ours) == told(theirs)


def test_a_copy_is_another_sentence(folder: str) -> None:
    (first, *_) = SentenceImporter(training_data_paths=[folder]).get_nlu_data().training_examples
    before = first.fingerprint()
    other = copy.deepcopy(first)
    assert other == first
    other.set("intent", "something_else", add_to_output=True)
    other.data.setdefault("entities", []).append({"entity": "reward"})
    other.set("entities", [])
    assert other != first
    assert (first.get("intent"), first.fingerprint()) == ("check_points", before)
    assert "intent" not in first.output_properties
