"""What the dialogue says because something outside made it speak, Rasa's HTTP API for one: to the right member, by the
rules of the window.

Inside the customer service window it goes out as one message, and what it asks to be changed is changed. Outside it is
kept as withheld and changes nothing: she would not see what was done.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import structlog
from sqlalchemy.orm import Session

from conversation.choosing.offers import make_offer
from conversation.errors import ConversationError
from conversation.leaving.outbox import enqueue, window_open
from conversation.messages.layout import WHATSAPP, Limits
from conversation.messages.model import Answer, Command, Message
from conversation.messages.responses import together
from conversation.register import conversation_of
from conversation.saying.sentences import Sentences
from conversation.turning.commands import Commands, Situation, saved_flow
from loyalty.clock import Clock
from loyalty.ids import MemberId, ProgrammeId, new_id
from loyalty.news import because
from loyalty.programme import Language, Programme
from loyalty.store import Store
from loyalty.tables import Member

log = structlog.get_logger()


class Unknown(ConversationError):
    """There is no such conversation."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who is meant by the dialogue engine's name of a conversation."""

    programme: ProgrammeId
    member: MemberId
    language: Language


class Unasked:
    """Speaks to members who did not just write."""

    def __init__(
        self, store: Store, programmes: Mapping[ProgrammeId, Programme], sentences: Sentences, commands: Commands,
        clock: Clock, wake: Callable[[], None], limits: Limits = WHATSAPP,
    ) -> None:  # fmt: skip
        """`wake` is called when there is something new in the outbox; `limits` are the provider's."""
        self._store = store
        self._programmes = programmes
        self._sentences = sentences
        self._commands = commands
        self._clock = clock
        self._wake = wake
        self._limits = limits

    async def addressee(self, sender_id: str) -> Addressee:
        """Who `programme:member` is. Raises `Unknown` if nobody is, or she has no conversation."""
        programme, colon, member = sender_id.partition(":")

        def find(session: Session) -> Addressee | None:
            row = session.get(Member, member) if colon else None
            if row is None or row.programme_id != programme or conversation_of(session, row.id) is None:
                return None
            return Addressee(ProgrammeId(programme), MemberId(member), cast(Language, row.language))

        found = await self._store.look(find)
        if found is None or found.programme not in self._programmes:
            raise Unknown("there is no such conversation; its name is PROGRAMME:MEMBER, with the member's id")
        return found

    async def say(self, sender_id: str, answers: Sequence[Answer], *, key: str | None = None) -> bool:
        """Say answers to a member as one message, once for the key. True if it will be sent.

        Raises `Unknown`, and `KeyError` for a command that there is not.
        """
        who = await self.addressee(sender_id)
        if not answers:
            return False
        cause = key or new_id()
        goes = await self._store.write(lambda session: self._put(session, who, answers, cause))
        if goes:
            self._wake()
        return goes

    def _put(self, session: Session, who: Addressee, answers: Sequence[Answer], key: str) -> bool:
        now = self._clock.now()
        because(session, who.member, "chat")
        conversation = conversation_of(session, who.member, lock=True)
        if conversation is None:
            raise Unknown("she has been forgotten in the meantime")
        programme, member = self._programmes[who.programme], session.get_one(Member, who.member)
        is_open, before, newest = window_open(conversation, now), saved_flow(conversation), conversation.offer_id
        situation = Situation(session, programme, member, conversation, who.language, f"unasked:{key}", "", now)
        messages = []
        for answer in answers:
            if isinstance(answer, Message):
                messages.append(answer)
            elif is_open:
                messages.append(self._commands.run(situation, answer))
        undone = [answer.name for answer in answers if isinstance(answer, Command) and not is_open]
        if undone:
            log.warning("not done, the customer service window is closed", commands=undone, programme=who.programme)
        if not messages:
            return False
        language = cast(Language, member.language)
        after, message = saved_flow(conversation), together(messages)
        begun = after is not None and after != before
        more, prompt = self._sentences.say(language, "menu.more"), self._sentences.say(language, "menu.choose")
        parts = make_offer(
            session, conversation, message, saved=after if begun else None, more=more, prompt=prompt, now=now,
            limits=self._limits,
        )  # fmt: skip
        if begun and after is not None:
            conversation.flow = replace(after, offer=conversation.offer_id if message.choices else None).to_json()
        elif before is not None or not is_open:
            conversation.offer_id = newest  # typed words still answer what she was asked
        session.flush()
        return enqueue(session, conversation, parts, key=f"unasked:{key}", now=now)
