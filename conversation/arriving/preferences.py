"""What customers tell WhatsApp itself about promotional messages: "stop" and "resume" in its settings are consents."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from conversation.arriving.happenings import Happening, PreferenceChanged
from conversation.register import refs_of
from loyalty.ids import MemberId
from loyalty.people.consents import MARKETING, Word, add_word, consents_of, record_consent
from loyalty.people.members import find_member
from loyalty.programme import Programme

CATEGORY = "marketing_messages"
"""The only category there is (Meta: "user_preferences webhook reference")."""


class Preferences:
    """Handles changes of preference; `programmes` are by the id of the number their members write to."""

    def __init__(self, programmes: Mapping[str, Programme]) -> None:
        self._programmes = programmes

    def __call__(self, session: Session, event: Happening, _now: datetime) -> None:
        """Record the wish as a consent, with WhatsApp's words. What was said later counts, whenever it is heard of."""
        assert isinstance(event, PreferenceChanged)
        programme = self._programmes.get(event.number_id)
        if programme is None or event.category != CATEGORY:
            return
        member = find_member(session, programme.id, refs_of(event.sender))
        if member is None:
            return
        evidence = f"WhatsApp user_preferences {event.id}"
        said = consents_of(session, MemberId(member.id), purpose=MARKETING)
        if said and said[-1].at > event.at:
            add_word(session, member, Word(MARKETING, event.wanted, event.words, evidence, event.at))
            return
        record_consent(
            session, member, purpose=MARKETING, given=event.wanted, words=event.words, evidence=evidence, now=event.at
        )
