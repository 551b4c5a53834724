"""The leaderboard flow: look, take part, leave. Pure: facts and an event in, a step out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statemachine.exceptions import TransitionNotAllowed

from conversation.flowing.ranking import Ranking
from conversation.flowing.runner import FlowRunner
from conversation.saying.sentences import Sentences
from flows.board import BoardFact, BoardFacts, Leaderboard, TakePart, Withdraw
from flows.model import Event, Heard, Phrase, Saved, Say, Step, Value
from loyalty.programme import LANGUAGES, Language
from tests.unit.helpers_hypothesis import patiently

FLOW = Leaderboard()
RUN = "0192f0c1"
CLASSES, FRIENDS = BoardFact("classes", "Classes", "*Classes*\n1. Otter"), BoardFact("friends", "Friends", "*Friends*")
ONE, TWO, NO = BoardFacts((CLASSES,), None), BoardFacts((CLASSES, FRIENDS), None), BoardFacts((), None)


def at(state: str, board: str = "classes") -> Saved:
    return Saved("leaderboard", 1, RUN, 3, state, {"board": board} if state != "choosing" else {})


def say(step: Step) -> Say:
    assert step.say is not None
    return step.say


def saved(step: Step) -> Saved:
    assert step.saved is not None
    return step.saved


def titles(step: Step) -> list[str]:
    return [option.title.key if isinstance(option.title, Phrase) else option.title for option in say(step).options]


def test_the_only_board_is_shown_at_once_with_a_way_to_take_part() -> None:
    step = FLOW.start(RUN, ONE, {})
    assert say(step).phrases == (CLASSES.text, Phrase("board.consent"))
    assert titles(step) == ["button.take_part", "button.list_challenges", "button.check_points"]


def test_of_several_one_is_chosen_and_the_others_are_a_tap_away() -> None:
    step = FLOW.start(RUN, TWO, {})
    assert titles(step) == ["Classes", "Friends"]
    step = FLOW.on(saved(step), Event("pick", {"board": "friends"}), TWO)
    assert say(step).phrases[0] == FRIENDS.text
    assert titles(step)[:2] == ["button.take_part", "button.other_boards"]
    assert titles(FLOW.on(saved(step), Event("others"), TWO)) == ["Classes", "Friends"]


def test_taking_part_is_an_effect_and_shows_the_board_again_under_her_name() -> None:
    step = FLOW.on(at("showing"), Event("enter"), ONE)
    assert (step.effect, step.say) == (TakePart(), None)
    step = FLOW.on(saved(step), Event("entered", {"name": "Sunny Otter"}), replace(ONE, name="Sunny Otter"))
    assert say(step).phrases == (Phrase("board.entered", {"name": "Sunny Otter"}), CLASSES.text)
    assert titles(step)[0] == "button.leave_board"


def test_leaving_is_as_easy_as_taking_part() -> None:
    step = FLOW.on(at("showing"), Event("withdraw"), replace(ONE, name="Sunny Otter"))
    assert step.effect == Withdraw()
    step = FLOW.on(saved(step), Event("gone"), ONE)
    assert (step.saved, say(step).phrases) == (None, (Phrase("board.left"),))


def test_a_mere_yes_is_no_consent() -> None:
    assert FLOW.hear(at("showing"), Heard("yes", "affirm", 0.99)) is None


def test_a_board_that_is_gone_leads_to_those_there_are() -> None:
    assert titles(FLOW.again(at("showing"), BoardFacts((FRIENDS,), None))) == ["Friends"]
    assert say(FLOW.again(at("showing"), NO)).phrases == (Phrase("board.gone"),)
    assert saved(FLOW.on(at("choosing"), Event("pick", {"board": "nothing"}), TWO)).state == "choosing"
    assert saved(FLOW.on(at("entering"), Event("refuse"), NO)).state == "choosing"


ALLOWED = {
    "choosing": {"pick"}, "showing": {"others", "enter", "withdraw"}, "entering": {"entered", "refuse"},
    "withdrawing": {"gone"}, "left": set[str](),
}  # fmt: skip
EVENTS: dict[str, dict[str, Value]] = {
    "pick": {"board": "classes"}, "others": {}, "enter": {}, "withdraw": {}, "entered": {"name": "Otter"}, "refuse": {},
    "gone": {}, "nonsense": {},
}  # fmt: skip


@patiently(60)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(EVENTS)), st.sampled_from([ONE, TWO, NO, replace(ONE, name="Otter")])),
        max_size=20,
    )
)
def test_no_walk_whatever_leads_astray(walk: list[tuple[str, BoardFacts]]) -> None:
    step = FLOW.start(RUN, TWO, {})
    for name, facts in walk:
        if step.saved is None:
            break
        here = step.saved
        assert Saved.from_json(json.loads(json.dumps(here.to_json()))) == here
        assert (step.say is None) == (step.effect is not None) == (here.state in {"entering", "withdrawing"})
        try:
            step = FLOW.on(here, Event(name, EVENTS[name]), facts)
        except TransitionNotAllowed:
            assert name not in ALLOWED[here.state]
        else:
            assert name in ALLOWED[here.state]


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_the_flow_says_has_its_sentences(language: Language) -> None:
    sentences = Sentences.load(Path(__file__).parents[2] / "data" / "responses")
    runner = FlowRunner(sentences, (Ranking(sentences),))
    inside = replace(TWO, name="Otter")
    steps = [
        FLOW.start(RUN, TWO, {}), FLOW.start(RUN, ONE, {}), FLOW.start(RUN, NO, {}),
        FLOW.on(at("entering"), Event("entered", {"name": "Otter"}), inside), FLOW.again(at("showing"), inside),
        FLOW.on(at("withdrawing"), Event("gone"), ONE),
    ]  # fmt: skip
    for step in steps:
        message = runner.message(language, say(step))
        assert message.text.strip()
        assert 2 <= len(message.choices) <= 3
