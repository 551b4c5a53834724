"""A sentence is filed into its block as the file is laid out, once, and nothing else changes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.spelling import tokens
from passaparola.examples import Example, plain, read_examples
from passaparola.filing import NotFiled, Shelf, tidy

FILE = """\
# Points: what designers wrote about it.
version: "3.1"
nlu:
- intent: check_points   # the most frequent one
  metadata: {language: en}
  examples: |
    - how many points
    - my [3](points) points

# Italian
- intent: check_points
  metadata:
    language: it
  examples: |
      - quanti punti ho

- intent: list_rewards
  metadata: {language: en}
  examples: |
    - show the rewards
"""
BLIND = [Example("check_points", "en", "is there anything left on my card", frozenset(), "data/test/en.yml:7")]


def shelf(folder: Path, text: str = FILE) -> Shelf:
    (folder / "points.yml").write_bytes(text.encode())
    return Shelf(folder, {"points", "reward", "language"}, BLIND)


def read(folder: Path) -> str:
    return (folder / "points.yml").read_bytes().decode()


def with_line(number: int, line: str, text: str = FILE, end: str = "\n") -> str:
    lines = text.split(end)
    return end.join([*lines[: number - 1], line, *lines[number - 1 :]])


@pytest.mark.parametrize(
    ("intent", "language", "number", "line"),
    [
        ("check_points", "en", 9, "    - points pls"),
        ("check_points", "it", 16, "      - points pls"),
        ("list_rewards", "en", 21, "    - points pls"),
    ],
)
def test_a_sentence_stands_last_in_its_block_and_all_else_stays(
    tmp_path: Path, intent: str, language: str, number: int, line: str
) -> None:
    filed = shelf(tmp_path).file(intent, language, "points pls")
    assert (filed.where, filed.new) == (f"{tmp_path / 'points.yml'}:{number}", True)
    assert read(tmp_path) == with_line(number, line)


def test_line_endings_and_a_missing_last_one_stay(tmp_path: Path) -> None:
    text = FILE.rstrip().replace("\n", "\r\n")
    shelf(tmp_path, text).file("check_points", "en", "points pls")
    assert read(tmp_path) == with_line(9, "    - points pls", text, "\r\n")
    shelf(tmp_path, FILE.rstrip()).file("list_rewards", "en", "points pls")
    assert read(tmp_path) == f"{FILE}    - points pls"


def test_one_after_the_other_find_their_places(tmp_path: Path) -> None:
    one = shelf(tmp_path)
    for number, (intent, language) in enumerate([("check_points", "en"), ("check_points", "it")] * 3):
        one.file(intent, language, f"sentence {'abcdef'[number]}{language}")
    found = [(example.intent, example.language, example.text) for example in read_examples(tmp_path)]
    assert found[2:5] == [("check_points", "en", f"sentence {letter}en") for letter in "ace"]
    assert found[6:9] == [("check_points", "it", f"sentence {letter}it") for letter in "bdf"]


@pytest.mark.parametrize("sentence", ["how many points", "How  many POINTS", "my 3 points", "hôw many points"])
def test_what_stands_there_is_not_filed_again(tmp_path: Path, sentence: str) -> None:
    one = shelf(tmp_path)
    assert one.file("check_points", "en", sentence).new is False
    assert read(tmp_path) == FILE


def test_what_was_just_filed_is_not_filed_again(tmp_path: Path) -> None:
    one = shelf(tmp_path)
    first = one.file("check_points", "en", "points pls")
    assert one.file("check_points", "en", "POINTS pls").where == first.where
    with pytest.raises(NotFiled, match="stands under check_points"):
        one.file("list_rewards", "en", "points pls")


def test_the_same_words_may_stand_in_another_language(tmp_path: Path) -> None:
    assert shelf(tmp_path).file("check_points", "it", "how many points").new


@pytest.mark.parametrize(
    ("intent", "language", "sentence", "said"),
    [
        ("list_rewards", "en", "how many points", r"stands under check_points \(.*points.yml:7\)"),
        ("check_points", "en", "is there anything left on my cardd", "is a sentence of the test split"),
        ("check_points", "ar", "كم نقطة", "has no block of check_points in ar"),
        ("dance", "en", "dance", "has no block of dance in en"),
        ("check_points", "en", " ... ", "there are no words"),
        ("check_points", "en", "my [3](pints) points", "pints is no entity"),
        ("check_points", "en", "my [3] points", "an annotation is written"),
        ("check_points", "en", "my [3](points points", "an annotation is written"),
        ("check_points", "en", 'in [it]{"entity": "language", value} please', "is no annotation"),
        ("check_points", "en", 'in [it]{"value": "language"} please', "is no entity"),
    ],
)
def test_what_cannot_stand_there_is_refused_and_says_why(
    tmp_path: Path, intent: str, language: str, sentence: str, said: str
) -> None:
    with pytest.raises(NotFiled, match=said):
        shelf(tmp_path).file(intent, language, sentence)
    assert read(tmp_path) == FILE


def test_annotations_are_kept(tmp_path: Path) -> None:
    sentence = 'give me [3](points) in [italian]{"entity": "language", "value": "it"}'
    shelf(tmp_path).file("check_points", "en", sentence)
    assert read(tmp_path) == with_line(9, f"    - {sentence}")


def test_something_made_up_stands_for_what_was_taken_out(tmp_path: Path) -> None:
    shelf(tmp_path).file("check_points", "en", "[name] here, my code [code], call [number]")
    (line,) = {*read(tmp_path).split("\n")} - {*FILE.split("\n")}
    assert line == "    - Sara here, my code K7PM-3XQ9, call +39 333 1234567"
    assert {"#code", "#phone"} <= {*tokens(line)}


def test_a_file_that_changed_meanwhile_keeps_what_it_has(tmp_path: Path) -> None:
    one = shelf(tmp_path)
    changed = FILE.replace("    - how many points\n", "    - how many points\n    - by somebody else\n")
    (tmp_path / "points.yml").write_text(changed, "utf-8")
    one.file("check_points", "en", "points pls")
    assert read(tmp_path) == with_line(10, "    - points pls", changed)


@given(st.text(), st.sampled_from(["en", "it"]))
def test_whatever_a_customer_wrote_is_one_sentence_or_refused(
    tmp_path_factory: pytest.TempPathFactory, message: str, language: str
) -> None:
    folder = tmp_path_factory.mktemp("nlu")
    text = tidy(message)
    before = len(FILE.split("\n"))
    try:
        filed = shelf(folder).file("check_points", language, text)
    except NotFiled:
        assert read(folder) == FILE
        return
    examples = list(read_examples(folder))
    assert len(examples) == 4 + filed.new
    assert len(read(folder).split("\n")) == before + filed.new
    (there,) = [example for example in examples if example.where == filed.where]
    assert not there.text.startswith("/")
    assert not filed.new or there.entities == frozenset()


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("two\nlines\r\n\u2028of it", "two lines of it"),
        ("- /restart", "restart"),
        ("[espresso](reward) now", "(espresso)(reward) now"),
        ("[name](reward) now", "[name] (reward) now"),
        ('[code]{"entity": "reward"}', '[code] {"entity": "reward"}'),
        ("\x1b[31mred\x07", "(31mred"),
        ("abc\u202etxt", "abc txt"),
    ],
)
def test_a_message_is_shown_as_nothing_but_words(message: str, shown: str) -> None:
    assert tidy(message) == shown
    assert plain(shown)[1] == frozenset()
