"""The flow of missing points: when, where, how much, a picture. Pure: facts and an event in, a step out."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statemachine.exceptions import TransitionNotAllowed

from conversation.flowing.claiming import Claiming
from conversation.flowing.runner import FlowRunner
from conversation.messages.layout import lay_out
from conversation.saying.sentences import Sentences
from flows.claim import ClaimFacts, File, MissingPoints, read_amount
from flows.model import Ask, Event, Heard, Phrase, Saved, Say, Step, Value
from loyalty.programme import LANGUAGES, Language
from tests.unit.helpers_hypothesis import patiently

FLOW = MissingPoints()
FACTS = ClaimFacts(date(2026, 3, 1), "Anna", 0, "at the bar")
RUN = "0192f0c1"
REASONS = ("too_many", "same_receipt", "nothing", "not_joined")
QUESTIONS = ("when", "where", "amount", "photo")


def at(state: str, **data: Value) -> Saved:
    """A flow that stands in a state."""
    return Saved("claim", 1, RUN, 3, state, data)


def tell(text: str) -> Event:
    return Event("tell", {"text": text})


def say(step: Step) -> Say:
    assert step.say is not None
    return step.say


def saved(step: Step) -> Saved:
    assert step.saved is not None
    return step.saved


def keys(step: Step) -> list[str]:
    return [phrase.key for phrase in say(step).phrases if isinstance(phrase, Phrase)]


def stands(step: Step) -> tuple[str, dict[str, Value]]:
    return saved(step).state, dict(saved(step).data)


# ---- the questions


def test_it_begins_with_when_and_today_and_yesterday_are_a_tap() -> None:
    step = FLOW.start(RUN, FACTS, {})
    assert stands(step) == ("when", {})
    assert keys(step) == ["claim.when"]
    assert [option.action for option in say(step).options] == [tell("2026-03-01"), tell("2026-02-28"), Event("skip")]


def test_who_has_told_of_purchases_before_hears_that_they_are_not_forgotten() -> None:
    step = FLOW.start(RUN, replace(FACTS, waiting=2), {})
    assert say(step).phrases[0] == Phrase("claim.waiting", {"n": 2})


def test_each_answer_is_kept_and_leads_to_the_next_question() -> None:
    step = FLOW.on(at("when"), tell("  last   Tuesday "), FACTS)
    assert stands(step) == ("where", {"when": "last Tuesday"})
    step = FLOW.on(saved(step), tell("in Via Roma"), FACTS)
    assert stands(step) == ("amount", {"when": "last Tuesday", "where": "in Via Roma"})
    step = FLOW.on(saved(step), tell("12,50 €"), FACTS)
    assert stands(step) == ("photo", {"when": "last Tuesday", "where": "in Via Roma", "amount": "12.5"})
    step = FLOW.on(saved(step), Event("picture", {"media": "m1"}), FACTS)
    assert step.effect == File("last Tuesday", "in Via Roma", Decimal("12.5"), "m1")
    assert step.say is None
    done = FLOW.on(saved(step), Event("take"), FACTS)
    assert done.saved is None
    assert say(done).phrases == (Phrase("claim.filed_named", {"name": "Anna"}),)


def test_somebody_without_a_name_is_thanked_as_well() -> None:
    done = FLOW.on(at("filing"), Event("take"), replace(FACTS, name=None))
    assert keys(done) == ["claim.filed"]


@pytest.mark.parametrize("state", QUESTIONS)
def test_a_picture_answers_everything_that_is_left(state: str) -> None:
    step = FLOW.on(at(state, when="Monday"), Event("picture", {"media": "m1"}), FACTS)
    assert step.effect == File("Monday", None, None, "m1")


def test_every_question_can_be_passed_over() -> None:
    step = FLOW.on(at("when"), Event("skip"), FACTS)
    assert stands(step) == ("where", {})
    step = FLOW.on(saved(step), Event("skip"), FACTS)
    assert stands(step) == ("amount", {})
    step = FLOW.on(saved(step), Event("skip"), FACTS)
    assert stands(step) == ("photo", {})


def test_without_a_receipt_the_amount_is_enough() -> None:
    step = FLOW.on(at("photo", amount="12.5"), Event("skip"), FACTS)
    assert step.effect == File(None, None, Decimal("12.5"), None)


def test_without_amount_and_receipt_there_is_nothing_to_look_for() -> None:
    step = FLOW.on(at("photo", when="Monday"), Event("skip"), FACTS)
    assert step.saved is None
    assert say(step).phrases == (Phrase("claim.empty", {"contact": "at the bar"}),)
    assert [option.action for option in say(step).options] == [Ask("missing_points"), Ask("check_points")]


def test_what_is_no_amount_is_asked_again_and_forgotten() -> None:
    step = FLOW.on(at("amount", amount="3"), tell("a lot"), FACTS)
    assert stands(step) == ("amount", {})
    assert keys(step) == ["claim.amount_unclear"]
    assert keys(FLOW.again(saved(step), FACTS)) == ["claim.amount"]


@pytest.mark.parametrize(("state", "before"), [("where", "when"), ("amount", "where"), ("photo", "amount")])
def test_one_can_go_back_and_answer_anew(state: str, before: str) -> None:
    step = FLOW.on(at(state, when="Monday", amount="3"), Event("back"), FACTS)
    assert stands(step) == (before, {"when": "Monday", "amount": "3"})
    assert keys(step) == [f"claim.{before}"]
    other = FLOW.on(saved(step), tell("4.00"), FACTS)
    assert saved(other).data[before] in {"4.00", "4"}


@pytest.mark.parametrize("state", QUESTIONS)
def test_cancelling_ends_it_and_says_that_nothing_was_passed_on(state: str) -> None:
    step = FLOW.on(at(state, when="Monday"), Event("cancel"), FACTS)
    assert (step.saved, step.effect, keys(step)) == (None, None, ["claim.cancelled"])


@pytest.mark.parametrize("reason", REASONS)
def test_a_refusal_is_explained_and_says_what_one_can_do(reason: str) -> None:
    step = FLOW.on(at("filing"), Event("refuse", {"reason": reason}), FACTS)
    assert step.saved is None
    assert keys(step) == [f"claim.refused.{reason}"]
    assert say(step).options


@pytest.mark.parametrize("state", QUESTIONS)
def test_after_a_question_in_the_middle_she_is_brought_back(state: str) -> None:
    assert FLOW.whereabouts(at(state), FACTS) == Phrase("claim.whereabouts")


# ---- what typed words mean


def test_words_are_the_answer_unless_they_are_surely_a_question() -> None:
    assert FLOW.hear(at("where"), Heard("in Via Roma", "greet", 0.9)) == tell("in Via Roma")
    assert FLOW.hear(at("where"), Heard("my points?", "check_points", 0.9)) is None
    assert FLOW.hear(at("where"), Heard("stop it", "cancel", 0.9)) == Event("cancel")
    assert FLOW.hear(at("where"), Heard("Bastille", "cancel", 0.5)) == tell("Bastille")
    said = "yesterday I bought bread and got no points"
    assert FLOW.hear(at("when"), Heard(said, "missing_points", 0.9)) == tell(said)
    assert FLOW.hear(at("photo"), Heard("I have none", "deny", 0.9)) == Event("skip")
    assert FLOW.hear(at("photo"), Heard("what?", "nlu_fallback", 0.9)) is None


def test_an_amount_is_an_amount_whatever_it_sounds_like() -> None:
    assert FLOW.hear(at("amount"), Heard("200 points worth", "list_rewards", 0.99)) == tell("200 points worth")
    assert not FLOW.counts(at("amount")), "2 is no second button"
    assert FLOW.counts(at("where"))


@pytest.mark.parametrize("state", QUESTIONS)
@pytest.mark.parametrize("kind", ["image", "document"])
def test_pictures_and_files_are_receipts(state: str, kind: str) -> None:
    assert FLOW.receive(at(state), kind, "m1") == Event("picture", {"media": "m1"})
    assert FLOW.receive(at(state), "sticker", "m1") is None


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12", "12"), ("12.50", "12.5"), ("12,50 €", "12.5"), ("€ 12,5", "12.5"), ("1.234,50", "1234.5"),
        ("1,234.50", "1234.5"), ("1'234.50", "1234.5"), ("1 234,50", "1234.5"), ("1.234", "1234"), ("1,234", "1234"),
        ("12\u202f345,60", "12345.6"), ("١٢٫٥٠", "12.5"), ("١٬٢٣٤٫٥٠", "1234.5"), ("about 12 euros", "12"),
        ("3 coffees for 5.40", "5.4"), ("12 and 12", "12"), ("100", "100"), ("0.05", "0.05"),
        ("", None), ("a lot", None), ("0", None), ("between 10 and 20", None), ("2.50 and 3.50", None),
        ("1000001", None), ("9" * 400, None), ("²", None),
    ],
)  # fmt: skip
def test_an_amount_is_read_however_it_is_written(text: str, amount: str | None) -> None:
    assert read_amount(text) == (Decimal(amount) if amount else None)


@given(st.text(max_size=60))
def test_no_text_whatever_makes_an_amount_that_cannot_be(text: str) -> None:
    amount = read_amount(text)
    assert amount is None or (0 < amount <= 1_000_000 and amount == round(amount, 2))
    if amount is not None:
        assert read_amount(f"{amount:f}") == amount or amount >= 1000


# ---- every transition, and random walks

ALLOWED = {
    "when": {"tell", "skip", "picture", "cancel"},
    "where": {"tell", "skip", "picture", "cancel", "back"},
    "amount": {"tell", "skip", "picture", "cancel", "back"},
    "photo": {"skip", "picture", "cancel", "back"},
    "filing": {"take", "refuse"},
    "filed": set[str](), "empty": set[str](), "refused": set[str](), "cancelled": set[str](),
}  # fmt: skip
EVENTS = {
    "tell": tell("12.50"), "skip": Event("skip"), "picture": Event("picture", {"media": "m1"}),
    "cancel": Event("cancel"), "back": Event("back"), "take": Event("take"),
    "refuse": Event("refuse", {"reason": "too_many"}), "nonsense": Event("nonsense"), "": Event(""),
}  # fmt: skip


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize("name", EVENTS)
def test_an_event_goes_where_it_may_and_raises_where_it_may_not(state: str, name: str) -> None:
    if name in ALLOWED[state]:
        assert isinstance(FLOW.on(at(state, amount="3"), EVENTS[name], FACTS), Step)
    else:
        with pytest.raises(TransitionNotAllowed):
            FLOW.on(at(state, amount="3"), EVENTS[name], FACTS)


HAPPENINGS = st.one_of(
    st.sampled_from(list(EVENTS.values())), st.builds(tell, st.text(max_size=300)),
    st.builds(lambda reason: Event("refuse", {"reason": reason}), st.sampled_from(REASONS)),
)  # fmt: skip
WORLDS = st.builds(
    ClaimFacts, st.dates(date(2026, 1, 1), date(2028, 12, 31)), st.none() | st.text(), st.integers(0, 2), st.text()
)


@patiently(80)
@given(WORLDS, st.lists(st.tuples(HAPPENINGS, WORLDS), max_size=25))
def test_no_walk_whatever_leads_astray(world: ClaimFacts, walk: list[tuple[Event, ClaimFacts]]) -> None:
    step = FLOW.start(RUN, world, {})
    for event, facts in walk:
        if step.saved is None:
            break
        here = step.saved
        kept = Saved.from_json(json.loads(json.dumps(here.to_json())))
        assert kept == here
        try:
            step = FLOW.on(kept, event, facts)
        except TransitionNotAllowed:
            assert event.name not in ALLOWED[here.state]
            continue
        assert event.name in ALLOWED[here.state]
        if step.effect is not None:
            assert isinstance(step.effect, File)
            assert step.effect.amount is not None or step.effect.media is not None
            assert max(len(step.effect.when or ""), len(step.effect.where or "")) <= 200
            continue
        assert say(step).phrases
        assert say(step).options, "no dead end"
        for option in say(step).options:
            if isinstance(option.action, Event):
                FLOW.on(saved(step), option.action, facts)


# ---- in words


@pytest.fixture(scope="module")
def runner() -> FlowRunner:
    return FlowRunner(Sentences.load(Path(__file__).parents[2] / "data" / "responses"), (Claiming(),))


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_the_flow_says_has_its_sentences(runner: FlowRunner, language: Language) -> None:
    ends = [
        FLOW.on(at("filing"), Event("take"), FACTS), FLOW.on(at("filing"), Event("take"), replace(FACTS, name=None)),
        FLOW.on(at("photo"), Event("skip"), FACTS), FLOW.on(at("photo"), Event("cancel"), FACTS),
        *(FLOW.on(at("filing"), Event("refuse", {"reason": reason}), FACTS) for reason in REASONS),
    ]  # fmt: skip
    asks = [
        *(FLOW.start(RUN, replace(FACTS, waiting=number), {}) for number in range(4)),
        *(FLOW.again(at(state), FACTS) for state in QUESTIONS), FLOW.on(at("amount"), tell("a lot"), FACTS),
    ]  # fmt: skip
    for step in (*ends, *asks):
        message = runner.message(language, say(step))
        assert message.text.strip()
        assert "None" not in message.text
        assert lay_out(message.choices, page=0, more="…").style == "buttons", "one message, everything in sight"
    for step in asks:
        assert all(choice.words for choice in runner.message(language, say(step)).choices)
