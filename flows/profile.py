"""What we call her, when her birthday is, which language, offers or none: to see and to change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from statemachine import State

from flows.enrolment import Keep
from flows.flow import Flow, Machine, Takes
from flows.model import Ask, Event, Heard, Option, Phrase, Saved, Say, Step

UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    """What is known of her, in her language; empty where nothing is."""

    name: str = ""
    birthday: str = ""
    language: str = ""
    offers: bool = False
    birthday_free: bool = True
    """Whether she may tell or change her birthday now."""


class ProfileMachine(Machine):
    """The states and what leads from one to the next."""

    showing = State(initial=True)
    naming = State()
    dating = State()
    keeping = State()

    rename = showing.to(naming)
    redate = showing.to(dating, cond="birthday_free") | showing.to(showing)
    tell = naming.to(keeping) | dating.to(keeping)
    back = naming.to(showing) | dating.to(showing)
    kept = keeping.to(showing)
    unclear = keeping.to(naming, cond="name_was_asked") | keeping.to(dating)

    def birthday_free(self) -> bool:
        facts: ProfileFacts = self.facts
        return facts.birthday_free

    def name_was_asked(self) -> bool:
        return self.data.get("asked") == "name"


class Profile(Flow[ProfileFacts]):
    """The flow. It ends by being left alone."""

    name = "profile"
    machine = ProfileMachine
    takes: ClassVar[Mapping[str, Takes]] = {
        "naming": Takes({"deny": "back", "cancel": "back"}, text="tell"),
        "dating": Takes({"deny": "back", "cancel": "back"}, text="tell"),
    }

    def hear(self, at: Saved, heard: Heard) -> Event | None:
        """As every flow; figures where a birthday is asked for are one, whatever the model takes them for."""
        if at.state == "dating" and any(sign.isdigit() for sign in heard.text):
            return Event("tell", {"text": heard.text})
        return Flow.hear(self, at, heard)

    def arrive(self, at: Saved, event: Event, facts: ProfileFacts) -> Step:
        back = Option(Event("back"), Phrase("button.leave_it"))
        unclear = (Phrase(f"profile.unclear_{event.args['why']}"),) if event.name == "unclear" else ()
        match at.state:
            case "keeping":
                return Step(at, effect=Keep(str(at.data["asked"]), str(event.args["text"])))
            case "naming":
                return Step(at.keeping(asked="name"), Say((*unclear, Phrase("profile.name")), (back,)))
            case "dating":
                return Step(at.keeping(asked="birthday"), Say((*unclear, Phrase("profile.birthday")), (back,)))
            case _:
                return Step(at, _shown(_before(event, facts), facts))

    def whereabouts(self, at: Saved, facts: ProfileFacts) -> Phrase | None:
        return Phrase("profile.whereabouts") if at.state in {"naming", "dating"} else None


def _before(event: Event, facts: ProfileFacts) -> tuple[Phrase, ...]:
    if event.name == "kept":
        return (Phrase(f"profile.kept_{event.args['what']}", event.args),)
    if event.name == "redate":
        return (Phrase("profile.unclear_birthday_later"),)
    return ()


def _shown(before: tuple[Phrase, ...], facts: ProfileFacts) -> Say:
    known = {"name": facts.name or UNKNOWN, "birthday": facts.birthday or UNKNOWN, "language": facts.language}
    shown = Phrase("profile.shown_with_offers" if facts.offers else "profile.shown", known)
    options = (
        Option(Event("rename"), Phrase("button.rename")),
        Option(Event("redate"), Phrase("button.redate")),
        _ask("change_language"),
        _ask("opt_out" if facts.offers else "opt_in"),
        _ask("export_my_data"),
        _ask("delete_my_data"),
    )
    return Say((*before, shown), options, menu=Phrase("menu.profile"))


def _ask(intent: str) -> Option:
    return Option(Ask(intent), Phrase(f"button.{intent}"))
