"""What the bot says without being asked: written to the outbox in the transaction of what caused it, once."""

from datetime import datetime
from typing import cast

from sqlalchemy.orm import Session

from conversation.commands import ask_choices
from conversation.model import Message
from conversation.offers import make_offer
from conversation.outbox import enqueue, window_open
from conversation.register import conversation_of
from conversation.sentences import Sentences
from loyalty.books.overview import points_of
from loyalty.ids import MemberId
from loyalty.programme import Language, Programme
from loyalty.rewards.catalogue import tier_of
from loyalty.tables import Member


class Notices:
    """Tells members what happened to their points."""

    def __init__(self, sentences: Sentences) -> None:
        self._sentences = sentences

    def points(
        self, session: Session, programme: Programme, member: MemberId, key: str, *, cause: str, now: datetime,
        **values: object,
    ) -> bool:  # fmt: skip
        """Say the sentence `key`, with what is missing to the next reward. True if it will be sent.

        Outside the customer service window nothing goes out; the outbox keeps it as withheld. In the programme's
        quiet hours it waits for their end.
        """
        conversation = conversation_of(session, member, lock=True)
        if conversation is None:
            return False
        row = session.get_one(Member, member)
        language = cast(Language, row.language)
        available = points_of(session, member).available
        lines = [self._sentences.say(language, key, available=available, **values)]
        following = programme.next_reward(available, now, tier_of(session, programme, member))
        if following is not None:
            missing, name = following.points - available, following.name[language]
            lines.append(self._sentences.say(language, "points.next", missing=missing, reward=name))
        message = Message("\n".join(lines), ask_choices(self._sentences, language, ("check_points", "list_rewards")))
        newest = conversation.offer_id
        more, prompt = self._sentences.say(language, "menu.more"), self._sentences.say(language, "menu.choose")
        parts = make_offer(session, conversation, message, saved=None, more=more, prompt=prompt, now=now)
        if conversation.flow is not None or not window_open(conversation, now):
            conversation.offer_id = newest  # typed words still answer what she was asked
        session.flush()
        quiet = programme.notices.quiet_hours
        morning = quiet.over_at(now.astimezone(programme.zone)) if quiet is not None else None
        return enqueue(session, conversation, parts, key=f"notice:{cause}", now=now, not_before=morning)
