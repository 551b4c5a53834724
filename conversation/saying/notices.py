"""What the bot says without being asked: written to the outbox in the transaction of what caused it, once.

Inside the customer service window it is a sentence with buttons, outside it the template that says the same, and
without one that WhatsApp approves of it is kept as withheld. In the quiet hours where she lives it waits for their end.
What is said of news of the ledger is put together in `conversation.noticing`; here it is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy.orm import Session

from conversation.choosing.menus import ask_choices
from conversation.choosing.offers import make_offer
from conversation.leaving.consequences import category_of
from conversation.leaving.outbox import MARKETING, enqueue, window_open
from conversation.messages.layout import WHATSAPP, Limits
from conversation.messages.model import Message
from conversation.register import conversation_of
from conversation.saying.promotions import may_promote
from conversation.saying.sentences import Sentences
from conversation.saying.templating import notice as template_notice
from conversation.saying.zones import quiet_until
from conversation.tables import Conversation
from loyalty.books.overview import points_of
from loyalty.ids import MemberId
from loyalty.programme import Language, Programme
from loyalty.rewards.catalogue import tier_of
from loyalty.tables import Member

_USUAL = ("check_points", "list_rewards")
_TEMPLATES = {"points.earned": "points_earned", "points.earned_activity": "points_earned"}
"""The template that says what a sentence says, by its key."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be said unasked."""

    text: str
    asks: tuple[str, ...]
    """Questions, as buttons under it."""
    templates: tuple[tuple[str, Mapping[str, object]], ...] = ()
    """Templates that say it outside the window, with their values: the first that can be sent is."""
    can_wait: bool = False
    """It waits for the morning also where the programme has no quiet hours."""
    promotional: bool = False
    """`may_promote` has said yes."""


class Notices:
    """Tells members what happened to them."""

    def __init__(self, sentences: Sentences, limits: Limits = WHATSAPP) -> None:
        """`limits` are the provider's."""
        self._sentences = sentences
        self._limits = limits

    def points(
        self, session: Session, programme: Programme, member: MemberId, key: str, *, cause: str, now: datetime,
        **values: object,
    ) -> bool:  # fmt: skip
        """Say the sentence `key`, with what is missing to the next reward. True if it will be sent, see `tell`."""
        conversation = conversation_of(session, member, lock=True)
        if conversation is None:
            return False
        language = cast(Language, session.get_one(Member, member).language)
        available = points_of(session, member).available
        told = {"available": available, **values}
        lines = [self._sentences.say(language, key, **told)]
        following = programme.next_reward(available, now, tier_of(session, programme, member))
        if following is not None:
            missing, name = following.points - available, following.name[language]
            lines.append(self._sentences.say(language, "points.next", missing=missing, reward=name))
        notice = Notice("\n".join(lines), _USUAL, _template(key, told))
        return self.send(session, programme, conversation, notice, cause=cause, now=now)

    def tell(
        self, session: Session, programme: Programme, member: MemberId, key: str, *, asks: tuple[str, ...], cause: str,
        now: datetime, **values: object,
    ) -> bool:  # fmt: skip
        """Say the sentence `key` with questions as buttons under it. True if it will be sent."""
        conversation = conversation_of(session, member, lock=True)
        if conversation is None:
            return False
        language = cast(Language, session.get_one(Member, member).language)
        values = {"contact": programme.contact[language], **values}
        notice = Notice(self._sentences.say(language, key, **values), asks, _template(key, values))
        return self.send(session, programme, conversation, notice, cause=cause, now=now)

    def send(
        self, session: Session, programme: Programme, conversation: Conversation, notice: Notice, *, cause: str,
        now: datetime,
    ) -> bool:  # fmt: skip
        """Put a notice in the outbox of a locked conversation, once for its cause. True if it will be sent."""
        morning = quiet_until(programme, conversation.phone, now, at_night=notice.can_wait or notice.promotional)
        fallback = None
        if not window_open(conversation, max(morning or now, now)):
            fallback = self._instead(session, programme, conversation, notice, now)
        promotes = notice.promotional or (fallback is not None and category_of(fallback) == MARKETING)
        if promotes:
            morning = quiet_until(programme, conversation.phone, now)
        language = cast(Language, session.get_one(Member, conversation.member_id).language)
        message = Message(notice.text, ask_choices(self._sentences, language, notice.asks))
        newest = conversation.offer_id
        more, prompt = self._sentences.say(language, "menu.more"), self._sentences.say(language, "menu.choose")
        parts = make_offer(
            session, conversation, message, saved=None, more=more, prompt=prompt, now=now, limits=self._limits
        )
        if conversation.flow is not None or not window_open(conversation, now):
            conversation.offer_id = newest  # typed words still answer what she was asked
        session.flush()
        return enqueue(
            session, conversation, parts, key=f"notice:{cause}", now=now, not_before=morning, fallback=fallback,
            category=MARKETING if promotes else "service",
        )  # fmt: skip

    def _instead(
        self, session: Session, programme: Programme, conversation: Conversation, notice: Notice, now: datetime
    ) -> dict[str, Any] | None:
        """The template that goes out in its place. What WhatsApp turned into marketing counts as that."""
        for name, values in notice.templates:
            part = template_notice(session, conversation, programme, self._sentences, name, values, now=now)
            if part is None:
                continue
            session.flush()
            member = MemberId(conversation.member_id)
            if (
                notice.promotional
                or category_of(part) != MARKETING
                or may_promote(session, programme, member, now=now).ok
            ):
                return part
        return None


def _template(key: str, values: Mapping[str, object]) -> tuple[tuple[str, Mapping[str, object]], ...]:
    name = _TEMPLATES.get(key)
    return ((name, values),) if name is not None else ()
