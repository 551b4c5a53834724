"""Getting all that is known: a document, in one message."""

from dataclasses import dataclass

from statemachine import State

from flows.flow import Flow, Machine
from flows.model import Effect, Event, Phrase, Saved, Say, Step


@dataclass(frozen=True, slots=True)
class ExportFacts:
    """Nothing needs to be known."""


@dataclass(frozen=True, slots=True)
class MakeExport(Effect):
    """Write everything down. Its outcome is `made`, with the addresses of the `document` and the `page`."""


class ExportMachine(Machine):
    """The states and what leads from one to the next."""

    making = State(initial=True)
    handed = State(final=True)

    made = making.to(handed)


class Export(Flow[ExportFacts]):
    """The flow: it is over as soon as it begins."""

    name = "export"
    machine = ExportMachine

    def arrive(self, at: Saved, event: Event, facts: ExportFacts) -> Step:
        if at.state == "making":
            return Step(at, effect=MakeExport())
        page = (str(event.args["page"]), Phrase("button.open_page"))
        return Step(None, Say((Phrase("privacy.exported"),), document=str(event.args["document"]), page=page))
