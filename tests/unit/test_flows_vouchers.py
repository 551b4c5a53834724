"""The flow of vouchers: all of them, one to show, one that is over. Pure: facts and an event in, a step out."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statemachine.exceptions import TransitionNotAllowed

from conversation.flowing.runner import FlowRunner
from conversation.flowing.showing import Showing
from conversation.messages.layout import lay_out
from conversation.saying.sentences import Sentences
from flows.model import Ask, Event, Phrase, Saved, Say, Step
from flows.vouchers import Draw, Standing, VoucherFact, Vouchers, VouchersFacts
from loyalty.programme import LANGUAGES, Language

FLOW = Vouchers()
RUN = "0192f0c1"
ESPRESSO = VoucherFact("v1", "Espresso", "K7QX4M2PABCDE", "usable", "2026-12-21", ("At the bar",))
MUG = VoucherFact("v2", "Aurora mug", "K7QX4M2PABCDF")
LATER = VoucherFact("v3", "Croissant", "K7QX4M2PABCDG", "waiting", "2026-12-01")
USED = VoucherFact("v4", "Cappuccino", "K7QX4M2PABCDH", "used", "2026-11-01")
FACTS = VouchersFacts((ESPRESSO, MUG, LATER), 2, 1, None, "at the bar")


def start(facts: VouchersFacts, voucher: str | None = None) -> Step:
    return FLOW.start(RUN, facts, {"voucher": voucher} if voucher else {})


def shown(facts: VouchersFacts, voucher: str | None = None, picture: str = "https://x.example/code.png") -> Step:
    step = start(facts, voucher)
    assert step.saved is not None
    return FLOW.on(step.saved, Event("show", {"picture": picture}), facts)


def say(step: Step) -> Say:
    assert step.say is not None
    assert step.saved is None, "it waits for nothing"
    return step.say


def keys(step: Step) -> list[str]:
    return [phrase.key for phrase in say(step).phrases if isinstance(phrase, Phrase)]


def asks(step: Step) -> list[str]:
    return [option.action.intent for option in say(step).options if isinstance(option.action, Ask)]


def test_several_are_listed_with_their_last_day_and_what_is_over_in_one_line() -> None:
    step = start(FACTS)
    assert keys(step) == ["vouchers.title", "vouchers.over"]
    assert [option.action for option in say(step).options] == [
        Ask("my_vouchers", {"voucher": id_}) for id_ in ("v1", "v2", "v3")
    ]
    details = [option.detail.key for option in say(step).options if isinstance(option.detail, Phrase)]
    assert details == ["vouchers.row", "vouchers.row_for_ever", "vouchers.row_waiting"]


def test_nothing_is_said_of_what_is_over_where_nothing_is() -> None:
    assert keys(start(replace(FACTS, used=0, expired=0))) == ["vouchers.title"]


def test_the_only_one_is_shown_at_once() -> None:
    facts = replace(FACTS, vouchers=(ESPRESSO,))
    step = start(facts)
    assert step.effect == Draw("v1")
    done = shown(facts)
    assert keys(done) == ["vouchers.show", "vouchers.until"]
    assert "At the bar" in say(done).phrases
    assert say(done).image == "https://x.example/code.png"
    assert asks(done) == ["list_rewards", "check_points"]


def test_the_only_one_that_begins_later_is_listed() -> None:
    assert keys(start(replace(FACTS, vouchers=(LATER,)))) == ["vouchers.title", "vouchers.over"]


def test_one_of_several_is_shown_with_the_way_to_the_others() -> None:
    done = shown(FACTS, "v2", picture="")
    assert keys(done) == ["vouchers.show", "vouchers.for_ever"]
    assert say(done).image is None
    assert asks(done) == ["my_vouchers", "list_rewards"]


@pytest.mark.parametrize("standing", ["waiting", "used", "expired", "revoked"])
def test_one_that_cannot_be_used_says_so_and_what_one_can_do(standing: Standing) -> None:
    step = start(replace(FACTS, named=replace(USED, standing=standing)), "v4")
    assert keys(step) == [f"vouchers.{standing}"]
    assert asks(step) == ["my_vouchers", "list_rewards"]
    assert step.effect is None


def test_of_somebody_elses_nothing_is_told() -> None:
    assert keys(start(FACTS, "v99")) == ["vouchers.unknown"]


def test_who_has_none_is_told_how_to_get_one() -> None:
    step = start(VouchersFacts(()))
    assert (keys(step), asks(step)) == (["vouchers.none"], ["list_rewards", "check_points"])


def test_one_that_is_gone_while_its_picture_is_drawn_is_not_shown() -> None:
    step = start(FACTS, "v1")
    assert step.saved is not None
    after = FLOW.on(step.saved, Event("show", {"picture": ""}), VouchersFacts(()))
    assert keys(after) == ["vouchers.unknown"]


@pytest.mark.parametrize("state", ["opening", "drawing", "listed", "shown", "told"])
def test_an_event_it_does_not_know_raises(state: str) -> None:
    with pytest.raises(TransitionNotAllowed):
        FLOW.on(Saved("vouchers", 1, RUN, 1, state, {"voucher": "v1"}), Event("nonsense"), FACTS)


VOUCHERS = st.lists(
    st.builds(VoucherFact, st.sampled_from("abcdef"), st.just("Reward"), st.just("K7QX4M2PABCDE"),
              st.sampled_from(["usable", "waiting"]), st.just("2026-12-21")),
    max_size=6, unique_by=lambda voucher: voucher.id,
).map(tuple)  # fmt: skip


@given(st.builds(VouchersFacts, VOUCHERS, st.integers(0, 3), st.integers(0, 3)), st.none() | st.sampled_from("abcxyz"))
def test_whatever_she_has_it_ends_with_something_to_tap(facts: VouchersFacts, named: str | None) -> None:
    step = start(facts, named)
    if step.effect is not None:
        assert isinstance(step.effect, Draw)
        found = facts.voucher(step.effect.voucher)
        assert found is not None
        assert found.standing == "usable", "only what can be used is shown"
        step = shown(facts, named)
    assert say(step).phrases
    assert say(step).options


@pytest.fixture(scope="module")
def runner() -> FlowRunner:
    return FlowRunner(Sentences.load(Path(__file__).parents[2] / "data" / "responses"), (Showing(),))


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_the_flow_says_has_its_sentences(runner: FlowRunner, language: Language) -> None:
    standings: tuple[Standing, ...] = ("waiting", "used", "expired", "revoked")
    steps = [
        start(FACTS), start(VouchersFacts(())), start(FACTS, "v99"), shown(FACTS, "v1"), shown(FACTS, "v2"),
        *(start(replace(FACTS, named=replace(USED, standing=standing)), "v4") for standing in standings),
    ]  # fmt: skip
    for step in steps:
        message = runner.message(language, say(step))
        assert message.text.strip()
        assert "None" not in message.text
        assert all(choice.title.strip() for choice in message.choices)
    one = runner.message(language, say(shown(FACTS, "v1")))
    assert lay_out(one.choices, page=0, more="…", headed=True).style == "buttons", "the picture stands above it"
    rows = lay_out(runner.message(language, say(start(FACTS))).choices, page=0, more="…")
    assert (rows.style, rows.lines) == ("list", ()), "code and day fit under the name"
