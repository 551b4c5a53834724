"""Waiting for a person: the bot keeps quiet, and here is the way back to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from statemachine import State

from flows.flow import Flow, Machine, Takes
from flows.model import Ask, Effect, Event, Option, Phrase, Saved, Say, Step


@dataclass(frozen=True, slots=True)
class HandoverFacts:
    """What the flow knows: the day and the clock when somebody is there again; none if somebody is there now."""

    day: str = ""
    clock: str = ""
    today: bool = False


@dataclass(frozen=True, slots=True)
class AskForPerson(Effect):
    """Put her into the queue, with the words in which she asked. Its outcome is `queued`."""

    reason: str


@dataclass(frozen=True, slots=True)
class HandBack(Effect):
    """Take her out of the queue: the bot talks to her again. Its outcome is `back`."""


class HandoverMachine(Machine):
    """The states and what leads from one to the next."""

    asking = State(initial=True)
    waiting = State()
    leaving = State()
    over = State(final=True)

    queued = asking.to(waiting)
    to_bot = waiting.to(leaving)
    back = leaving.to(over)


class HandoverFlow(Flow[HandoverFacts]):
    """The flow. While she is in it the turn lets nothing but taps and the words of its button through."""

    name = "handover"
    machine = HandoverMachine
    takes: ClassVar[Mapping[str, Takes]] = {"waiting": Takes({"cancel": "to_bot"})}
    patience = timedelta(days=7)

    def arrive(self, at: Saved, event: Event, facts: HandoverFacts) -> Step:
        match at.state:
            case "asking":
                return Step(at, effect=AskForPerson(str(event.args.get("text", ""))))
            case "waiting":
                return Step(at, _quiet(facts))
            case "leaving":
                return Step(at, effect=HandBack())
            case _:
                return Step(None, Say((Phrase("handover.back"),), (_ask("check_points"), _ask("list_rewards"))))


def _quiet(facts: HandoverFacts) -> Say:
    when = Phrase("handover.asked")
    if facts.day:
        key = "handover.later_today" if facts.today else "handover.later"
        when = Phrase(key, {"day": facts.day, "clock": facts.clock})
    return Say((when, Phrase("handover.quiet")), (Option(Event("to_bot"), Phrase("button.back_to_bot")),))


def _ask(intent: str) -> Option:
    return Option(Ask(intent), Phrase(f"button.{intent}"))
