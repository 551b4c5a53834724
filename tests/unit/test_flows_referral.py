"""Inviting friends and typing a friend's code: pure."""

from dataclasses import replace
from pathlib import Path

import pytest
from statemachine.exceptions import TransitionNotAllowed

from conversation.flowing.friend_code import FriendCodePart
from conversation.flowing.runner import FlowRunner
from conversation.flowing.sharing import SharingPart
from conversation.messages.layout import lay_out
from conversation.saying.sentences import Sentences
from flows.friend_code import CodeFacts, EnterCode, FriendCode
from flows.model import Event, Heard, Phrase, Saved, Say, Step
from flows.sharing import MakeShare, Sharing
from loyalty.programme import LANGUAGES, Language

SHARING, CODE = Sharing(), FriendCode()
FACTS = CodeFacts("Caffè Aurora", joined=True)
MADE = Event(
    "made",
    {
        "link": "https://aurora.example/r/K7QX4M2P", "code": "K7QX4M2P", "picture": "https://aurora.example/h/x/i.png",
        "pass_on": "https://wa.me/?text=Come",
    },
)  # fmt: skip
REASONS = ("code_misspelt", "code_unknown", "code_own", "code_again", "code_late", "code_customer")


def said(step: Step) -> Say:
    assert step.say is not None
    return step.say


def asked(step: Step) -> Saved:
    assert step.saved is not None
    return step.saved


def keys(step: Step) -> list[str]:
    return [phrase.key for phrase in said(step).phrases if isinstance(phrase, Phrase)]


def test_an_invitation_is_one_message_with_link_code_picture_and_button() -> None:
    begun = SHARING.start("run", "Caffè Aurora", {})
    assert begun.effect == MakeShare()
    step = SHARING.on(asked(begun), MADE, "Caffè Aurora")
    assert step.saved is None
    assert said(step).image == MADE.args["picture"]
    assert said(step).page == (MADE.args["pass_on"], Phrase("button.pass_on"))
    assert not said(step).options, "a link and reply buttons do not go into one message"


def test_what_is_typed_is_entered_whatever_it_is_taken_for() -> None:
    begun = CODE.start("run", FACTS, {})
    assert keys(begun) == ["referral.which"]
    for intent in ("enter_referral_code", "nlu_fallback", "affirm"):
        heard = CODE.hear(asked(begun), Heard("k7qx 4m2p", intent, 0.9))
        assert heard == Event("type", {"text": "k7qx 4m2p"})
    assert CODE.hear(asked(begun), Heard("how many points do i have", "check_points", 0.9)) is None
    step = CODE.on(asked(begun), Event("type", {"text": "k7qx 4m2p"}), FACTS)
    assert step.effect == EnterCode("k7qx 4m2p")


def test_a_slip_is_asked_again_and_a_refusal_is_the_end() -> None:
    entering = replace(asked(CODE.start("run", FACTS, {})), state="entering")
    step = CODE.on(entering, Event("misspelt", {"reason": "code_misspelt"}), FACTS)
    assert (asked(step).state, keys(step)) == ("asking", ["referral.code_misspelt"])
    step = CODE.on(entering, Event("refuse", {"reason": "code_late"}), FACTS)
    assert (step.saved, keys(step)) == (None, ["referral.code_late"])
    with pytest.raises(TransitionNotAllowed):
        CODE.on(asked(CODE.start("run", FACTS, {})), Event("noted"), FACTS)


def test_who_has_not_joined_is_invited_to() -> None:
    entering = replace(asked(CODE.start("run", FACTS, {})), state="entering")
    assert keys(CODE.on(entering, Event("noted"), FACTS)) == ["referral.noted"]
    assert keys(CODE.on(entering, Event("noted"), replace(FACTS, joined=False))) == ["referral.noted_join"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_has_its_sentences_and_fits(language: Language) -> None:
    runner = FlowRunner(Sentences.load(Path("data/responses")), (SharingPart("", ""), FriendCodePart()))
    begun = CODE.start("run", FACTS, {})
    entering = replace(asked(begun), state="entering")
    steps = [
        begun,
        SHARING.on(asked(SHARING.start("run", "Caffè Aurora", {})), MADE, "Caffè Aurora"),
        CODE.on(entering, Event("noted"), FACTS),
        CODE.on(entering, Event("noted"), replace(FACTS, joined=False)),
        *(CODE.on(entering, Event("refuse", {"reason": reason}), FACTS) for reason in REASONS),
    ]
    for step in steps:
        message = runner.message(language, said(step))
        assert message.text.strip()
        assert lay_out(message.choices, page=0, more="…").style in {"plain", "buttons"}
