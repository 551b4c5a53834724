"""Joining, the profile, a copy, being forgotten, waiting for a person: each flow pure, each step in every language."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statemachine.exceptions import TransitionNotAllowed

from conversation.choosing.typed import LONGEST_NAME, read_birthday, read_name
from conversation.flowing.runner import FlowRunner
from conversation.saying.sentences import Sentences
from flows.enrolment import Enrolment, EnrolmentFacts, Join, Keep
from flows.erasure import Erase, Erasure, ErasureFacts
from flows.export import Export, ExportFacts, MakeExport
from flows.flow import Flow
from flows.handover import AskForPerson, HandBack, HandoverFacts, HandoverFlow
from flows.model import Effect, Event, Heard, Phrase, Saved, Step
from flows.profile import Profile, ProfileFacts
from loyalty.codes import code_in, new_code, show_code
from loyalty.people.birthdays import NO_YEAR
from loyalty.programme import LANGUAGES
from tests.unit.helpers_hypothesis import patiently

TODAY = date(2026, 11, 22)
FLOWS: Mapping[str, tuple[Flow[Any], Any]] = {
    "enrolment": (
        Enrolment(),
        EnrolmentFacts("Aurora", 10, "Espresso", "v1", (Phrase("welcome.terms"),), ("name", "birthday"), "Anna"),
    ),
    "profile": (Profile(), ProfileFacts("Anna", "14 March", "English", True)),
    "erasure": (Erasure(), ErasureFacts("Aurora", 50, 2)),
    "export": (Export(), ExportFacts()),
    "handover": (HandoverFlow(), HandoverFacts("2026-11-23", "09:00")),
}
OUTCOMES: Mapping[type[Effect], tuple[Event, ...]] = {
    Join: (Event("joined", {"bonus": 10}), Event("joined", {"bonus": 0})),
    Keep: (
        Event("kept", {"what": "name", "name": "Anna"}), Event("kept", {"what": "birthday", "day": "14 March"}),
        Event("unclear", {"why": "name"}), Event("unclear", {"why": "birthday"}),
        Event("unclear", {"why": "birthday_later"}),
    ),
    Erase: (Event("erased"),),
    MakeExport: (Event("made", {"document": "https://a/h/t/my-data.txt", "page": "https://a/h/t/my-data.html"}),),
    AskForPerson: (Event("queued"),),
    HandBack: (Event("back"),),
}  # fmt: skip
NAMES = ("tell", "want", "skip", "go_on", "keep", "erase", "to_bot", "rename", "redate", "back", "agree", "nonsense")


@pytest.fixture(scope="module")
def runner() -> FlowRunner:
    return FlowRunner(Sentences.load(Path("data/responses")), ())


def settle(flow: Flow[Any], step: Step, facts: Any, pick: int) -> Step:
    """Carry effects out, with one of the outcomes they may have."""
    while step.effect is not None:
        assert step.saved is not None
        fitting = OUTCOMES[type(step.effect)]
        if isinstance(step.effect, Keep):
            what = step.effect.what
            fitting = tuple(one for one in fitting if what in str(one.args.values())) or (
                Event("kept", {"what": "offers"}),
            )
        step = flow.on(step.saved, fitting[pick % len(fitting)], facts)
    return step


def start(name: str, pick: int = 0) -> Step:
    flow, facts = FLOWS[name]
    return settle(flow, flow.start("run", facts, {"agreed": "v1", "text": "a person"}), facts, pick)


@pytest.mark.parametrize("name", FLOWS)
@patiently(40)
@given(walk=st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 5)), max_size=12), pick=st.integers(0, 5))
def test_no_walk_leads_astray_or_to_a_dead_end(
    runner: FlowRunner, name: str, walk: list[tuple[str, int]], pick: int
) -> None:
    flow, facts = FLOWS[name]
    step = start(name, pick)
    for event, chosen in [*walk, ("again", 0)]:
        say = step.say
        assert say is not None
        for language in LANGUAGES:
            message = runner.message(language, say)
            assert message.text.strip()
            titles = [choice.title for choice in message.choices]
            assert len(set(titles)) == len(titles)
        if step.saved is None:
            return
        assert say.options, "there is always a way on"
        here = Saved.from_json(json.loads(json.dumps(step.saved.to_json())))
        assert here == step.saved
        if event == "again":
            step = flow.again(here, facts)
            continue
        for option in say.options:
            if isinstance(option.action, Event):
                flow.on(here, option.action, facts)
        try:
            told = Event(event, {"text": "x"} if event == "tell" else {})
            step = settle(flow, flow.on(here, told, facts), facts, chosen)
        except TransitionNotAllowed:
            continue


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_step_has_its_sentences(runner: FlowRunner, name: str, language: str) -> None:
    step = start(name)
    assert step.say is not None
    assert runner.message(language, step.say).text  # type: ignore[arg-type]  # one of LANGUAGES


def test_a_yes_is_not_enough_to_be_forgotten() -> None:
    flow, facts = FLOWS["erasure"]
    first = start("erasure").saved
    assert first is not None
    second = flow.on(first, Event("go_on"), facts).saved
    assert second is not None
    for at in (first, second):
        for intent in ("affirm", "delete_my_data", "nlu_fallback"):
            assert flow.hear(at, Heard("yes", intent, 1.0)) is None
    with pytest.raises(TransitionNotAllowed):
        flow.on(first, Event("erase"), facts)


def test_an_invitation_is_no_flow_that_could_time_out() -> None:
    flow, facts = FLOWS["enrolment"]
    assert flow.start("run", facts, {}).saved is None
    assert flow.start("run", facts, {"agreed": "older"}).saved is None


@pytest.mark.parametrize("questions", [(), ("name",), ("birthday", "offers"), ("name", "offers"), ("offers",)])
def test_only_the_questions_there_are_come_and_each_can_be_skipped(questions: tuple[str, ...]) -> None:
    flow = Enrolment()
    facts = EnrolmentFacts("Aurora", 10, "Espresso", "v1", (), questions)
    step = settle(flow, flow.start("run", facts, {"agreed": "v1"}), facts, 0)
    for _ in questions:
        assert step.saved is not None
        step = flow.on(step.saved, Event("skip"), facts)
    assert step.saved is None


def test_figures_are_a_birthday_whatever_the_model_makes_of_them() -> None:
    at = Saved("enrolment", 1, "run", 3, "dating")
    assert Enrolment().hear(at, Heard("14 points in march", "check_points", 0.99)) == Event(
        "tell", {"text": "14 points in march"}
    )
    assert Enrolment().hear(at, Heard("how do I earn", "how_to_earn", 0.99)) is None


# ---- what people type


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1990-03-14", (1990, 3, 14)), ("14/3/90", (1990, 3, 14)), ("14.03.2001", (2001, 3, 14)),
        ("3/25/1991", (1991, 3, 25)), ("March 14th, 1990", (1990, 3, 14)), ("14 marzo", (NO_YEAR, 3, 14)),
        ("le 1er février 1988", (1988, 2, 1)), ("14 de agosto de 1979", (1979, 8, 14)), ("29/2", (NO_YEAR, 2, 29)),
        ("١٤ مارس ١٩٩٠", (1990, 3, 14)), ("١٤ آذار", (NO_YEAR, 3, 14)), ("14 février", (NO_YEAR, 2, 14)),
        ("il 7 settembre", (NO_YEAR, 9, 7)), ("3 sept 2001", (2001, 9, 3)), ("22/11/26", (2026, 11, 22)),
    ],
)  # fmt: skip
def test_a_birthday_is_read_as_it_is_typed(text: str, day: tuple[int, int, int]) -> None:
    assert read_birthday(text, TODAY) == date(*day)


@pytest.mark.parametrize(
    "text", ["soon", "5", "31/2/1990", "14 mars 2050", "1/1/1850", "", "99999999999", "32/13", "14 march 15 april"]
)
def test_what_is_no_birthday_is_none(text: str) -> None:
    assert read_birthday(text, TODAY) is None


@given(st.text(max_size=60))
def test_no_text_whatever_breaks_the_readers(text: str) -> None:
    day, name = read_birthday(text, TODAY), read_name(text)
    assert day is None or day <= TODAY
    assert name is None or 0 < len(name) <= LONGEST_NAME
    code_in(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sam", "Sam"), ("call me Sam", "Sam"), ("mi chiamo anna maria", "Anna Maria"), ("O'Neil", "O'Neil"),
        ("je m’appelle Jean-Luc", "Jean-Luc"), ("اسمي فاطمة", "فاطمة"), ("me llamo José", "José"), ("12", None),
        ("https://x.example", None), ("how many points do I have today", None), ("", None), ("x" * 41, None),
    ],
)  # fmt: skip
def test_a_name_is_read_as_it_is_typed(text: str, name: str | None) -> None:
    assert read_name(text) == name


def test_a_code_is_found_in_a_message_and_a_word_is_none() -> None:
    code = new_code(7)
    assert code_in(f"Ciao! Un amico mi ha dato questo codice: {show_code(code)}") == code
    assert code_in(f"my code is {show_code(code).lower()}, thanks") == code
    assert code_in("present, what can I get") is None
