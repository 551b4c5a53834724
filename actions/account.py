"""Joining, consent, language, and the questions a person has to answer."""

from actions.question import Question
from conversation.model import Answer, Command


def join(ask: Question) -> Answer:
    """Enrol."""
    return Command("join")


def opt_in(ask: Question) -> Answer:
    """Promotional messages on."""
    return Command("marketing", {"given": "yes"})


def opt_out(ask: Question) -> Answer:
    """Promotional messages off."""
    return Command("marketing", {"given": "no"})


def language(ask: Question) -> Answer:
    """Another language, or the choice of them."""
    return Command("language", {"language": ask.inquiry.entities.get("language", "")})


def person(ask: Question) -> Answer:
    """How to reach a person."""
    return _contact(ask, "human.how", "help")


def erase(ask: Question) -> Answer:
    """How to have one's data erased."""
    return _contact(ask, "privacy.erase", "opt_out", "help")


def export(ask: Question) -> Answer:
    """How to get one's data, and what can be seen right here."""
    return _contact(ask, "privacy.export", "check_points", "points_history", "my_vouchers")


def _contact(ask: Question, key: str, *asks: str) -> Answer:
    contact = ask.programme.contact[ask.inquiry.language]
    return ask.message(ask.say(key, contact=contact, programme=ask.programme.name), *asks)
