"""A designer goes through messages that were not understood: every key, and what is done at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ruamel.yaml.error import YAMLError

from conversation.turning.misunderstood import Misunderstood
from passaparola.annotating import Candidate, Desk, annotate, candidates, words_of
from passaparola.annotation_file import carry_out, mistakes, read_file, write_file
from passaparola.examples import Example, read_examples
from passaparola.filing import Shelf

INTENTS = ["greet", "check_points", "list_rewards"]
NLU = """\
nlu:
- intent: check_points
  metadata: {language: it}
  examples: |
    - quanti punti ho
- intent: list_rewards
  metadata: {language: it}
  examples: |
    - che premi ci sono
"""
NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Room:
    """A designer's desk in a folder, with what was shown and what was let go of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "nlu.yml").write_text(NLU, "utf-8")
        self.shown: list[str] = []
        self.gone: list[int] = []
        self.desk = Desk(Shelf(folder, {"reward"}), INTENTS, self.gone.extend, self.shown.append)

    def filed(self) -> list[tuple[str, str]]:
        """What stands in the file that did not before."""
        there = [(one.intent, one.text) for one in read_examples(self.folder)]
        return [one for one in there if one[1] not in {"quanti punti ho", "che premi ci sono"}]

    def asked(self, messages: Sequence[Candidate], *answers: str) -> str:
        left = iter(answers)
        told = str(annotate(self.desk, messages, lambda _prompt: next(left)))
        assert next(left, None) is None, "not every answer was asked for"
        return told


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path / "nlu")


def said(text: str, *ids: int, suggested: str | None = "check_points") -> Candidate:
    return Candidate(text, "it", len(ids), suggested, chosen=False, ids=ids)


@pytest.mark.parametrize(
    ("answer", "intent"), [("", "check_points"), ("3", "list_rewards"), ("list_rewards", "list_rewards")]
)
def test_a_message_is_filed_under_the_suggestion_a_number_or_a_name(room: Room, answer: str, intent: str) -> None:
    assert room.asked([said("saldo x fav", 1, 2)], answer) == "1 filed, 0 discarded, 0 left for another time"
    assert room.filed() == [(intent, "saldo x fav")]
    assert room.gone == [1, 2]


def test_skipped_messages_stay_discarded_ones_go(room: Room) -> None:
    messages = [said("uno", 1), said("due", 2), said("tre", 3), said("quattro", 4)]
    assert room.asked(messages, "s", "D", "q") == "0 filed, 1 discarded, 3 left for another time"
    assert room.gone == [2]
    assert room.filed() == []


def test_a_corrected_sentence_is_filed_with_its_annotations(room: Room) -> None:
    room.asked([said("vorei il flat wite", 1)], "e", "vorrei il [flat white](reward)", "list_rewards")
    assert room.filed() == [("list_rewards", "vorrei il flat white")]
    assert "    - vorrei il [flat white](reward)" in (room.folder / "nlu.yml").read_text("utf-8").split("\n")


def test_what_cannot_be_filed_is_asked_again(room: Room) -> None:
    room.asked([said("quanti punti ho", 1)], "list_rewards", "greet", "9", "0", "dance", "²", "")
    assert any("not filed: stands under check_points" in line for line in room.shown)
    assert any("no block of greet in it" in line for line in room.shown)
    assert room.gone == [1]
    assert room.filed() == []
    assert any("stands there already" in line for line in room.shown)


def test_enter_without_a_suggestion_is_asked_again(room: Room) -> None:
    assert room.asked([said("boh", 1, suggested=None)], "", "?", "s").endswith("1 left for another time")


def test_what_was_decided_stays_when_it_is_broken_off(room: Room) -> None:
    answers: Iterator[str] = iter([""])

    def ask(_prompt: str) -> str:
        if (answer := next(answers, None)) is None:
            raise KeyboardInterrupt
        return answer

    with pytest.raises(KeyboardInterrupt):
        annotate(room.desk, [said("saldo", 1), said("altro", 2)], ask)
    assert (room.filed(), room.gone) == ([("check_points", "saldo")], [1])


# ---- what is shown and suggested


def found(text: str, meant: str | None = None, *refused: str) -> Misunderstood:
    return Misunderstood(text, "it", 1, meant, frozenset(refused), NOW, (1,))


def test_customers_choice_comes_before_the_models(room: Room) -> None:
    rank: Callable[[str], list[str]] = lambda _text: ["nlu_fallback", "greet", "list_rewards"]  # noqa: E731
    messages = [found("a", "check_points"), found("b"), found("c", None, "greet"), found("d", "gone")]
    suggested = [(one.suggested, one.chosen) for one in candidates(messages, (), INTENTS, rank)]
    assert suggested == [("check_points", True), ("greet", False), ("list_rewards", False), ("greet", False)]
    assert [one.suggested for one in candidates(messages, (), INTENTS, None)] == ["check_points", None, None, None]


def test_nobody_is_shown(room: Room) -> None:
    words = words_of([Example("greet", "it", "ciao Marco di Roma", frozenset(), "")])
    texts = ["ciao Marco", "scrivi a anna@example.org", "\x1b[2J[x](reward)\nciao", "\u200f\n"]
    shown = [one.text for one in candidates([found(text) for text in texts], words, INTENTS, None)]
    assert shown == ["ciao [name]", "scrivi a [mail]", "(2J(x)(reward) ciao"]


# ---- as a file


def edit(file: Path, *intents: str) -> None:
    """Write intents into a file, from above."""
    lines, left = file.read_text("utf-8").split("\n"), iter(intents)
    file.write_text("\n".join(f"  intent: {next(left)}" if "  intent:" in line else line for line in lines), "utf-8")


def test_a_file_goes_out_and_comes_back(room: Room, tmp_path: Path) -> None:
    file = tmp_path / "said.yml"
    texts = ['saldo: "x" # y', "- premi? " + "lungo " * 200, "boh", "ciao", "'", "yes"]
    messages = [said(" ".join(text.split()), number) for number, text in enumerate(texts)]
    write_file(file, messages)
    assert [one.candidate.text for one in read_file(file)] == [one.text for one in messages]
    assert [one.candidate.ids for one in read_file(file)] == [one.ids for one in messages]
    edit(file, "ok", "list_rewards", "discard", "", "", "")
    decisions = read_file(file)
    assert list(mistakes(room.desk, decisions)) == []
    assert list(carry_out(room.desk, decisions)) == []
    assert str(room.desk.tally) == "2 filed, 1 discarded, 3 left for another time"
    assert [intent for intent, _ in room.filed()] == ["check_points", "list_rewards"]
    assert room.gone == [0, 1, 2]


def test_a_file_with_decisions_is_not_written_over(tmp_path: Path) -> None:
    write_file(tmp_path / "said.yml", [said("boh", 1)])
    with pytest.raises(FileExistsError):
        write_file(tmp_path / "said.yml", [])


def test_mistakes_in_a_file_are_told_where_they_are(room: Room, tmp_path: Path) -> None:
    file = tmp_path / "said.yml"
    write_file(file, [said("boh", 1), replace(said("quanti punti ho", 2), suggested=None), said("e", 3), said("f", 4)])
    edit(file, "dance", "ok", "greet", "check_points")
    first = next(number for number, line in enumerate(file.read_text("utf-8").split("\n"), 1) if line == "- text: boh")
    step = 7  # text, language, times, suggested, intent, ids and the id
    told = list(mistakes(room.desk, read_file(file)))
    assert [one.split(": ", 1)[0] for one in told] == [f"{file}:{first + place * step}" for place in range(3)]
    assert "dance is no intent" in told[0]
    assert "no suggestion" in told[1]
    assert "no block of greet in it" in told[2]


def test_a_sentence_filed_a_moment_ago_is_told_and_the_rest_is_done(room: Room, tmp_path: Path) -> None:
    file = tmp_path / "said.yml"
    write_file(file, [said("boh", 1), said("boh", 2), said("altro", 3)])
    edit(file, "check_points", "list_rewards", "list_rewards")
    (told,) = carry_out(room.desk, read_file(file))
    assert "stands under check_points" in told
    assert room.gone == [1, 3]


@pytest.mark.parametrize("text", ["", "messages: x", "messages:\n- just words", "messages: [", "nlu: []"])
def test_a_file_that_is_none_is_told_in_a_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "said.yml"
    file.write_text(text, "utf-8")
    with pytest.raises(YAMLError, match=f"^{file}:[0-9]+: "):
        read_file(file)
