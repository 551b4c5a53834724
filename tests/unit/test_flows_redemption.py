"""The redemption flow: choose, confirm, receive. Pure: facts and an event in, a step out."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statemachine.exceptions import TransitionNotAllowed

from conversation.flowing.redeeming import Redeeming
from conversation.flowing.runner import LEAVE, FlowRunner
from conversation.messages.layout import lay_out
from conversation.saying.sentences import Sentences
from flows.model import Ask, Event, Heard, Option, Phrase, Saved, Say, Step, Value
from flows.redemption import Redeem, Redemption, RedemptionFacts, RewardFact
from loyalty.programme import LANGUAGES
from tests.unit.helpers_hypothesis import patiently

FLOW = Redemption()
MUG = RewardFact("mug", "Aurora mug", "Handmade", 200)
ESPRESSO = RewardFact("espresso", "Espresso", None, 20)
CROISSANT = RewardFact("croissant", "Croissant", "Plain or filled", 30)
FACTS = RedemptionFacts(45, (MUG, ESPRESSO, CROISSANT))
RUN = "0192f0c1"
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
REASONS: dict[str, dict[str, Value]] = {
    "points": {}, "gone": {}, "not_joined": {}, "over": {}, "sold_out": {}, "limit": {}, "not_now": {},
    "limit_until": {"day": "2026-12-01"}, "tier": {"level": "Gold"}, "not_yet": {"day": "2026-12-01"},
}  # fmt: skip
"""Why `loyalty.rewards.redemptions` may refuse, as the runner tells it."""
GIVEN: dict[str, Value] = {"code": "K7QX4M2PABCDE", "reward": "Espresso", "until": "2026-12-21", "available": 25}


def at(state: str, reward: str | None = None) -> Saved:
    """A flow that stands in a state."""
    return Saved("redemption", 1, RUN, 3, state, {"reward": reward} if reward else {})


def start(facts: RedemptionFacts, reward: str | None = None) -> Step:
    return FLOW.start(RUN, facts, {"reward": reward} if reward else {})


def say(step: Step) -> Say:
    assert step.say is not None
    return step.say


def phrases(step: Step) -> list[Phrase]:
    return [phrase for phrase in say(step).phrases if isinstance(phrase, Phrase)]


def keys(step: Step) -> list[str]:
    """What is said."""
    return [phrase.key for phrase in phrases(step)]


def saved(step: Step) -> Saved:
    assert step.saved is not None
    return step.saved


def events(step: Step) -> list[Event]:
    return [option.action for option in say(step).options if isinstance(option.action, Event)]


# ---- how it begins


def test_it_begins_with_the_list_of_all_rewards_the_cheapest_first() -> None:
    step = start(FACTS)
    assert step.saved == Saved("redemption", 1, RUN, 1, "choosing", {})
    assert say(step).phrases == (Phrase("redeem.choose", {"available": 45}),)
    assert say(step).menu == Phrase("menu.rewards")
    assert say(step).options == (
        Option(
            Event("pick", {"reward": "espresso"}), "Espresso",
            Phrase("redeem.row", {"points": 20, "missing": 0, "detail": ""}),
        ),
        Option(
            Event("pick", {"reward": "croissant"}), "Croissant",
            Phrase("redeem.row", {"points": 30, "missing": 0, "detail": "Plain or filled"}),
        ),
        Option(
            Event("pick", {"reward": "mug"}), "Aurora mug",
            Phrase("redeem.row_missing", {"points": 200, "missing": 155, "detail": "Handmade"}),
        ),
    )  # fmt: skip
    assert step.effect is None


def test_a_reward_that_was_named_goes_straight_to_the_question() -> None:
    step = start(FACTS, "espresso")
    assert (saved(step).state, saved(step).data) == ("confirming", {"reward": "espresso"})
    assert keys(step) == ["redeem.confirm"]


@pytest.mark.parametrize(("reward", "key"), [("mug", "redeem.too_dear"), ("yacht", "redeem.refused.gone")])
def test_a_reward_that_was_named_but_cannot_be_had_leads_to_the_list(reward: str, key: str) -> None:
    step = start(FACTS, reward)
    assert saved(step).state == "choosing"
    assert keys(step) == [key, "redeem.choose"]


# ---- every transition


def test_picking_an_affordable_reward_asks_for_a_confirmation() -> None:
    step = FLOW.on(at("choosing"), Event("pick", {"reward": "croissant"}), FACTS)
    assert step.saved == replace(at("confirming", "croissant"), step=4)
    assert say(step).phrases == (Phrase("redeem.confirm", {"reward": "Croissant", "points": 30, "left": 15}),)
    assert [event.name for event in events(step)] == ["confirm", "back", "cancel"]
    assert say(step).menu is None


def test_points_that_are_just_enough_are_enough() -> None:
    step = FLOW.on(at("choosing"), Event("pick", {"reward": "mug"}), replace(FACTS, available=200))
    assert saved(step).state == "confirming"
    assert phrases(step)[0].params["left"] == 0
    step = FLOW.on(at("choosing"), Event("pick", {"reward": "mug"}), replace(FACTS, available=199))
    assert saved(step).state == "choosing"
    assert phrases(step)[0].params == {"reward": "Aurora mug", "points": 200, "missing": 1}


@pytest.mark.parametrize("state", ["choosing", "confirming"])
@pytest.mark.parametrize(
    ("args", "key"),
    [({"reward": "mug"}, "redeem.too_dear"), ({"reward": "yacht"}, "redeem.refused.gone"), ({}, "redeem.refused.gone")],
)
def test_picking_what_cannot_be_had_says_why_and_shows_the_list(state: str, args: dict[str, str], key: str) -> None:
    step = FLOW.on(at(state, "espresso" if state == "confirming" else None), Event("pick", args), FACTS)
    assert (saved(step).state, saved(step).data) == ("choosing", {})
    assert keys(step) == [key, "redeem.choose"]
    assert len(say(step).options) == 3


def test_another_reward_may_be_picked_instead_of_a_confirmation() -> None:
    step = FLOW.on(at("confirming", "espresso"), Event("pick", {"reward": "croissant"}), FACTS)
    assert (saved(step).state, saved(step).data) == ("confirming", {"reward": "croissant"})


def test_confirming_asks_for_the_reward_and_says_nothing_yet() -> None:
    step = FLOW.on(at("confirming", "espresso"), Event("confirm"), FACTS)
    assert (saved(step).state, saved(step).data) == ("issuing", {"reward": "espresso"})
    assert step.effect == Redeem("espresso")
    assert step.say is None


def test_going_back_shows_the_list_again() -> None:
    step = FLOW.on(at("confirming", "espresso"), Event("back"), FACTS)
    assert (saved(step).state, saved(step).data) == ("choosing", {})
    assert keys(step) == ["redeem.choose"]


@pytest.mark.parametrize("state", ["choosing", "confirming"])
def test_cancelling_ends_the_flow_and_says_that_nothing_happened(state: str) -> None:
    step = FLOW.on(at(state, "espresso"), Event("cancel"), FACTS)
    assert step.saved is None
    assert step.effect is None
    assert keys(step) == ["redeem.cancelled"]
    assert [option.action for option in say(step).options] == [Ask("check_points"), Ask("list_rewards")]


@pytest.mark.parametrize(("until", "key"), [("2026-12-21", "redeem.issued"), ("", "redeem.issued_for_ever")])
def test_what_was_issued_is_shown_and_ends_the_flow(until: str, key: str) -> None:
    step = FLOW.on(at("issuing", "espresso"), Event("give", {**GIVEN, "until": until}), FACTS)
    assert step.saved is None
    assert say(step).phrases == (Phrase(key, {**GIVEN, "until": until}),)
    assert [option.action for option in say(step).options] == [Ask("my_vouchers"), Ask("check_points")]


def test_a_picture_of_the_code_stands_above_it_and_is_no_part_of_the_words() -> None:
    event = Event("give", {**GIVEN, "picture": "https://x.example/code.png"})
    step = FLOW.on(at("issuing", "espresso"), event, FACTS)
    assert say(step).image == "https://x.example/code.png"
    assert say(step).phrases == (Phrase("redeem.issued", GIVEN),)
    assert say(FLOW.on(at("issuing", "espresso"), Event("give", GIVEN), FACTS)).image is None


@pytest.mark.parametrize("reason", REASONS)
def test_a_refusal_is_explained_and_leads_back_to_the_list(reason: str) -> None:
    step = FLOW.on(at("issuing", "espresso"), Event("refuse", {"reason": reason, **REASONS[reason]}), FACTS)
    assert (saved(step).state, saved(step).data) == ("choosing", {})
    assert keys(step) == [f"redeem.refused.{reason}", "redeem.choose"]
    assert phrases(step)[0].params == REASONS[reason]


SOLD_OUT = Phrase("redeem.refused.sold_out")
GOLDEN = Phrase("redeem.refused.tier", {"level": "Gold"})


def test_a_reward_that_is_closed_is_explained_however_many_points_there_are() -> None:
    facts = replace(FACTS, rewards=(replace(ESPRESSO, closed=SOLD_OUT), CROISSANT))
    for state in ("choosing", "confirming"):
        step = FLOW.on(at(state, "croissant"), Event("pick", {"reward": "espresso"}), facts)
        assert saved(step).state == "choosing"
        assert say(step).phrases[0] == SOLD_OUT
        assert [event.args["reward"] for event in events(step)] == ["espresso", "croissant"]


def test_a_reward_of_another_level_is_not_listed_but_explained_when_it_is_named() -> None:
    facts = replace(FACTS, rewards=(replace(ESPRESSO, listed=False, closed=GOLDEN), CROISSANT))
    step = start(facts, "espresso")
    assert say(step).phrases[0] == GOLDEN
    assert [event.args["reward"] for event in events(step)] == ["croissant"]


def test_where_nothing_can_be_chosen_that_is_said() -> None:
    facts = replace(FACTS, rewards=(replace(ESPRESSO, listed=False, closed=GOLDEN),))
    step = start(facts)
    assert keys(step) == ["redeem.nothing"]
    assert [option.action for option in say(step).options] == [Ask("check_points"), Ask("how_to_earn")]


ALLOWED = {
    "choosing": {"pick", "cancel"},
    "confirming": {"pick", "confirm", "back", "cancel"},
    "issuing": {"give", "refuse"},
    "issued": set[str](),
    "cancelled": set[str](),
}
EVENTS: dict[str, dict[str, Value]] = {
    "pick": {"reward": "espresso"}, "confirm": {}, "back": {}, "cancel": {}, "give": GIVEN,
    "refuse": {"reason": "points"}, "nonsense": {}, "": {},
}  # fmt: skip


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize("name", EVENTS)
def test_an_event_goes_where_it_may_and_raises_where_it_may_not(state: str, name: str) -> None:
    event = Event(name, EVENTS[name])
    if name in ALLOWED[state]:
        assert isinstance(FLOW.on(at(state, "espresso"), event, FACTS), Step)
    else:
        with pytest.raises(TransitionNotAllowed):
            FLOW.on(at(state, "espresso"), event, FACTS)


def test_what_typed_words_mean_is_an_event_the_state_has() -> None:
    for state, takes in FLOW.takes.items():
        assert set(takes.intents.values()) <= ALLOWED[state]
    assert FLOW.takes["confirming"].intents["affirm"] == "confirm"
    assert FLOW.takes["choosing"].intents["deny"] == "cancel"
    assert "issuing" not in FLOW.takes


def test_the_runner_hears_what_the_flow_hears_and_knows_its_version() -> None:
    runner = FlowRunner(Sentences({language: {} for language in LANGUAGES}), (Redeeming(),))
    assert runner.hear(at("confirming"), Heard("yes", "affirm", 0.9)) == Event("confirm")
    assert runner.hear(at("confirming"), Heard("points?", "check_points", 0.9)) is None
    assert runner.hear(at("issuing"), Heard("yes", "affirm", 0.9)) is None
    assert runner.hear(at("issuing"), Heard("leave it", "cancel", 0.9)) == Event(LEAVE)
    assert runner.known(at("choosing"))
    assert not runner.known(replace(at("choosing"), version=0))
    assert not runner.known(replace(at("choosing"), flow="chess"))


def test_a_flow_waits_for_a_day_and_no_longer() -> None:
    runner = FlowRunner(Sentences({language: {} for language in LANGUAGES}), (Redeeming(),))
    saved = replace(at("choosing"), moved_at=NOW)
    assert runner.alive(saved, NOW + FLOW.patience)
    assert not runner.alive(saved, NOW + FLOW.patience + timedelta(seconds=1))
    assert not runner.alive(None, NOW)


# ---- random walks

REWARDS = st.lists(
    st.builds(
        RewardFact,
        st.sampled_from("abcdef"),
        st.just("Reward"),
        st.none() | st.just("Detail"),
        st.integers(1, 60),
        listed=st.booleans(),
        closed=st.none() | st.just(SOLD_OUT),
    ),
    max_size=6,
    unique_by=lambda reward: reward.id,
).map(tuple)
WORLDS = st.builds(RedemptionFacts, st.integers(0, 6), REWARDS)
HAPPENINGS = st.one_of(
    st.builds(lambda id_: Event("pick", {"reward": id_}), st.sampled_from("abcdefz")),
    st.sampled_from([Event(name) for name in ("confirm", "confirm", "back", "cancel", "pick", "nonsense")]),
    st.just(Event("give", GIVEN)),
    st.builds(lambda reason: Event("refuse", {"reason": reason, **REASONS[reason]}), st.sampled_from(sorted(REASONS))),
)


def check_step(step: Step, facts: RedemptionFacts) -> None:
    """What must hold after any event."""
    if step.effect is not None:
        assert saved(step).state == "issuing"
        assert step.effect == Redeem(str(saved(step).data["reward"]))
        assert step.say is None
        return
    assert say(step).phrases, "every state of rest says something"
    if step.saved is None:
        assert not events(step), "a flow that is over offers nothing of its own"
        return
    assert step.saved.state in {"choosing", "confirming"}
    for event in events(step):
        FLOW.on(step.saved, event, facts)
    if step.saved.state == "confirming":
        reward = facts.reward(step.saved.data["reward"])
        assert reward is not None
        assert reward.points <= facts.available, "nobody is asked to confirm what she cannot have"
        assert reward.closed is None
        assert phrases(step)[0].params["left"] == facts.available - reward.points
    else:
        assert [event.args["reward"] for event in events(step)] == [
            reward.id for reward in sorted(facts.rewards, key=lambda reward: reward.points) if reward.listed
        ]


@patiently(80)
@given(WORLDS, st.none() | st.sampled_from("abcdefz"), st.lists(st.tuples(HAPPENINGS, WORLDS), max_size=20))
def test_no_walk_whatever_leads_astray(
    world: RedemptionFacts, named: str | None, walk: list[tuple[Event, RedemptionFacts]]
) -> None:
    step = start(world, named)
    check_step(step, world)
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
        assert FLOW.on(here, event, facts) == step, "the same input gives the same step"
        assert step.saved is None or (step.saved.run, step.saved.step) == (RUN, here.step + 1)
        check_step(step, facts)


# ---- in words


@pytest.fixture(scope="module")
def runner() -> FlowRunner:
    return FlowRunner(Sentences.load(Path(__file__).parents[2] / "data" / "responses"), (Redeeming(),))


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_the_flow_says_has_its_sentences(runner: FlowRunner, language: str) -> None:
    steps = [
        start(FACTS),
        start(FACTS, "espresso"),
        start(FACTS, "mug"),
        start(FACTS, "yacht"),
        FLOW.on(at("choosing"), Event("cancel"), FACTS),
        FLOW.on(at("issuing", "espresso"), Event("give", GIVEN), FACTS),
        FLOW.on(at("issuing", "espresso"), Event("give", {**GIVEN, "until": ""}), FACTS),
        start(replace(FACTS, rewards=())),
        *(
            FLOW.on(at("issuing", "espresso"), Event("refuse", {"reason": reason, **args}), FACTS)
            for reason, args in REASONS.items()
        ),
    ]
    for step in steps:
        message = runner.message(language, say(step))  # type: ignore[arg-type]  # one of LANGUAGES
        assert message.text.strip()
        assert len(message.choices) == len(say(step).options)
        assert all(choice.title.strip() for choice in message.choices)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_confirmation_has_three_buttons_and_words_for_each(runner: FlowRunner, language: str) -> None:
    step = start(FACTS, "espresso")
    message = runner.message(language, say(step))  # type: ignore[arg-type]  # one of LANGUAGES
    assert lay_out(message.choices, page=0, more="…").style == "buttons"
    assert all(choice.words for choice in message.choices)


def test_a_row_without_a_detail_ends_without_a_dot(runner: FlowRunner) -> None:
    message = runner.message("en", say(start(FACTS)))
    assert [choice.detail for choice in message.choices] == [
        "20 points",
        "30 points · Plain or filled",
        "200 points, 155 to go · Handmade",
    ]
