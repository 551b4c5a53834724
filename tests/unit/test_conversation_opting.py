"""Words that stop promotional messages: the whole message or nothing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.choosing.matching import normalise
from conversation.choosing.opting import OptWords
from conversation.errors import BadSentence

FILE = Path("data/words/opting.yml")
WORDS = OptWords.load(FILE)


@pytest.mark.parametrize(
    "text",
    ["STOP", "stop", " Stop. ", "stop!!!", "STOP 🛑", "Unsubscribe", "baja", "BAJA", "Arrêt", "arret", "désabonner",
     "disiscrivimi", "إيقاف", "ايقاف", "الغاء الاشتراك", "стоп", "Отписаться", "parar", "abmelden", "退订",
     "停止", "berhenti"],
)  # fmt: skip
def test_a_word_by_itself_stops(text: str) -> None:
    assert WORDS.meaning(text) == "stop"


@pytest.mark.parametrize("text", ["START", "start.", "unstop", "Alta", "reprendre", "riattiva", "ابدأ", "старт"])
def test_a_word_by_itself_starts(text: str) -> None:
    assert WORDS.meaning(text) == "start"


@pytest.mark.parametrize(
    "text",
    ["stop, o Zé não vem", "don't stop", "stop by the shop at five", "non stop", "where is the bus stop",
     "start the quiz",
     "cancel", "end", "quit", "basta", "no", "", "   ", "🛑", "s t o p i n g", "stop" * 40],
)  # fmt: skip
def test_inside_a_sentence_they_mean_nothing(text: str) -> None:
    assert WORDS.meaning(text) is None


@given(st.sampled_from(sorted(WORDS.meanings)), st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12))
def test_another_word_beside_it_undoes_it(word: str, other: str) -> None:
    text = f"{word} {other}"
    meaning = WORDS.meaning(text)
    assert meaning is None or normalise(text) in WORDS.meanings


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("stop: {en: [stop]}\nstart: {en: [stop]}", 2),
        ("stop:\n  en: [stop, on, 3]\nstart: {en: [start]}", 2),
        ("stop: {en: [stop]}", 1),
        ("stop: [", 1),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, content: str, line: int) -> None:
    file = tmp_path / "opting.yml"
    file.write_text(content, "utf-8")
    with pytest.raises(BadSentence, match=rf"opting\.yml:{line}: "):
        OptWords.load(file)
