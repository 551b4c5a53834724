"""The file of words for places: complete in every language, and without a word that could be two."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from conversation.choosing.number_words import FILE, LAST, NumberWords, usual
from conversation.choosing.spelling import normalise
from conversation.errors import BadSentence
from loyalty.programme import LANGUAGES

DOCUMENT = YAML(typ="safe").load(FILE.read_text("utf-8"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_counts_to_twelve_and_knows_the_last(language: str) -> None:
    assert list(DOCUMENT["places"][language]) == list(range(1, 13))
    for key in ("last", "before", "after", "questions"):
        assert DOCUMENT[key][language], key
    assert language in DOCUMENT["endings"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_for_a_place_means_it(language: str) -> None:
    words = usual()
    for place, spellings in DOCUMENT["places"][language].items():
        for spelling in spellings:
            assert words.place(tuple(normalise(spelling).split())) == place, spelling
    for spelling in DOCUMENT["last"][language]:
        assert words.place(tuple(normalise(spelling).split())) == LAST, spelling


def test_what_denies_is_not_left_out_of_a_sentence() -> None:
    words = usual()
    for denial in ("no", "non", "not", "pas", "ne", "don t", "لا", "ليس", "مش", "ما"):
        assert normalise(denial) not in words.before | words.after, denial


def test_what_is_left_is_never_nothing_and_the_least_changed_comes_first() -> None:
    words = usual()
    assert words.bare(("the", "second", "one")) == [
        ("the", "second", "one"), ("the", "second"), ("second", "one"), ("second",)
    ]  # fmt: skip
    assert words.bare(("per", "favore")) == [("per", "favore")]
    assert all(words.bare(("ok", "please")))


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("{", "cannot be read"), ("a: 1", "has the keys"),
        ("places: {en: {1: [one], 2: [ONE]}}\nlast: {}\nendings: {}\nbefore: {}\nafter: {}\nquestions: {}",
         "two places"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_named(tmp_path: Path, content: str, wrong: str) -> None:
    file = tmp_path / "numbers.yml"
    file.write_text(content, "utf-8")
    with pytest.raises(BadSentence, match=wrong):
        NumberWords.load(file)
