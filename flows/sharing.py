"""Inviting friends: the link, the code, a message to pass on and a QR code, all in one message."""

from dataclasses import dataclass

from statemachine import State

from flows.flow import Flow, Machine
from flows.model import Effect, Event, Phrase, Saved, Say, Step


@dataclass(frozen=True, slots=True)
class MakeShare(Effect):
    """Get the invitation ready. Its outcome is `made`, with `link`, `code`, `picture` and `pass_on`, an address."""


class SharingMachine(Machine):
    """The states and what leads from one to the next."""

    making = State(initial=True)
    handed = State(final=True)

    made = making.to(handed)


class Sharing(Flow[str]):
    """The flow: it is over as soon as it begins. The fact is the programme's name."""

    name = "sharing"
    machine = SharingMachine

    def arrive(self, at: Saved, event: Event, facts: str) -> Step:
        if at.state == "making":
            return Step(at, effect=MakeShare())
        said = Phrase("referral.share", {"programme": facts, "link": event.args["link"], "code": event.args["code"]})
        page = (str(event.args["pass_on"]), Phrase("button.pass_on"))
        return Step(None, Say((said,), image=str(event.args["picture"]), page=page))
