"""Joining: what the programme gives and what joining means, one tap, then at most two questions that can be skipped."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from statemachine import State

from flows.flow import Flow, Machine, Takes
from flows.model import Ask, Effect, Event, Heard, Option, Phrase, Saved, Say, Step

QUESTIONS: Mapping[str, str] = {"name": "naming", "birthday": "dating", "offers": "offering"}
"""What may be asked after joining, and the state in which it is."""


@dataclass(frozen=True, slots=True)
class EnrolmentFacts:
    """What the flow knows of the world at the moment of a step."""

    programme: str
    bonus: int
    reward: str
    version: str
    """The name of the wording she agrees to."""
    terms: tuple[Phrase | str, ...]
    questions: tuple[str, ...] = ()
    """What she is asked, in order: at most two of `QUESTIONS`."""
    name: str = ""
    """What WhatsApp says she is called."""
    offers: bool = True
    """Whether she has said what she wants of promotional messages."""


@dataclass(frozen=True, slots=True)
class Join(Effect):
    """Enrol her, with the wording she agreed to. Its outcome is `joined`, with the points she got for it."""

    version: str


@dataclass(frozen=True, slots=True)
class Keep(Effect):
    """Keep what she told: her `name`, her `birthday`, that she wants `offers`. Its outcome is `kept` or `unclear`."""

    what: str
    text: str


class EnrolmentMachine(Machine):
    """The states and what leads from one to the next."""

    invited = State(initial=True)
    joining = State()
    naming = State()
    dating = State()
    offering = State()
    keeping = State()
    done = State(final=True)

    agree = invited.to(joining)
    joined = (
        joining.to(naming, cond="name_is_next")
        | joining.to(dating, cond="birthday_is_next")
        | joining.to(offering, cond="offers_is_next")
        | joining.to(done)
    )
    tell = naming.to(keeping) | dating.to(keeping)
    want = offering.to(keeping)
    skip = (
        naming.to(dating, cond="birthday_is_next")
        | naming.to(offering, cond="offers_is_next")
        | naming.to(done)
        | dating.to(offering, cond="offers_is_next")
        | dating.to(done)
        | offering.to(done)
    )
    kept = keeping.to(dating, cond="birthday_is_next") | keeping.to(offering, cond="offers_is_next") | keeping.to(done)
    unclear = keeping.to(naming, cond="name_was_asked") | keeping.to(dating)

    def name_is_next(self) -> bool:
        return self._next() == "name"

    def birthday_is_next(self) -> bool:
        return self._next() == "birthday"

    def offers_is_next(self) -> bool:
        return self._next() == "offers"

    def name_was_asked(self) -> bool:
        return self.data.get("asked") == "name"

    def _next(self) -> str:
        return str(self.data.get("left", "")).partition(" ")[0]


class Enrolment(Flow[EnrolmentFacts]):
    """The flow. An invitation is no run of it: its button begins one, however late it is tapped."""

    name = "enrolment"
    machine = EnrolmentMachine
    takes: ClassVar[Mapping[str, Takes]] = {
        "naming": Takes({"deny": "skip"}, text="tell"),
        "dating": Takes({"deny": "skip"}, text="tell"),
        "offering": Takes({"affirm": "want", "opt_in": "want", "deny": "skip", "opt_out": "skip"}),
    }

    def begin(self, at: Saved, facts: EnrolmentFacts, args: Mapping[str, str]) -> Step:
        """With the wording that was `agreed` to, or with the invitation."""
        if args.get("agreed") == facts.version:
            return self.on(at, Event("agree"), facts)
        return Step(None, invitation(facts))

    def hear(self, at: Saved, heard: Heard) -> Event | None:
        """As every flow; figures where a birthday is asked for are one, whatever the model takes them for."""
        if at.state == "dating" and any(sign.isdigit() for sign in heard.text):
            return Event("tell", {"text": heard.text})
        return Flow.hear(self, at, heard)

    def arrive(self, at: Saved, event: Event, facts: EnrolmentFacts) -> Step:
        match at.state:
            case "joining":
                return Step(at.keeping(left=" ".join(facts.questions)), effect=Join(facts.version))
            case "keeping":
                return Step(at, effect=Keep(str(at.data["asked"]), str(event.args.get("text", "yes"))))
            case "done":
                return Step(None, Say((*_before(at, event, facts), Phrase("enrol.done")), _ending(facts)))
            case state if event.name in {"again", "unclear"}:
                return Step(at, _question(state, _before(at, event, facts), facts))
            case state:
                asked, _, left = str(at.data.get("left", "")).partition(" ")
                return Step(at.keeping(asked=asked, left=left), _question(state, _before(at, event, facts), facts))

    def whereabouts(self, at: Saved, facts: EnrolmentFacts) -> Phrase | None:
        return Phrase("enrol.whereabouts") if at.state in QUESTIONS.values() else None


def invitation(facts: EnrolmentFacts) -> Say:
    """What joining brings and means, and the button that does it."""
    options = (join_option(facts.version), *(_ask(intent) for intent in ("how_to_earn", "list_rewards")))
    return Say((welcome(facts), *facts.terms), options)


def welcome(facts: EnrolmentFacts) -> Phrase:
    """What the programme gives."""
    key = "welcome.hello" if facts.bonus else "welcome.hello_plain"
    return Phrase(key, {"programme": facts.programme, "bonus": facts.bonus, "reward": facts.reward})


def join_option(version: str) -> Option:
    """The button that joins at once, under the wording that it stands under."""
    return Option(Ask("join_program", {"agreed": version}), Phrase("button.join_program"))


def _before(at: Saved, event: Event, facts: EnrolmentFacts) -> tuple[Phrase, ...]:
    """What is said of what just happened."""
    match event.name:
        case "joined":
            bonus = event.args.get("bonus", 0)
            key = "join.done" if bonus else "join.done_plain"
            return (Phrase(key, {"programme": facts.programme, "bonus": bonus}),)
        case "kept":
            return (Phrase(f"profile.kept_{event.args['what']}", event.args),)
        case "unclear":
            return (Phrase(f"profile.unclear_{event.args['why']}"),)
        case _:
            return ()


def _question(state: str, before: tuple[Phrase, ...], facts: EnrolmentFacts) -> Say:
    skip = Option(Event("skip"), Phrase("button.skip_it"))
    match state:
        case "naming":
            known = (Option(Event("tell", {"text": facts.name}), facts.name),) if facts.name else ()
            return Say((*before, Phrase("enrol.name")), (*known, skip))
        case "dating":
            return Say((*before, Phrase("enrol.birthday")), (skip,))
        case _:
            want = Option(Event("want"), Phrase("button.offers_yes"))
            return Say((*before, Phrase("enrol.offers")), (want, Option(Event("skip"), Phrase("button.offers_no"))))


def _ending(facts: EnrolmentFacts) -> tuple[Option, ...]:
    last = "get_referral_link" if facts.offers else "opt_in"
    return tuple(_ask(intent) for intent in ("list_rewards", "how_to_earn", last))


def _ask(intent: str) -> Option:
    return Option(Ask(intent), Phrase(f"button.{intent}"))
