"""The test split: nothing of it is learnt, and a leak would be seen."""

from pathlib import Path

import pytest

from evaluation.outcomes import TEST, TRAINING, lessons_of
from loyalty.programme import LANGUAGES
from nlu.learning import Lesson
from passaparola.leaks import leaks
from passaparola.training import NLU

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def learnt() -> list[Lesson]:
    return lessons_of(ROOT / TRAINING)


@pytest.fixture(scope="module")
def blind() -> list[Lesson]:
    return lessons_of(ROOT / TEST)


def test_no_test_sentence_is_in_the_training_data_or_nearly(learnt: list[Lesson], blind: list[Lesson]) -> None:
    assert [f"{leak.test.text} ~ {leak.training.text}" for leak in leaks(blind, learnt)] == []


def test_the_test_split_is_not_where_rasa_learns_from() -> None:
    assert Path(NLU) == TRAINING
    assert TRAINING not in TEST.parents
    assert TEST not in {TRAINING, *TRAINING.parents}


def test_the_test_split_has_every_intent_in_every_language(learnt: list[Lesson], blind: list[Lesson]) -> None:
    intents = {lesson.intent for lesson in learnt}
    assert {(lesson.intent, lesson.language) for lesson in blind} == {
        (intent, language) for intent in intents for language in LANGUAGES
    }


def test_a_leak_is_seen_through_spelling() -> None:
    training = [Lesson("quanti punti ho sulla tessera?", "check_points", "it")]
    near, apart, other = (
        Lesson("Quanti puntii ho sulla tesera", "check_points", "it"),
        Lesson("a quanto sta il mio saldo", "check_points", "it"),
        Lesson("quanti punti ho sulla tessera?", "check_points", "es"),
    )
    assert [leak.test for leak in leaks([near, apart, other], training)] == [near]
