"""The flow of who waits for a person, at work."""

from collections.abc import Mapping

from conversation.caring import handovers
from conversation.flowing.part import At, Closed, Part
from flows.handover import AskForPerson, HandBack, HandoverFacts, HandoverFlow
from flows.model import Effect, Event, Phrase, Saved


class HandingOver(Part[HandoverFacts]):
    """Asking for a person, and going back to the bot."""

    flow = HandoverFlow()
    intent = "talk_to_human"

    def closed(self, at: At, args: Mapping[str, str]) -> Closed | None:
        """Where nobody answers in the chat, she reads how else a person is reached."""
        if at.programme.staff is not None:
            return None
        return Closed(Phrase("human.how", {"contact": at.programme.contact[at.language]}), ("help",))

    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> HandoverFacts:
        here = at.now.astimezone(at.programme.zone)
        back = at.programme.staff.back_at(here) if at.programme.staff is not None else None
        if back is None:
            return HandoverFacts()
        return HandoverFacts(back.date().isoformat(), f"{back:%H:%M}", back.date() == here.date())

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        match effect:
            case AskForPerson(reason):
                handovers.ask(at.session, at.programme, at.member_id, reason=reason, now=at.now)
                return Event("queued")
            case HandBack():
                handovers.hand_back(at.session, at.member_id, by=handovers.CUSTOMER, now=at.now)
                return Event("back")
            case _:
                return super().perform(at, saved, effect)
