"""Being forgotten: what is lost is said, and it takes two different taps or the very words of the second."""

from dataclasses import dataclass

from statemachine import State

from flows.flow import Flow, Machine
from flows.model import Ask, Effect, Event, Option, Phrase, Saved, Say, Step


@dataclass(frozen=True, slots=True)
class ErasureFacts:
    """What she would lose."""

    programme: str
    available: int = 0
    vouchers: int = 0
    joined: bool = True


@dataclass(frozen=True, slots=True)
class Erase(Effect):
    """Forget her, for good. Its outcome is `erased`."""


class ErasureMachine(Machine):
    """The states and what leads from one to the next."""

    explaining = State(initial=True)
    asking = State()
    erasing = State()
    gone = State(final=True)
    kept = State(final=True)

    go_on = explaining.to(asking)
    keep = explaining.to(kept) | asking.to(kept)
    erase = asking.to(erasing)
    erased = erasing.to(gone)


class Erasure(Flow[ErasureFacts]):
    """The flow. A "yes" is not enough for it: only its own buttons, or their words, lead on."""

    name = "erasure"
    machine = ErasureMachine

    def arrive(self, at: Saved, event: Event, facts: ErasureFacts) -> Step:
        keep = Option(Event("keep"), Phrase("button.keep_data"))
        match at.state:
            case "explaining":
                options = (keep, _ask("export_my_data"), Option(Event("go_on"), Phrase("button.erase_data")))
                return Step(at, Say((*_lost(facts), Phrase("privacy.explain")), options))
            case "asking":
                forever = Option(Event("erase"), Phrase("button.erase_for_good"))
                return Step(at, Say((Phrase("privacy.sure", {"programme": facts.programme}),), (keep, forever)))
            case "erasing":
                return Step(at, effect=Erase())
            case "gone":
                return Step(None, Say((Phrase("privacy.erased", {"programme": facts.programme}),)))
            case _:
                return Step(None, Say((Phrase("privacy.kept"),), (_ask("check_points"), _ask("opt_out"))))

    def whereabouts(self, at: Saved, facts: ErasureFacts) -> Phrase | None:
        return Phrase("privacy.whereabouts")


def _lost(facts: ErasureFacts) -> tuple[Phrase, ...]:
    if not facts.joined:
        return ()
    key = "privacy.lost_vouchers" if facts.vouchers else "privacy.lost"
    return (Phrase(key, {"available": facts.available, "vouchers": facts.vouchers, "programme": facts.programme}),)


def _ask(intent: str) -> Option:
    return Option(Ask(intent), Phrase(f"button.{intent}"))
