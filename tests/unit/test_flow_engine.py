"""What the engine promises of every flow: an interrupted one goes on, an old one ends kindly, effects happen once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from statemachine import State
from statemachine.exceptions import TransitionNotAllowed

from conversation.flowing.part import At, Closed, Part
from conversation.flowing.runner import AGAIN, DEEPEST, LEAVE, FlowRunner
from conversation.messages.model import Message
from conversation.saying.sentences import Sentences
from flows.flow import Flow, Machine, Takes
from flows.model import Effect, Event, Heard, Option, Phrase, Saved, Say, Step
from loyalty.files.reading import read_programme
from loyalty.programme import Programme
from loyalty.tables import Member
from tests.unit.helpers_hypothesis import patiently

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Brew(Effect):
    """Make tea."""

    cups: int


class TeaMachine(Machine):
    asking = State(initial=True)
    brewing = State()
    served = State()
    drunk = State(final=True)

    cups = asking.to(brewing)
    brewed = brewing.to(served)
    spilt = brewing.to(asking)
    drink = served.to(drunk)


class Tea(Flow[int]):
    """Asks how many cups, makes them, waits until they are drunk. The facts are the cups there are."""

    name = "tea"
    machine = TeaMachine
    takes: ClassVar[Mapping[str, Takes]] = {
        "asking": Takes({"affirm": "cups"}, text="cups", attachments={"image": "cups"}),
        "served": Takes({"affirm": "drink"}),
    }

    def arrive(self, at: Saved, event: Event, facts: int) -> Step:
        match at.state:
            case "asking":
                return Step(at, Say(("How many?",), (Option(Event("cups", {"text": "1"}), "One"),)))
            case "brewing":
                return Step(at.keeping(wanted=str(event.args.get("text", ""))), effect=Brew(1))
            case "served":
                return Step(at, Say((f"Tea! ({facts} left)",), (Option(Event("drink"), "Drink"),)))
        return Step(None, Say(("Cheers",)))

    def whereabouts(self, at: Saved, facts: int) -> Phrase | None:
        return Phrase("redeem.whereabouts", {"reward": f"{self.name} at {at.state}"})


class Cake(Tea):
    """The same with another name, and patience for an hour."""

    name = "cake"
    patience = timedelta(hours=1)


class Whim(Tea):
    """Nothing in it is worth coming back to."""

    name = "whim"

    def whereabouts(self, at: Saved, facts: int) -> Phrase | None:
        return None


class Making(Part[int]):
    """A part without a store."""

    intent = "help"

    def __init__(self, flow: Tea, cups: int = 1) -> None:
        self.flow = flow
        self.cups = cups
        self.made: list[str] = []

    def closed(self, at: At, args: Mapping[str, str]) -> Closed | None:
        return Closed(Phrase("join.first"), ("join_program",)) if args.get("who") == "stranger" else None

    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> int:
        return self.cups

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        assert isinstance(effect, Brew)
        if not self.cups:
            return Event("spilt")
        self.made.append(f"{saved.run}/{saved.step}")
        self.cups -= effect.cups
        return Event("brewed")


@pytest.fixture(scope="module")
def sentences() -> Sentences:
    return Sentences.load(Path("data/responses"))


@pytest.fixture
def making() -> dict[str, Making]:
    return {flow.name: Making(flow) for flow in (Tea(), Cake(), Whim())}


@pytest.fixture
def runner(sentences: Sentences, making: dict[str, Making]) -> FlowRunner:
    return FlowRunner(sentences, tuple(making.values()))


@pytest.fixture
def at(cafe: Programme) -> At:
    member = Member(id="m", programme_id=cafe.id, joined_at=NOW)
    return At(Session(), cafe, member, "en", NOW)


def later(at: At, **by: Any) -> At:
    return replace(at, now=at.now + timedelta(**by))


def titles(message: Message) -> list[str]:
    return [choice.title for choice in message.choices]


def standing(saved: Saved | None) -> Saved:
    assert saved is not None
    return saved


def test_effects_are_carried_out_until_there_is_something_to_say(
    runner: FlowRunner, making: dict[str, Making], at: At
) -> None:
    begun = runner.start("tea", at, {})
    assert begun.message.text == "How many?"
    served = runner.step(at, standing(begun.saved), Event("cups", {"text": "two"}))
    assert (served.message.text, standing(served.saved).state) == ("Tea! (0 left)", "served")
    assert standing(served.saved).data == {"wanted": "two"}
    assert len(making["tea"].made) == 1
    again = runner.start("tea", at, {})
    refused = runner.step(at, standing(again.saved), Event("cups"))
    assert (refused.message.text, standing(refused.saved).state) == ("How many?", "asking")


def test_somebody_who_may_not_begin_is_told_what_she_can_do(runner: FlowRunner, at: At) -> None:
    under = standing(runner.start("cake", at, {}).saved)
    told = runner.start("tea", at, {"who": "stranger"}, under)
    assert told.saved == under
    assert titles(told.message) == ["Join"]


def test_an_interrupted_flow_goes_on_when_the_other_is_over(runner: FlowRunner, at: At) -> None:
    tea = runner.step(at, standing(runner.start("tea", at, {}).saved), Event("cups"))
    cake = runner.start("cake", later(at, hours=2), {}, tea.saved)
    assert [one.flow for one in standing(cake.saved).under] == ["tea"]
    back = runner.step(later(at, hours=3), standing(cake.saved), Event(LEAVE))
    assert (standing(back.saved).flow, standing(back.saved).state) == ("tea", "served")
    assert back.message.text == "Fine, left as it was.\n\nBack to your tea at served?"
    assert titles(back.message) == ["Go on with it"]
    resumed = runner.step(later(at, hours=3), standing(back.saved), Event(AGAIN))
    assert resumed.message.text == "Tea! (0 left)"
    assert standing(resumed.saved).step == standing(tea.saved).step, "what was offered then can still be tapped"
    assert runner.step(later(at, hours=3), standing(resumed.saved), Event("drink")).saved is None


def test_the_same_flow_begun_anew_takes_the_place_of_the_old_run(runner: FlowRunner, at: At) -> None:
    first = runner.start("tea", at, {})
    other = runner.start("cake", at, {}, first.saved)
    second = runner.start("tea", at, {}, other.saved)
    assert [one.flow for one in standing(second.saved).under] == ["cake"]
    assert standing(second.saved).run != standing(first.saved).run


def test_what_is_not_worth_coming_back_to_is_dropped(runner: FlowRunner, at: At) -> None:
    begun = runner.start("tea", at, {}, runner.start("whim", at, {}).saved)
    assert standing(begun.saved).under == ()


def test_a_flow_that_waited_too_long_underneath_is_not_gone_back_to(runner: FlowRunner, at: At) -> None:
    cake = runner.start("cake", at, {})
    tea = runner.start("tea", later(at, minutes=5), {}, cake.saved)
    left = runner.step(later(at, minutes=62), standing(tea.saved), Event(LEAVE))
    assert left.saved is None
    assert left.message.text == "Fine, left as it was."


def test_what_was_interrupted_is_remembered_three_deep(sentences: Sentences, at: At) -> None:
    names = [f"tea{number}" for number in range(DEEPEST + 2)]
    flows: list[Tea] = [type(name, (Tea,), {"name": name})() for name in names]
    runner = FlowRunner(sentences, tuple(Making(flow) for flow in flows))
    saved: Saved | None = None
    for name in names:
        saved = runner.start(name, at, {}, saved).saved
    assert [one.flow for one in standing(saved).under] == ["tea3", "tea2", "tea1"]
    assert Saved.from_json(standing(saved).to_json()) == saved


def test_another_version_or_another_name_is_not_known(runner: FlowRunner, at: At) -> None:
    saved = standing(runner.start("tea", at, {}).saved)
    assert runner.alive(saved, NOW)
    assert not runner.alive(replace(saved, version=7), NOW)
    assert not runner.alive(replace(saved, flow="coffee"), NOW)
    assert not runner.alive(saved, NOW + Tea.patience + timedelta(seconds=1))
    assert runner.begins_with(replace(saved, version=7)) == ("help",)
    assert runner.begins_with(replace(saved, flow="coffee")) == ()


@pytest.mark.parametrize(
    ("heard", "event"),
    [
        (Heard("yes", "affirm", 0.9), Event("cups")),
        (Heard("two please", "nlu_fallback", 0.3), Event("cups", {"text": "two please"})),
        (Heard("hello", "greet", 0.9), Event("cups", {"text": "hello"})),
        (Heard("how many points", "check_points", 0.9), None),
        (Heard("point", "check_points", 0.4), Event("cups", {"text": "point"})),
    ],
)
def test_words_are_the_flows_unless_they_are_surely_a_question(
    runner: FlowRunner, at: At, heard: Heard, event: Event | None
) -> None:
    assert runner.hear(standing(runner.start("tea", at, {}).saved), heard) == event


def test_a_state_without_words_takes_none_and_cancel_leaves_any(runner: FlowRunner, at: At) -> None:
    served = standing(runner.step(at, standing(runner.start("tea", at, {}).saved), Event("cups")).saved)
    assert runner.hear(served, Heard("two please", "nlu_fallback", 0.3)) is None
    assert runner.hear(served, Heard("stop it", "cancel", 0.7)) == Event(LEAVE)
    assert runner.receive(served, "image", "media-1") is None


def test_a_picture_is_an_event_where_one_is_awaited(runner: FlowRunner, at: At) -> None:
    saved = standing(runner.start("tea", at, {}).saved)
    assert runner.receive(saved, "image", "media-1") == Event("cups", {"media": "media-1"})
    assert runner.receive(saved, "voice", "media-1") is None


MOVES = st.one_of(
    st.tuples(st.just("start"), st.sampled_from(["tea", "cake", "whim"])),
    st.tuples(st.just("step"), st.sampled_from(["cups", "drink", AGAIN, LEAVE, "brewed", "nonsense"])),
    st.tuples(st.just("wait"), st.sampled_from(["1", "59", "61", "1500"])),
)


@patiently(100)
@given(st.lists(MOVES, max_size=25))
def test_no_walk_whatever_ends_in_a_dead_end(moves: list[tuple[str, str]]) -> None:
    sentences = Sentences.load(Path("data/responses"))
    parts = [Making(flow, cups=3) for flow in (Tea(), Cake(), Whim())]
    runner = FlowRunner(sentences, parts)
    programme = read_programme(Path("programmes/cafe.yml"))
    here = At(Session(), programme, Member(id="m", programme_id="cafe"), "en", NOW)
    saved: Saved | None = None
    for kind, what in moves:
        if kind == "wait":
            here = later(here, minutes=int(what))
            continue
        if not runner.alive(saved, here.now):
            saved = None
        try:
            if kind == "start":
                flowed = runner.start(what, here, {}, saved)
            elif saved is not None:
                flowed = runner.step(here, saved, Event(what))
            else:
                continue
        except TransitionNotAllowed:
            continue
        saved = flowed.saved
        assert flowed.message.text
        if saved is not None:
            assert runner.alive(saved, here.now)
            assert Saved.from_json(saved.to_json()) == saved
            assert len(saved.under) <= DEEPEST
            assert len({saved.flow, *(one.flow for one in saved.under)}) == 1 + len(saved.under)
    made = [key for part in parts for key in part.made]
    assert len(made) == len(set(made)), "no effect twice for one step"
    assert all(part.cups + len(part.made) == 3 for part in parts)
