"""Joining, consent, language, and the questions a person has to answer."""

from actions.question import Question
from conversation.messages.model import Answer, Command


def join(ask: Question) -> Answer:
    """Enrol: at once if she has seen what joining means, else after that."""
    return Command("start", {"flow": "enrolment", "agreed": ask.inquiry.entities.get("agreed", "")})


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
    """Wait for a person, or read how to reach one."""
    return Command("start", {"flow": "handover", "text": ask.inquiry.text})


def erase(ask: Question) -> Answer:
    """Be forgotten."""
    return Command("start", {"flow": "erasure"})


def export(ask: Question) -> Answer:
    """Get all that is known."""
    return Command("start", {"flow": "export"})
