"""Questions about bringing friends."""

import regex

from actions.question import Question
from conversation.messages.model import Answer, Command
from loyalty.codes import ALPHABET, REFERRAL_SIGNS
from loyalty.ids import MemberId
from loyalty.referral import numbers

_CODE = regex.compile(rf"(?i)(?<![a-z0-9])(?:[{ALPHABET}][\s-]?){{{REFERRAL_SIGNS}}}[{ALPHABET}](?![a-z0-9])")


def link(ask: Question) -> Answer:
    """The member's link and code, with a message to pass on."""
    return Command("start", {"flow": "sharing"})


def terms(ask: Question) -> Answer:
    """What both sides get, as the programme says it."""
    return ask.message(ask.programme.referral.terms[ask.inquiry.language], "get_referral_link", "referral_status")


def status(ask: Question) -> Answer:
    """How many friends joined and bought."""
    count = numbers.of_member(ask.session, MemberId(ask.inquiry.member))
    if not count.joined:
        key = "referral.opened" if count.invited else "referral.none"
        return ask.message(ask.say(key, opened=count.invited), "get_referral_link", "how_referral_works")
    text = ask.say("referral.count", joined=count.joined, converted=count.converted)
    if count.rewarded:
        text = f"{text}\n{ask.say('referral.rewarded', rewarded=count.rewarded)}"
    return ask.message(text, "get_referral_link", "how_referral_works")


def enter(ask: Question) -> Answer:
    """Note a friend's code; without a code, ask for it."""
    typed = ask.inquiry.entities.get("referral_code") or code_in(ask.inquiry.text)
    if typed is None:
        return Command("start", {"flow": "friend_code"})
    return Command("referral_code", {"code": typed})


def code_in(text: str) -> str | None:
    """What looks like a referral code in a text."""
    found = _CODE.search(text)
    return found.group() if found else None
