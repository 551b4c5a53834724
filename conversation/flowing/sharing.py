"""Inviting friends at work."""

from collections.abc import Mapping
from urllib.parse import quote

from conversation.flowing.part import At, Closed, Part
from conversation.leaving.handouts import hand_out
from flows.model import Effect, Event, Phrase, Saved
from flows.sharing import MakeShare, Sharing
from loyalty.referral.sharing import share


class SharingPart(Part[str]):
    """Handing a member her invitation."""

    flow = Sharing()
    intent = "get_referral_link"

    def __init__(self, public_url: str, chat_url: str) -> None:
        self._public_url = public_url
        self._chat_url = chat_url.rstrip("/")

    def closed(self, at: At, args: Mapping[str, str]) -> Closed | None:
        if at.member.joined_at is not None:
            return None
        return Closed(Phrase("referral.guest", {"programme": at.programme.name}), ("join_program",))

    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> str:
        return at.programme.name

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        assert isinstance(effect, MakeShare)
        invitation = share(at.programme, at.member, self._public_url, at.language)
        picture = hand_out(
            at.session, at.member_id, name="invitation.png", content=invitation.png(), public_url=self._public_url,
            now=at.now,
        )  # fmt: skip
        pass_on = f"{self._chat_url}/?text={quote(invitation.message)}"
        outcome = {"link": invitation.link, "code": at.member.referral_code, "picture": picture, "pass_on": pass_on}
        return Event("made", outcome)
