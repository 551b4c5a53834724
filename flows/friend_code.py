"""A friend's code: it is asked for, and typed until it is right or given up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from statemachine import State

from flows.flow import Flow, Machine, Takes
from flows.model import Ask, Effect, Event, Heard, Option, Phrase, Saved, Say, Step


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """The programme, and whether she has joined it."""

    programme: str
    joined: bool


@dataclass(frozen=True, slots=True)
class EnterCode(Effect):
    """Note who brought her. Its outcome is `noted`, `misspelt` with a `reason`, or `refuse` with one that is final."""

    text: str


class FriendCodeMachine(Machine):
    """The states and what leads from one to the next."""

    asking = State(initial=True)
    entering = State()
    known = State(final=True)
    refused = State(final=True)

    type = asking.to(entering)
    noted = entering.to(known)
    misspelt = entering.to(asking)
    refuse = entering.to(refused)


class FriendCode(Flow[CodeFacts]):
    """The flow."""

    name = "friend_code"
    machine = FriendCodeMachine
    takes: ClassVar[Mapping[str, Takes]] = {"asking": Takes({"enter_referral_code": "type"}, text="type")}

    def hear(self, at: Saved, heard: Heard) -> Event | None:
        event = super().hear(at, heard)
        return Event("type", {"text": heard.text}) if event is not None and event.name == "type" else event

    def arrive(self, at: Saved, event: Event, facts: CodeFacts) -> Step:
        match at.state:
            case "asking" if event.name == "misspelt":
                return Step(at, _ask(Phrase(f"referral.{event.args['reason']}")))
            case "asking":
                return Step(at, _ask(Phrase("referral.which")))
            case "entering":
                return Step(at, effect=EnterCode(str(event.args["text"])))
            case "refused":
                return Step(None, _ask(Phrase(f"referral.{event.args['reason']}")))
        if not facts.joined:
            return Step(
                None, Say((Phrase("referral.noted_join", {"programme": facts.programme}),), (_to("join_program"),))
            )
        return Step(None, Say((Phrase("referral.noted"),), (_to("check_points"), _to("list_rewards"))))

    def whereabouts(self, at: Saved, facts: CodeFacts) -> Phrase | None:
        return Phrase("referral.whereabouts")


def _ask(said: Phrase) -> Say:
    return Say((said,), (_to("how_referral_works"),))


def _to(intent: str) -> Option:
    return Option(Ask(intent), Phrase(f"button.{intent}"))
