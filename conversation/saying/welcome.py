"""Somebody who has not joined: what her first words get, and the invitation that comes with an answer once a day.

Nobody has to join to be answered: a question gets its answer, and the invitation stands under it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from conversation.flowing.enrolling import offer
from conversation.messages.model import Answer, Choice, Command, Message, Understood
from conversation.saying.sentences import Sentences
from conversation.turning.place import Place
from flows.enrolment import join_option, welcome
from flows.model import Ask, Phrase
from loyalty.codes import code_in
from loyalty.programme import Language, Programme

EVERY = timedelta(days=1)
"""How often somebody is invited at most, unless she asks."""
JOIN = "join_program"
_GREETINGS = frozenset({"greet", "help"})
_UNCLEAR = frozenset({"out_of_scope", "nlu_fallback", "affirm", "thank"})
"""What a campaign or a QR code may have filled in: whatever it is, it is a beginning."""
_NO_MOMENT = frozenset({
    "cancel", "delete_my_data", "deny", "export_my_data", "goodbye", JOIN, "opt_in", "opt_out", "talk_to_human",
    "thank",
})  # fmt: skip
"""Who says this is not asked to join in the same breath."""
_ROOM = 3
"""Buttons of a message; more become a list."""


def may_invite(place: Place, intent: str, now: datetime) -> bool:
    """Whether somebody is to be invited with the answer to this."""
    if not place.guest or intent in _NO_MOMENT:
        return False
    return place.invited_at is None or now >= place.invited_at + EVERY


def first_words(place: Place, understood: Understood, text: str, now: datetime) -> tuple[Answer, ...]:
    """The answer to somebody who has asked nothing yet; nothing if she has: then that is to be answered."""
    if not place.guest:
        return ()
    begin = Command("start", {"flow": "enrolment", "first": "yes"})
    code = code_in(text) if place.newcomer else None
    if code is not None:
        return (Command("referral_code", {"code": code, "first": "yes"}), begin)
    if not may_invite(place, "greet", now) or (understood.intent not in _GREETINGS and not place.newcomer):
        return ()
    return (begin,) if understood.intent in _GREETINGS | _UNCLEAR else ()


class Invitations:
    """Puts the invitation under an answer."""

    def __init__(self, sentences: Sentences) -> None:
        self._sentences = sentences

    def under(self, message: Message, programme: Programme, language: Language) -> Message:
        """An answer with the invitation: the terms, and the button that joins at once.

        An answer that offers to join already gets only what is missing.
        """
        asks = [choice.action for choice in message.choices if isinstance(choice.action, Ask)]
        if any(ask.intent == JOIN and "agreed" in ask.entities for ask in asks):
            return message
        facts = offer(programme, language)
        invited = any(ask.intent == JOIN for ask in asks)
        said: Sequence[Phrase | str] = facts.terms if invited else (welcome(facts), *facts.terms)
        others = tuple(choice for choice in message.choices if not _joins(choice))
        if len(others) < _ROOM + 1:
            others = others[: _ROOM - 1]
        text = "\n\n".join([message.text, *(self._sentences.phrase(language, phrase) for phrase in said)])
        menu = message.menu or self._sentences.say(language, "menu.choose")
        return replace(message, text=text, choices=(self._button(language, facts.version), *others), menu=menu)

    def _button(self, language: Language, version: str) -> Choice:
        option = join_option(version)
        title = self._sentences.phrase(language, option.title)
        return Choice(option.action, title, words=self._sentences.words(language, f"words.{JOIN}"))


def _joins(choice: Choice) -> bool:
    return isinstance(choice.action, Ask) and choice.action.intent == JOIN
