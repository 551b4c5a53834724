"""The quiz flow: choose, answer, see what it brought. Pure: facts and an event in, a step out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statemachine.exceptions import TransitionNotAllowed

from conversation.choosing.matching import match_choice
from conversation.flowing.quizzing import Quizzing
from conversation.flowing.runner import FlowRunner
from conversation.messages.layout import lay_out
from conversation.saying.sentences import Sentences
from flows.model import Ask, Event, Heard, Phrase, Saved, Say, Step, Value
from flows.quiz import Answer, Asked, Close, Open, Quiz, QuizFact, QuizFacts
from loyalty.programme import LANGUAGES, Language
from tests.unit.helpers_hypothesis import patiently

FLOW = Quiz()
RUN = "0192f0c1"
COFFEE = QuizFact("coffee", "The coffee quiz", 3, 10)
FUN = QuizFact("fun", "Just for fun", 1, 0)
PLAYED = QuizFact(
    "world", "Around the world", 5, 20, Phrase("quiz.closed.until", {"quiz": "World", "day": "2026-12-01"})
)
SHORT = Asked(2, 3, "Which is red?", ("A rose", "The sky", "Grass"))
LONG = Asked(
    1, 3, "What is it?", ("Something that is too long for a button", "Short", "Other"), "https://x.example/a.png"
)
FOUR = Asked(3, 3, "Which one?", ("One", "Two", "Three", "Four"))
BEGUN: dict[str, Value] = {
    "attempt": "a1", "resumed": 0, "quiz": "The coffee quiz", "count": 3, "points": 5, "time": 30, "unit": "minutes",
}  # fmt: skip
RIGHT: dict[str, Value] = {"verdict": "right", "each": 5, "solution": "A rose", "explanation": "Roses are."}
WRONG: dict[str, Value] = {**RIGHT, "verdict": "wrong", "explanation": ""}
DONE: dict[str, Value] = {
    "quiz": "The coffee quiz", "right": 2, "count": 3, "points": 10, "available": 60, "code": "", "reward": "",
    "until": "", "progress": "", "again": "2026-12-01", "others": 0,
}  # fmt: skip
WON: dict[str, Value] = {
    **DONE, "right": 3, "code": "K7QX4M2PABCDE", "reward": "Espresso", "until": "2026-12-21", "progress": "▰▱ 1 of 2",
}  # fmt: skip
REASONS = ("gone", "not_joined", "not_now", "limit")


def at(state: str, **data: Value) -> Saved:
    """A flow that stands in a state."""
    known: dict[str, Value] = {} if state == "choosing" else {"quiz": "coffee"}
    return Saved(
        "quiz", 1, RUN, 3, state, {**known, **({"attempt": "a1"} if state in {"asking", "judging"} else {}), **data}
    )


def say(step: Step) -> Say:
    assert step.say is not None
    return step.say


def saved(step: Step) -> Saved:
    assert step.saved is not None
    return step.saved


def keys(step: Step) -> list[str]:
    """What is said."""
    return [phrase.key for phrase in say(step).phrases if isinstance(phrase, Phrase)]


def asks(step: Step) -> list[str]:
    return [option.action.intent for option in say(step).options if isinstance(option.action, Ask)]


# ---- how it begins


def test_the_only_quiz_is_begun_at_once() -> None:
    step = FLOW.start(RUN, QuizFacts((COFFEE,)), {})
    assert (saved(step).state, step.effect, step.say) == ("opening", Open("coffee"), None)


def test_a_quiz_that_cannot_be_played_is_not_in_the_way_of_one_that_can() -> None:
    assert FLOW.start(RUN, QuizFacts((PLAYED, FUN)), {}).effect == Open("fun")


def test_of_several_one_is_chosen() -> None:
    step = FLOW.start(RUN, QuizFacts((COFFEE, PLAYED, FUN)), {})
    assert saved(step).state == "choosing"
    assert [option.title for option in say(step).options] == ["The coffee quiz", "Just for fun"]
    assert [option.detail for option in say(step).options] == [
        Phrase("quiz.row", {"questions": 3, "points": 10}), Phrase("quiz.row_plain", {"questions": 1, "points": 0}),
    ]  # fmt: skip
    assert FLOW.on(saved(step), Event("pick", {"quiz": "fun"}), QuizFacts((COFFEE, FUN))).effect == Open("fun")


def test_a_quiz_that_was_named_needs_no_choice() -> None:
    assert FLOW.start(RUN, QuizFacts((COFFEE, FUN)), {"quiz": "fun"}).effect == Open("fun")


def test_where_none_can_be_played_it_says_why_and_what_else_there_is() -> None:
    step = FLOW.start(RUN, QuizFacts((PLAYED,)), {})
    assert step.saved is None
    assert say(step).phrases == (PLAYED.closed,)
    assert asks(step) == ["how_to_earn", "list_rewards", "check_points"]
    assert keys(FLOW.start(RUN, QuizFacts(), {})) == ["quiz.gone"]


# ---- questions


def test_the_first_question_says_how_it_goes() -> None:
    step = FLOW.on(at("opening"), Event("ask", BEGUN), QuizFacts(asked=replace(SHORT, number=1)))
    assert keys(step) == ["quiz.begins_points", "quiz.time_minutes", "quiz.question"]
    assert saved(step).data == {"quiz": "coffee", "attempt": "a1"}
    assert (
        keys(FLOW.on(at("opening"), Event("ask", {**BEGUN, "points": 0}), QuizFacts(asked=SHORT)))[0] == "quiz.begins"
    )


def test_one_under_way_goes_on_where_it_was() -> None:
    step = FLOW.on(at("opening"), Event("ask", {**BEGUN, "resumed": 1}), QuizFacts(asked=SHORT))
    assert keys(step) == ["quiz.resumed", "quiz.question"]


def test_short_answers_are_buttons_that_letters_mean_too() -> None:
    step = FLOW.on(at("opening"), Event("ask", BEGUN), QuizFacts(asked=SHORT))
    assert [(option.title, option.words) for option in say(step).options] == [
        ("A rose", ("A",)), ("The sky", ("B",)), ("Grass", ("C",)),
    ]  # fmt: skip
    assert [option.action for option in say(step).options] == [
        Event("answer", {"question": 2, "answer": number}) for number in (1, 2, 3)
    ]


def test_long_answers_are_read_above_buttons_with_letters_and_the_picture_above_all() -> None:
    step = FLOW.on(at("opening"), Event("ask", BEGUN), QuizFacts(asked=LONG))
    assert say(step).phrases[-1] == "A) Something that is too long for a button\nB) Short\nC) Other"
    assert [option.title for option in say(step).options] == ["A", "B", "C"]
    assert say(step).image == "https://x.example/a.png"


def test_four_answers_are_a_list() -> None:
    step = FLOW.on(at("opening"), Event("ask", BEGUN), QuizFacts(asked=FOUR))
    assert [(option.title, option.detail) for option in say(step).options] == [
        ("A", "One"), ("B", "Two"), ("C", "Three"), ("D", "Four"),
    ]  # fmt: skip
    assert say(step).menu == Phrase("menu.answers")


def test_an_answer_is_judged_and_what_came_of_it_stands_above_the_next_question() -> None:
    step = FLOW.on(at("asking"), Event("answer", {"question": 2, "answer": 1}), QuizFacts(asked=SHORT))
    assert (step.effect, step.say) == (Answer("a1", 2, 1), None)
    step = FLOW.on(saved(step), Event("go_on", RIGHT), QuizFacts(asked=FOUR))
    assert say(step).phrases[:2] == (Phrase("quiz.right_points", RIGHT), "Roses are.")
    assert keys(step) == ["quiz.right_points", "quiz.question"]
    assert keys(FLOW.on(at("judging"), Event("go_on", WRONG), QuizFacts(asked=FOUR))) == ["quiz.wrong", "quiz.question"]
    free = FLOW.on(at("judging"), Event("go_on", {**RIGHT, "each": 0}), QuizFacts(asked=FOUR))
    assert keys(free)[0] == "quiz.right"


def test_words_that_are_no_answer_are_asked_for_again() -> None:
    heard = FLOW.hear(at("asking"), Heard("banana", "nlu_fallback", 0.2))
    assert heard == Event("say", {"text": "banana"})
    step = FLOW.on(at("asking"), heard, QuizFacts(asked=SHORT))
    assert keys(step) == ["quiz.unclear", "quiz.question"]
    assert saved(step).state == "asking"


@pytest.mark.parametrize(("typed", "number"), [("rose", 1), ("the SKY!", 2), ("gráss", 3), ("the", None), ("", None)])
def test_words_that_only_one_answer_has_mean_it(typed: str, number: int | None) -> None:
    asked = replace(SHORT, answers=("The rose", "The sky", "Grass"))
    step = FLOW.on(at("asking"), Event("say", {"text": typed}), QuizFacts(asked=asked))
    assert step.effect == (Answer("a1", 2, number) if number else None)


def test_a_question_of_hers_is_answered_and_she_is_told_where_she_was() -> None:
    assert FLOW.hear(at("asking"), Heard("how many points do i have", "check_points", 0.9)) is None
    said = FLOW.whereabouts(at("asking"), QuizFacts(asked=SHORT))
    assert said == Phrase("quiz.whereabouts", {"number": 2, "count": 3})
    assert FLOW.whereabouts(at("asking"), QuizFacts()) is None, "its time is over"
    assert FLOW.whereabouts(at("choosing"), QuizFacts((COFFEE, FUN))) is None
    assert keys(FLOW.again(at("asking"), QuizFacts(asked=SHORT))) == ["quiz.question"]


def test_what_has_no_time_left_is_closed_instead_of_asked() -> None:
    for step in (
        FLOW.again(at("asking"), QuizFacts()),
        FLOW.on(at("asking"), Event("say", {"text": "?"}), QuizFacts()),
        FLOW.on(at("judging"), Event("go_on"), QuizFacts()),
    ):
        assert (saved(step).state, step.effect) == ("judging", Close("a1"))
    over = FLOW.on(saved(step), Event("finish", {"verdict": "late", **DONE}), QuizFacts())
    assert keys(over)[:2] == ["quiz.late", "quiz.some"]


def test_leaving_says_that_the_answers_are_kept() -> None:
    assert FLOW.hear(at("asking"), Heard("stop", "cancel", 0.9)) == Event("quit")
    assert keys(FLOW.on(at("asking"), Event("quit"), QuizFacts(asked=SHORT))) == ["quiz.left"]
    assert keys(FLOW.on(at("choosing"), Event("quit"), QuizFacts((COFFEE, FUN)))) == ["quiz.not_begun"]


# ---- the end


def test_the_last_message_says_what_it_brought_and_what_can_be_done() -> None:
    step = FLOW.on(at("judging"), Event("finish", {**RIGHT, **WON}), QuizFacts())
    assert step.saved is None
    assert keys(step) == ["quiz.right_points", "quiz.perfect", "game.points", "game.prize", "quiz.again"]
    assert "▰▱ 1 of 2" in say(step).phrases
    assert asks(step) == ["my_vouchers", "list_challenges", "check_points"]
    plain = FLOW.on(at("judging"), Event("finish", {**WRONG, **DONE, "again": "now"}), QuizFacts())
    assert keys(plain) == ["quiz.wrong", "quiz.some", "game.points", "quiz.more"]
    assert asks(plain)[0] == "play_quiz"


@pytest.mark.parametrize("reason", REASONS)
def test_a_refusal_is_explained(reason: str) -> None:
    step = FLOW.on(at("opening"), Event("refuse", {"reason": reason}), QuizFacts((PLAYED,)))
    assert step.saved is None
    assert keys(step)[0] == f"quiz.refused.{reason}"
    others = FLOW.on(at("opening"), Event("refuse", {"reason": reason}), QuizFacts((PLAYED, FUN)))
    assert (saved(others).state, keys(others)) == ("choosing", [f"quiz.refused.{reason}", "quiz.choose"])


# ---- every transition

ALLOWED = {
    "choosing": {"pick", "quit"}, "opening": {"ask", "refuse"}, "asking": {"answer", "say", "quit"},
    "judging": {"go_on", "finish"}, "over": set[str](), "left": set[str](),
}  # fmt: skip
EVENTS: dict[str, dict[str, Value]] = {
    "pick": {"quiz": "coffee"}, "quit": {}, "ask": BEGUN, "refuse": {"reason": "limit"},
    "answer": {"question": 2, "answer": 1}, "say": {"text": "sky"}, "go_on": RIGHT, "finish": {**RIGHT, **DONE},
    "nonsense": {}, "": {},
}  # fmt: skip


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize("name", EVENTS)
def test_an_event_goes_where_it_may_and_raises_where_it_may_not(state: str, name: str) -> None:
    facts = QuizFacts((COFFEE, FUN), SHORT)
    if name in ALLOWED[state]:
        assert isinstance(FLOW.on(at(state), Event(name, EVENTS[name]), facts), Step)
    else:
        with pytest.raises(TransitionNotAllowed):
            FLOW.on(at(state), Event(name, EVENTS[name]), facts)


def test_what_typed_words_mean_is_an_event_the_state_has() -> None:
    for state, takes in FLOW.takes.items():
        assert {*takes.intents.values(), *filter(None, [takes.text])} <= ALLOWED[state]


WORLDS = st.builds(
    QuizFacts, st.lists(st.sampled_from([COFFEE, FUN, PLAYED]), max_size=3, unique_by=lambda quiz: quiz.id).map(tuple),
    st.none() | st.sampled_from([SHORT, LONG, FOUR]),
)  # fmt: skip
HAPPENINGS = st.sampled_from([Event(name, args) for name, args in EVENTS.items()] + [Event("finish", {**RIGHT, **WON})])


@patiently(80)
@given(WORLDS, st.lists(st.tuples(HAPPENINGS, WORLDS), max_size=20))
def test_no_walk_whatever_leads_astray(world: QuizFacts, walk: list[tuple[Event, QuizFacts]]) -> None:
    step = FLOW.start(RUN, world, {})
    for event, facts in [(Event("nonsense"), world), *walk]:
        if step.saved is None:
            break
        here = step.saved
        kept = Saved.from_json(json.loads(json.dumps(here.to_json())))
        assert kept == here
        assert (step.effect is None) == (here.state in {"choosing", "asking"})
        assert (step.say is None) == (step.effect is not None), "a state of rest says something"
        try:
            step = FLOW.on(kept, event, facts)
        except TransitionNotAllowed:
            assert event.name not in ALLOWED[here.state]
            continue
        assert FLOW.on(here, event, facts) == step, "the same input gives the same step"
    if step.saved is None:
        assert keys(step)
        assert all(isinstance(option.action, Ask) for option in say(step).options)


# ---- in words


@pytest.fixture(scope="module")
def sentences() -> Sentences:
    return Sentences.load(Path(__file__).parents[2] / "data" / "responses")


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_the_flow_says_has_its_sentences(sentences: Sentences, language: Language) -> None:
    runner = FlowRunner(sentences, (Quizzing(sentences),))
    world = QuizFacts((COFFEE, FUN), SHORT)
    closed = ("until", "for_ever", "not_yet", "over")
    steps = [
        FLOW.start(RUN, world, {}),
        FLOW.start(RUN, QuizFacts(), {}),
        *(
            FLOW.on(at("opening"), Event("ask", {**BEGUN, "unit": unit}), world)
            for unit in ("minutes", "hours", "days")
        ),
        *(FLOW.on(at("opening"), Event("ask", {**BEGUN, **more}), world) for more in ({"resumed": 1}, {"points": 0})),
        FLOW.on(at("asking"), Event("say", {"text": "?"}), world),
        FLOW.on(at("asking"), Event("quit"), world),
        FLOW.on(at("choosing"), Event("quit"), world),
        *(FLOW.on(at("judging"), Event("go_on", args), world) for args in (RIGHT, WRONG, {**RIGHT, "each": 0})),
        *(
            FLOW.on(at("judging"), Event("finish", {"verdict": "late", **DONE, "right": right}), world)
            for right in (0, 1, 3)
        ),
        FLOW.on(at("judging"), Event("finish", {**RIGHT, **WON}), world),
        FLOW.on(at("judging"), Event("finish", {**RIGHT, **WON, "until": "", "again": "now"}), world),
        *(FLOW.on(at("opening"), Event("refuse", {"reason": reason}), world) for reason in REASONS),
    ]
    for step in steps:
        message = runner.message(language, say(step))
        assert message.text.strip()
        assert all(choice.title.strip() for choice in message.choices)
        assert lay_out(message.choices, page=0, more="…").style in {"buttons", "list"}
    for why in closed:
        assert sentences.say(language, f"quiz.closed.{why}", quiz="Q", day="2026-12-01")


@pytest.mark.parametrize(
    ("language", "typed"), [("en", ["b", "B)", "2", "the sky"]), ("ar", ["ب", "٢", "2", "the sky"])]
)
def test_an_answer_is_typed_by_letter_number_or_words(
    sentences: Sentences, language: Language, typed: list[str]
) -> None:
    runner = FlowRunner(sentences, (Quizzing(sentences),))
    letters = sentences.words(language, "quiz.letters")
    for asked in (SHORT, replace(LONG, answers=(LONG.answers[0], "The sky", "Grass"))):
        step = FLOW.on(at("opening"), Event("ask", BEGUN), QuizFacts(asked=asked, letters=letters))
        choices = runner.message(language, say(step)).choices
        assert [match_choice(text, choices) for text in typed] == [1] * len(typed)
