"""Learning from a handful of sentences: what comes out can be kept, is the same each time, and is sure with reason."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.learning import Lesson, learn
from nlu.weights import Weights

SENTENCES = {
    ("check_points", "en"): ["how many points do i have", "my balance", "points please", "show my points"],
    ("check_points", "it"): ["quanti punti ho", "il mio saldo", "saldo punti", "punti per favore"],
    ("thank", "en"): ["thanks", "thank you so much", "many thanks", "thx a lot"],
    ("thank", "it"): ["grazie", "grazie mille", "ti ringrazio", "grazie tante"],
    ("out_of_scope", "en"): ["what is the weather", "who won the match", "tell me a joke", "where is my parcel"],
    ("out_of_scope", "it"): ["che tempo fa", "chi ha vinto la partita", "dimmi una barzelletta", "dove è il pacco"],
}
LESSONS = [Lesson(text, intent, language) for (intent, language), texts in SENTENCES.items() for text in texts] * 3


@pytest.fixture(scope="module")
def weights() -> Weights:
    return learn(LESSONS, c=3.0, seen=2)


@pytest.mark.parametrize(
    ("text", "intent", "language"),
    [
        ("how many points have i", "check_points", "en"),
        ("QUANTI PUNTIII", "check_points", "it"),
        ("graziee", "thank", "it"),
    ],
)
def test_sentences_like_those_learnt_are_understood(weights: Weights, text: str, intent: str, language: str) -> None:
    ranking, spoken = weights.guess(text)
    assert ranking[0]["name"] == intent
    assert spoken is not None
    assert spoken["name"] == language


def test_what_is_learnt_can_be_kept(weights: Weights, tmp_path: Path) -> None:
    weights.write(tmp_path)
    again = Weights.read(tmp_path)
    for lesson in LESSONS:
        assert again.guess(lesson.text) == weights.guess(lesson.text)


def test_learning_twice_gives_the_same(weights: Weights) -> None:
    again = learn(LESSONS, c=3.0, seen=2)
    assert again.guess("punti punti punti") == weights.guess("punti punti punti")


def test_two_intents_and_no_language_are_enough() -> None:
    few = [Lesson(lesson.text, lesson.intent) for lesson in LESSONS if lesson.intent != "out_of_scope"]
    ranking, _ = learn(few, c=3.0, seen=1).guess("thanks")
    assert [guess["name"] for guess in ranking] == ["thank", "check_points"]


@given(text=st.text())
def test_any_text_gets_a_ranking_of_all_intents(weights: Weights, text: str) -> None:
    ranking, _ = weights.guess(text)
    assert {guess["name"] for guess in ranking} == {"check_points", "thank", "out_of_scope"}
    assert np.isclose(sum(guess["confidence"] for guess in ranking), 1.0, atol=1e-4)
    assert ranking == sorted(ranking, key=lambda guess: -guess["confidence"])
