"""What the bot says without being asked: written to the outbox in the transaction of what caused it, once."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from sqlalchemy.orm import Session

from conversation.layout import WHATSAPP, Limits
from conversation.menus import ask_choices
from conversation.model import Message
from conversation.offers import make_offer
from conversation.outbox import enqueue, window_open
from conversation.register import conversation_of
from conversation.sentences import Sentences
from conversation.templating import notice as template_notice
from loyalty.books.overview import points_of
from loyalty.ids import MemberId
from loyalty.programme import Language, Programme
from loyalty.rewards.catalogue import tier_of
from loyalty.tables import Member

_USUAL = ("check_points", "list_rewards")
TEMPLATES = {"points.earned": "points_earned", "points.earned_activity": "points_earned"}
"""The template that says what a sentence says, by its key."""


class Notices:
    """Tells members what happened to their points."""

    def __init__(self, sentences: Sentences, limits: Limits = WHATSAPP) -> None:
        """`limits` are the provider's."""
        self._sentences = sentences
        self._limits = limits

    def points(
        self, session: Session, programme: Programme, member: MemberId, key: str, *, cause: str, now: datetime,
        **values: object,
    ) -> bool:  # fmt: skip
        """Say the sentence `key`, with what is missing to the next reward. True if it will be sent, see `tell`."""
        if conversation_of(session, member, lock=True) is None:
            return False
        language = cast(Language, session.get_one(Member, member).language)
        available = points_of(session, member).available
        lines = [self._sentences.say(language, key, available=available, **values)]
        following = programme.next_reward(available, now, tier_of(session, programme, member))
        if following is not None:
            missing, name = following.points - available, following.name[language]
            lines.append(self._sentences.say(language, "points.next", missing=missing, reward=name))
        told = {"available": available, **values}
        return self._send(
            session, programme, member, "\n".join(lines), _USUAL, cause=cause, now=now, key=key, values=told
        )  # fmt: skip

    def tell(
        self, session: Session, programme: Programme, member: MemberId, key: str, *, asks: tuple[str, ...], cause: str,
        now: datetime, **values: object,
    ) -> bool:  # fmt: skip
        """Say the sentence `key` with questions as buttons under it. True if it will be sent.

        Outside the customer service window a template goes out in its place, if there is one that WhatsApp approves
        of, else nothing; then the outbox keeps it as withheld. In the programme's quiet hours it waits for their end.
        """
        language = cast(Language, session.get_one(Member, member).language)
        values = {"contact": programme.contact[language], **values}
        text = self._sentences.say(language, key, **values)
        return self._send(session, programme, member, text, asks, cause=cause, now=now, key=key, values=values)

    def _send(
        self, session: Session, programme: Programme, member: MemberId, text: str, asks: tuple[str, ...], *, cause: str,
        now: datetime, key: str, values: Mapping[str, object],
    ) -> bool:  # fmt: skip
        conversation = conversation_of(session, member, lock=True)
        if conversation is None:
            return False
        language = cast(Language, session.get_one(Member, member).language)
        message = Message(text, ask_choices(self._sentences, language, asks))
        newest = conversation.offer_id
        more, prompt = self._sentences.say(language, "menu.more"), self._sentences.say(language, "menu.choose")
        parts = make_offer(
            session, conversation, message, saved=None, more=more, prompt=prompt, now=now, limits=self._limits
        )
        if conversation.flow is not None or not window_open(conversation, now):
            conversation.offer_id = newest  # typed words still answer what she was asked
        session.flush()
        quiet = programme.notices.quiet_hours
        morning = quiet.over_at(now.astimezone(programme.zone)) if quiet is not None else None
        fallback = None
        if key in TEMPLATES and not window_open(conversation, max(morning or now, now)):
            fallback = template_notice(
                session, conversation, programme, self._sentences, TEMPLATES[key], values, now=now
            )  # fmt: skip
        return enqueue(
            session, conversation, parts, key=f"notice:{cause}", now=now, not_before=morning, fallback=fallback
        )
