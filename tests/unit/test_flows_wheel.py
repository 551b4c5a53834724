"""The wheel flow: an offer with odds and promise, a draw, a proof. Pure: facts and an event in, a step out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statemachine.exceptions import TransitionNotAllowed

from conversation.flowing.runner import FlowRunner
from conversation.flowing.spinning import Spinning
from conversation.saying.sentences import Sentences
from flows.model import Ask, Event, Heard, Phrase, Saved, Say, Step, Value
from flows.wheel import Draw, Offer, SpinFact, Wheel, WheelFacts
from loyalty.programme import LANGUAGES, Language
from tests.unit.helpers_hypothesis import patiently

FLOW = Wheel()
RUN = "0192f0c1"
SPIN = SpinFact("s1", "Wheel", "• Coffee: 3 in 10", 0, "ab" * 32)
PAID = replace(SPIN, price=5)
ORDER = replace(SPIN, promise=None)
CHANCE, COSTLY, SURE, NONE = WheelFacts(SPIN), WheelFacts(PAID), WheelFacts(ORDER), WheelFacts()
LOST: dict[str, Value] = {
    "name": "Better luck next time", "instead": "", "points": 0, "available": 60, "seed": "cd" * 32, "again": "",
    "code": "", "reward": "", "until": "",
}  # fmt: skip
WON: dict[str, Value] = {
    **LOST, "name": "Espresso", "points": 5, "again": "2026-12-01", "code": "K7QX4M2PABCDE", "reward": "Espresso",
    "until": "2026-12-21",
}  # fmt: skip
REASONS: dict[str, dict[str, Value]] = {
    "gone": {}, "not_joined": {}, "not_now": {}, "not_yet": {"day": "2026-12-01"}, "limit": {},
    "limit_until": {"day": "2026-12-01"}, "points": {"missing": 3},
}  # fmt: skip


def at(state: str, **data: Value) -> Saved:
    """A flow that stands in a state."""
    return Saved("wheel", 1, RUN, 3, state, data)


def offered(facts: WheelFacts = CHANCE) -> Step:
    return FLOW.on(at("opening"), Event("show", {"spin": "s1"}), facts)


def say(step: Step) -> Say:
    assert step.say is not None
    return step.say


def saved(step: Step) -> Saved:
    assert step.saved is not None
    return step.saved


def keys(step: Step) -> list[str]:
    return [phrase.key for phrase in say(step).phrases if isinstance(phrase, Phrase)]


def asks(step: Step) -> list[Ask]:
    return [option.action for option in say(step).options if isinstance(option.action, Ask)]


def test_it_begins_with_an_offer() -> None:
    step = FLOW.start(RUN, NONE, {})
    assert (saved(step).state, step.effect, step.say) == ("opening", Offer(), None)


def test_the_offer_shows_odds_and_promise_and_takes_a_word_of_hers() -> None:
    step = offered()
    assert keys(step) == ["wheel.title", "wheel.promise", "wheel.word"]
    assert [option.action for option in say(step).options] == [Event("spin"), Event("quit")]
    assert saved(step).data == {"spin": "s1", "word": 1}
    heard = FLOW.hear(saved(step), Heard("buona fortuna", "nlu_fallback", 0.2))
    assert heard == Event("word", {"text": "buona fortuna"})
    assert FLOW.on(saved(step), heard, CHANCE).effect == Draw("s1", "buona fortuna")
    assert FLOW.on(saved(step), Event("spin"), CHANCE).effect == Draw("s1", "")


@pytest.mark.parametrize(("facts", "said"), [
    (COSTLY, ["wheel.title", "wheel.promise", "wheel.price"]), (SURE, ["wheel.title_order"]),
])  # fmt: skip
def test_where_a_spin_costs_points_or_nothing_is_drawn_no_stray_word_spins(facts: WheelFacts, said: list[str]) -> None:
    step = offered(facts)
    assert keys(step) == said
    assert FLOW.hear(saved(step), Heard("hello", "greet", 0.9)) is None
    assert FLOW.hear(saved(step), Heard("yes", "affirm", 0.9)) == Event("spin")


def test_asking_for_a_spin_where_one_is_offered_is_a_spin() -> None:
    assert FLOW.hear(saved(offered()), Heard("spin the wheel", "spin_wheel", 0.9)) == Event("spin")
    assert FLOW.hear(saved(offered()), Heard("my points?", "check_points", 0.9)) is None


def test_the_result_comes_with_its_proof_and_with_what_follows() -> None:
    step = FLOW.on(at("drawing", spin="s1"), Event("stop", WON), CHANCE)
    assert step.saved is None
    assert keys(step) == ["wheel.stopped", "game.points", "game.prize", "wheel.proof", "wheel.again"]
    assert asks(step) == [Ask("spin_wheel", {"about": "proof"}), Ask("my_vouchers"), Ask("list_rewards")]
    lost = FLOW.on(at("drawing", spin="s1"), Event("stop", {**LOST, "again": "now"}), CHANCE)
    assert keys(lost) == ["wheel.stopped", "wheel.proof", "wheel.more"]
    assert asks(lost)[-1] == Ask("spin_wheel")


def test_without_chance_there_is_nothing_to_check() -> None:
    step = FLOW.on(at("drawing", spin="s1"), Event("stop", {**WON, "seed": ""}), SURE)
    assert "wheel.proof" not in keys(step)
    assert asks(step) == [Ask("my_vouchers"), Ask("list_rewards")]


def test_a_prize_that_ran_out_is_named_with_what_is_given_instead() -> None:
    step = FLOW.on(at("drawing", spin="s1"), Event("stop", {**WON, "instead": "Coffee"}), CHANCE)
    assert keys(step)[0] == "wheel.stopped_instead"


def test_a_wheel_that_changed_is_offered_anew() -> None:
    step = FLOW.on(at("drawing", spin="s1"), Event("changed"), NONE)
    assert (saved(step).state, step.effect) == ("opening", Offer())
    step = FLOW.on(saved(step), Event("show", {"spin": "s2"}), WheelFacts(replace(SPIN, id="s2")))
    assert keys(step)[0] == "wheel.changed"
    assert saved(step).data["spin"] == "s2"
    assert FLOW.again(saved(offered()), NONE).effect == Offer(), "after a digression, in another week"


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("state", ["opening", "drawing"])
def test_a_refusal_is_explained(state: str, reason: str) -> None:
    step = FLOW.on(at(state, spin="s1"), Event("refuse", {"reason": reason, **REASONS[reason]}), NONE)
    assert step.saved is None
    assert say(step).phrases == (Phrase(f"wheel.refused.{reason}", REASONS[reason]),)


def test_it_can_wait() -> None:
    assert keys(FLOW.on(saved(offered()), Event("quit"), CHANCE)) == ["wheel.left"]
    assert FLOW.whereabouts(saved(offered()), CHANCE) == Phrase("wheel.whereabouts")
    assert FLOW.whereabouts(saved(offered()), NONE) is None


ALLOWED = {
    "opening": {"show", "refuse"}, "offered": {"spin", "word", "quit"}, "drawing": {"stop", "changed", "refuse"},
    "stopped": set[str](), "refused": set[str](), "left": set[str](),
}  # fmt: skip
EVENTS: dict[str, dict[str, Value]] = {
    "show": {"spin": "s1"}, "refuse": {"reason": "limit"}, "spin": {}, "word": {"text": "ciao"}, "quit": {},
    "stop": WON, "changed": {}, "nonsense": {}, "": {},
}  # fmt: skip


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize("name", EVENTS)
def test_an_event_goes_where_it_may_and_raises_where_it_may_not(state: str, name: str) -> None:
    if name in ALLOWED[state]:
        assert isinstance(FLOW.on(at(state, spin="s1"), Event(name, EVENTS[name]), CHANCE), Step)
    else:
        with pytest.raises(TransitionNotAllowed):
            FLOW.on(at(state, spin="s1"), Event(name, EVENTS[name]), CHANCE)


@patiently(80)
@given(st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), st.sampled_from([CHANCE, COSTLY, SURE, NONE])), max_size=20))
def test_no_walk_whatever_leads_astray(walk: list[tuple[str, WheelFacts]]) -> None:
    step = FLOW.start(RUN, NONE, {})
    for name, facts in walk:
        if step.saved is None:
            break
        here = step.saved
        assert Saved.from_json(json.loads(json.dumps(here.to_json()))) == here
        assert (step.say is None) == (step.effect is not None) == (here.state != "offered")
        try:
            step = FLOW.on(here, Event(name, EVENTS[name]), facts)
        except TransitionNotAllowed:
            assert name not in ALLOWED[here.state]
    if step.saved is None:
        assert keys(step)
        assert asks(step)


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_the_flow_says_has_its_sentences(language: Language) -> None:
    sentences = Sentences.load(Path(__file__).parents[2] / "data" / "responses")
    runner = FlowRunner(sentences, (Spinning(sentences),))
    steps = [
        *(offered(facts) for facts in (CHANCE, COSTLY, SURE)),
        FLOW.on(at("opening", changed=1), Event("show", {"spin": "s1"}), CHANCE),
        *(FLOW.on(at("drawing", spin="s1"), Event("stop", args), CHANCE) for args in (
            LOST, WON, {**WON, "until": "", "instead": "Coffee"}, {**LOST, "again": "now"},
        )),
        FLOW.on(saved(offered()), Event("quit"), CHANCE),
        *(FLOW.on(at("opening"), Event("refuse", {"reason": reason, **REASONS[reason]}), NONE) for reason in REASONS),
    ]  # fmt: skip
    for step in steps:
        message = runner.message(language, say(step))
        assert message.text.strip()
        assert len(message.choices) == len(say(step).options)
        assert len(message.text) <= 1024
