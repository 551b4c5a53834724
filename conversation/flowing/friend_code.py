"""A friend's code at work."""

from collections.abc import Mapping

from conversation.flowing.part import At, Part
from flows.friend_code import CodeFacts, EnterCode, FriendCode
from flows.model import Effect, Event, Saved
from loyalty.errors import Refused
from loyalty.referral import referrals

MISTYPED = frozenset({"code_misspelt", "code_unknown"})
"""Reasons that a better look at the code may remove."""


class FriendCodePart(Part[CodeFacts]):
    """Noting who brought somebody."""

    flow = FriendCode()
    intent = "enter_referral_code"

    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> CodeFacts:
        return CodeFacts(at.programme.name, at.member.joined_at is not None)

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        assert isinstance(effect, EnterCode)
        try:
            referrals.enter_code(at.session, at.programme, at.member, effect.text, source="typed", now=at.now)
        except Refused as refusal:
            return Event("misspelt" if refusal.reason in MISTYPED else "refuse", {"reason": refusal.reason})
        return Event("noted")
