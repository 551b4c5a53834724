"""Dialogs that are written down in the programme: their questions in order, corrections, skipping, a changed file."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statemachine.exceptions import TransitionNotAllowed

from conversation.flowing.dialoguing import Dialoguing, dialog_called
from conversation.flowing.runner import FlowRunner
from conversation.saying.sentences import Sentences
from flows.dialog import LONGEST, Dialog, DialogFacts, Finish, Question
from flows.model import Event, Heard, Option, Phrase, Saved, Say, Step, Value
from loyalty.programme import LANGUAGES, Language, Programme
from tests.unit.helpers_hypothesis import patiently

FLOW = Dialog()
DRINK = Question("drink", "choose", "Which drink?", (("tea", "Tea"), ("coffee", "Coffee")))
WISH = Question("wish", "ask", "What else?", optional=True)
SURE = Question("sure", "confirm", "Pass it on?")
FACTS = DialogFacts("taste", "our survey", "1", (DRINK, WISH, SURE), "Hello", "Thanks")


def begun(facts: DialogFacts = FACTS) -> Step:
    return FLOW.start("run", facts, {"dialog": facts.id})


def said(step: Step) -> Say:
    assert step.say is not None
    return step.say


def at(step: Step) -> Saved:
    assert step.saved is not None
    return step.saved


def answered(step: Step, text: str, facts: DialogFacts = FACTS) -> Step:
    return FLOW.on(at(step), Event("answer", {"text": text}), facts)


def titles(step: Step) -> list[str]:
    return [title.key if isinstance(title := option.title, Phrase) else title for option in said(step).options]


def test_the_questions_come_in_order_and_the_answers_are_kept() -> None:
    step = begun()
    assert said(step).phrases == ("Hello", "Which drink?")
    assert titles(step) == ["Tea", "Coffee"]
    step = answered(step, "tea")
    assert (said(step).phrases, titles(step)) == (("What else?",), ["button.skip_it", "button.previous"])
    step = answered(step, "  apple cake ")
    assert titles(step) == ["button.confirm", "button.start_over"]
    step = answered(step, "yes")
    assert step.effect == Finish("taste", {"drink": "tea", "wish": "apple cake", "sure": "yes"})
    step = FLOW.on(at(step), Event("kept", {"points": 5, "available": 12, "code": "", "reward": ""}), FACTS)
    assert step.saved is None
    assert said(step).phrases[0] == "Thanks"
    assert [phrase.key for phrase in said(step).phrases[1:] if isinstance(phrase, Phrase)] == ["dialog.points"]


def test_what_is_none_of_the_choices_is_asked_again() -> None:
    step = answered(begun(), "beer")
    assert said(step).phrases == (Phrase("dialog.choose_one"), "Which drink?")
    assert at(step).step == at(begun()).step, "what was offered can still be tapped"


def test_a_question_may_be_skipped_gone_back_from_and_answered_otherwise() -> None:
    step = answered(begun(), "tea")
    back = FLOW.on(at(step), Event("back"), FACTS)
    assert said(back).phrases == ("Which drink?",)
    step = FLOW.on(at(answered(back, "coffee")), Event("skip"), FACTS)
    step = answered(step, "yes")
    assert step.effect == Finish("taste", {"drink": "coffee", "sure": "yes"})


def test_no_leads_back_to_the_beginning() -> None:
    step = FLOW.on(at(answered(begun(), "tea")), Event("skip"), FACTS)
    assert FLOW.hear(at(step), Heard("no", "deny", 0.9)) == Event("restart")
    assert FLOW.hear(at(step), Heard("yes", "affirm", 0.9)) == Event("answer", {"text": "yes"})
    assert FLOW.hear(at(step), Heard("apple", "nlu_fallback", 0.2)) is None
    assert said(FLOW.on(at(step), Event("restart"), FACTS)).phrases == ("Which drink?",)


def test_words_are_an_answer_where_words_are_asked_for() -> None:
    step = answered(begun(), "tea")
    assert FLOW.hear(at(step), Heard("apple cake", "nlu_fallback", 0.2)) == Event("answer", {"text": "apple cake"})
    assert FLOW.hear(at(step), Heard("how many points", "check_points", 0.95)) is None
    long = answered(step, "x" * 5000)
    assert len(str(at(long).data["a.wish"])) == LONGEST


def test_a_dialog_that_was_changed_meanwhile_ends_kindly() -> None:
    step = FLOW.on(at(begun()), Event("answer", {"text": "tea"}), replace(FACTS, shape="2"))
    assert (step.saved, said(step).phrases) == (None, (Phrase("flow.changed"),))
    gone = DialogFacts("taste", "taste", "", (), None, "")
    assert FLOW.on(at(begun()), Event("back"), gone).saved is None
    assert FLOW.whereabouts(at(begun()), gone) is None


def test_who_comes_back_to_a_dialog_that_is_shorter_now_is_told_that_it_changed() -> None:
    last = FLOW.on(at(answered(begun(), "tea")), Event("skip"), FACTS)
    shorter = replace(FACTS, shape="2", questions=FACTS.questions[:1])
    assert FLOW.whereabouts(at(last), shorter) is None  # no "question 3 of 1"
    step = FLOW.again(at(last), shorter)
    assert (step.saved, said(step).phrases) == (None, (Phrase("flow.changed"),))


@pytest.mark.parametrize("reason", ["limit", "not_now", "not_joined"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_has_its_sentences(language: Language, reason: str) -> None:
    runner = FlowRunner(Sentences.load(Path("data/responses")), (Dialoguing(),))
    keeping = replace(at(FLOW.on(at(answered(begun(), "tea")), Event("skip"), FACTS)), state="keeping")
    given: dict[str, Value] = {"points": 5, "available": 12, "code": "K7QX4M2PABCDE", "reward": "Espresso"}
    steps = [
        begun(),
        answered(begun(), "beer"),
        FLOW.on(keeping, Event("kept", given), FACTS),
        FLOW.on(keeping, Event("refuse", {"reason": reason}), FACTS),
    ]
    for step in steps:
        assert runner.message(language, said(step)).text.strip()
    whereabouts = FLOW.whereabouts(at(begun()), FACTS)
    assert whereabouts is not None
    assert Sentences.load(Path("data/responses")).phrase(language, whereabouts)


def test_a_word_by_itself_begins_it_in_any_language(cafe: Programme) -> None:
    assert {dialog_called(cafe, word) for word in ("Survey", "sondaggio!", "استبيان", "ENQUETE")} == {"taste"}
    assert dialog_called(cafe, "what about the survey") is None
    assert dialog_called(cafe, "") is None


EVENTS = st.one_of(
    st.builds(lambda text: Event("answer", {"text": text}), st.sampled_from(["tea", "coffee", "yes", "", "x"])),
    st.sampled_from([Event(name) for name in ("skip", "back", "restart", "again", "kept", "refuse", "nonsense")]),
)


@patiently(150)
@given(st.lists(EVENTS, max_size=30), st.permutations([DRINK, WISH, SURE]))
def test_no_walk_whatever_leads_astray(walk: list[Event], order: list[Question]) -> None:
    facts = replace(FACTS, questions=tuple(order))
    step = begun(facts)
    for event in walk:
        if step.saved is None or step.effect is not None:
            break
        try:
            here = step.saved
            step = FLOW.again(here, facts) if event.name == "again" else FLOW.on(here, event, facts)
        except TransitionNotAllowed:
            assert event.name in {"kept", "refuse", "nonsense"}
            continue
        if step.effect is None:
            options: tuple[Option, ...] = said(step).options
            assert options or order[int(at(step).data["at"])].kind == "ask"
    if isinstance(step.effect, Finish):
        asked = {question.id for question in order}
        assert set(step.effect.answers) <= asked
        assert step.effect.answers.get("drink") in {None, "tea", "coffee"}
