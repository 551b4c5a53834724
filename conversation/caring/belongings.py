"""Which messages of the inbox and which events are a member's: by the contacts she writes from, now and before.

The inbox and the events know no members, only contacts: the user id or the phone as the channel spells it, on the
numbers of a programme. A phone goes from one person to another, so what is older than her having it is not hers, and
neither is what came after she gave it up.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from conversation.arriving.happenings import IdentityChanged
from conversation.register import conversation_of
from conversation.tables import ChannelEvent, InboxRow, OutboxRow
from loyalty.ids import MemberId
from loyalty.people.identities import Kind, spellings
from loyalty.tables import Identity

STATES = ("new", "done", "seen", "failed")
"""All of the inbox; named, so that its index is used."""
_STEPS = 5
"""How many changes of number or user id one after the other are followed back."""


@dataclass(frozen=True, slots=True)
class _Known:
    """By what somebody is known, on which numbers of ours; the contacts with the time since when they are hers."""

    numbers: frozenset[str]
    since: dict[str, datetime | None]


def messages(session: Session, member: MemberId) -> ColumnElement[bool]:
    """Which messages of the inbox are a member's."""
    known = _known_by(session, member)
    if not known.numbers or not known.since:
        return false()
    return InboxRow.number_id.in_(known.numbers) & InboxRow.contact.in_(tuple(known.since)) & InboxRow.state.in_(STATES)


def events(session: Session, member: MemberId) -> ColumnElement[bool]:
    """Which events are about a member, those included that name her by what she had before."""
    known = _known_by(session, member)
    if not known.numbers or not known.since:
        return false()
    now = or_(ChannelEvent.phone.in_(tuple(known.since)), ChannelEvent.user_id.in_(tuple(known.since)))
    gives_up = [
        and_(_names_former(contact), ChannelEvent.at >= since)
        for contact, since in known.since.items()
        if since is not None
    ]  # told, and perhaps not looked at yet
    before = [
        and_(or_(ChannelEvent.phone == contact, ChannelEvent.user_id == contact), ChannelEvent.at <= until)
        for contact, until in _had_before(session, known)
    ]
    return ChannelEvent.number_id.in_(known.numbers) & or_(now, *gives_up, *before)


def _had_before(session: Session, known: _Known) -> set[tuple[str, datetime]]:
    """What she was known by, and until when, as changes of identity tell that led to what she is known by now."""
    query = select(ChannelEvent).where(
        ChannelEvent.kind == IdentityChanged.kind, ChannelEvent.number_id.in_(known.numbers)
    )
    leads_here = or_(ChannelEvent.phone.in_(tuple(known.since)), ChannelEvent.user_id.in_(tuple(known.since)))
    found: set[tuple[str, datetime]] = set()
    for _ in range(_STEPS):
        rows = session.scalars(query.where(leads_here))
        older = {(contact, row.at) for row in rows for contact in _formers(row)} - found
        if not older:
            break
        found |= older
        leads_here = or_(
            *(
                and_(or_(ChannelEvent.phone == contact, ChannelEvent.user_id == contact), ChannelEvent.at <= until)
                for contact, until in older
            )
        )
    return found


def _formers(row: ChannelEvent) -> Iterable[str]:
    return (contact for contact in (row.former_phone, row.former_user_id) if contact is not None)


def _names_former(contact: str) -> ColumnElement[bool]:
    return or_(ChannelEvent.former_phone == contact, ChannelEvent.former_user_id == contact)


def _known_by(session: Session, member: MemberId) -> _Known:
    """The numbers a member writes to, and all she writes from, as messages spell it."""
    numbers = set(session.scalars(select(OutboxRow.number_id).where(OutboxRow.member_id == member).distinct()))
    since: dict[str, datetime | None] = {}
    conversation = conversation_of(session, member)
    if conversation is not None:
        numbers.add(conversation.number_id)
        since |= dict.fromkeys(spellings(conversation.phone) if conversation.phone else ())
        since |= {conversation.user_id: None} if conversation.user_id else {}
    query = select(Identity.kind, Identity.value, Identity.created_at).where(Identity.member_id == member)
    for kind, value, created_at in session.execute(query):
        since |= dict.fromkeys(spellings(value) if Kind(kind) is Kind.PHONE else (value,), created_at)
    return _Known(frozenset(numbers), since)
