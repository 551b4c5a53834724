"""Questions about bringing friends."""

import regex

from actions.question import Question
from conversation.model import Answer, Command
from loyalty.codes import ALPHABET, REFERRAL_SIGNS
from loyalty.ids import MemberId
from loyalty.referral.referrals import referral_count, referral_link

_CODE = regex.compile(rf"(?i)(?<![a-z0-9])(?:[{ALPHABET}][\s-]?){{{REFERRAL_SIGNS}}}[{ALPHABET}](?![a-z0-9])")


def link(ask: Question) -> Answer:
    """The member's link and code, with a message to pass on."""
    if ask.member.joined_at is None:
        return ask.message(ask.say("referral.guest", programme=ask.programme.name), "join_program")
    code = ask.member.referral_code
    text = ask.say("referral.link", programme=ask.programme.name, link=referral_link(ask.public_url, code), code=code)
    return ask.message(text, "how_referral_works", "referral_status")


def terms(ask: Question) -> Answer:
    """What both sides get, as the programme says it."""
    return ask.message(ask.programme.referral.terms[ask.inquiry.language], "get_referral_link", "referral_status")


def status(ask: Question) -> Answer:
    """How many friends joined and bought."""
    count = referral_count(ask.session, MemberId(ask.inquiry.member))
    if not count.joined:
        return ask.message(ask.say("referral.none"), "get_referral_link", "how_referral_works")
    text = ask.say("referral.count", joined=count.joined, converted=count.converted)
    return ask.message(text, "get_referral_link", "how_referral_works")


def enter(ask: Question) -> Answer:
    """Note a friend's code; without a code, ask for it."""
    typed = ask.inquiry.entities.get("referral_code") or code_in(ask.inquiry.text)
    if typed is None:
        return ask.message(ask.say("referral.which"), "how_referral_works")
    return Command("referral_code", {"code": typed})


def code_in(text: str) -> str | None:
    """What looks like a referral code in a text."""
    found = _CODE.search(text)
    return found.group() if found else None
