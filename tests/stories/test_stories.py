"""Rasa's story tests and data validation, run by Rasa itself on the trained model."""

from itertools import pairwise
from pathlib import Path

import pytest
from rasa.core.test import test as run_stories
from rasa.shared.importers.importer import TrainingDataImporter
from rasa.validator import Validator
from ruamel.yaml import YAML

from loyalty.programme import LANGUAGES
from passaparola.check import RULES
from passaparola.examples import items
from tests.model import load_model

FALLBACK = ("nlu_fallback", "utter_not_understood")
"""What is not understood at all: no sentence stands for it."""


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


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_has_a_story_in_every_language(language: str) -> None:
    file = Path(__file__).parent / f"test_every_intent_in_{language}.yml"
    stories = YAML(typ="safe").load(file.read_text("utf-8"))["stories"]
    told = [step for story in stories for step in story["steps"]]
    heard = {(said["intent"], done["action"]) for said, done in pairwise(told) if "intent" in said}
    ruled = [rule["steps"] for rules in RULES.glob("*.yml") for rule in items(rules, "rules")]
    assert {(said["intent"], done["action"]) for said, done in ruled} - {FALLBACK} == heard


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
