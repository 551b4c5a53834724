"""A question to the programme, and what is at hand to answer it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from conversation.choosing.menus import ask_choices
from conversation.messages.model import Answer, Inquiry, Message
from conversation.saying.sentences import Sentences
from conversation.saying.wording import Voice
from loyalty.programme import Programme
from loyalty.store.objects import load_one
from loyalty.tables import Member


@dataclass(frozen=True, slots=True)
class Question:
    """An inquiry, with the store open for reading."""

    session: Session
    inquiry: Inquiry
    sentences: Sentences
    public_url: str
    now: datetime

    @property
    def programme(self) -> Programme:
        """The programme that was asked."""
        return self.inquiry.programme

    @property
    def member(self) -> Member:
        """Who asks."""
        return load_one(self.session, Member, self.inquiry.member)

    @property
    def voice(self) -> Voice:
        """How the programme speaks to who asks."""
        return Voice(self.sentences, self.inquiry.language, self.programme)

    def say(self, key: str, **values: object) -> str:
        """A sentence in the asker's language."""
        return self.sentences.say(self.inquiry.language, key, **values)

    def message(self, text: str, *asks: str) -> Message:
        """A text with questions as buttons under it."""
        choices = ask_choices(self.sentences, self.inquiry.language, asks)
        return Message(text, choices, self.say("menu.choose"))


Answering = Callable[[Question], Answer]
"""How an intent is answered."""
