"""Rasa's story tests and data validation, run by Rasa itself on the trained model."""

from pathlib import Path

import pytest
from rasa.core.test import test as run_stories
from rasa.shared.importers.importer import TrainingDataImporter
from rasa.validator import Validator

from tests.model import load_model


@pytest.mark.model
async def test_the_stories_come_out_as_written(tmp_path: Path) -> None:
    result = await run_stories(
        str(Path(__file__).parent),
        load_model(),
        out_directory=str(tmp_path),
        fail_on_prediction_errors=True,
        e2e=True,
        disable_plotting=True,
    )
    assert result["report"]["conversation_accuracy"]["accuracy"] == 1.0


@pytest.mark.filterwarnings(
    "ignore:Action 'utter_"
)  # sentences are in data/responses, `passaparola check` sees to them
def test_rasa_finds_nothing_wrong_with_domain_rules_and_training_data() -> None:
    importer = TrainingDataImporter.load_from_config("config.yml", "domain.yml", ["data/nlu", "data/rules"])
    validator = Validator.from_importer(importer)
    assert validator.verify_domain_validity()
    assert validator.verify_intents(ignore_warnings=False)
    assert validator.verify_example_repetition_in_intents(ignore_warnings=False)
    assert validator.verify_story_structure(ignore_warnings=False)
    assert validator.verify_actions_in_stories_rules()
