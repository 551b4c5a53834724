"""Where a message lands: the member, her conversation, what was offered, what is remembered. One statement."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from conversation.arriving import inbox
from conversation.arriving.identity_changes import as_known_now
from conversation.arriving.incoming import Incoming, Tap
from conversation.caring.rights import follow, lose_phone
from conversation.choosing.offers import Offered, find_offer, offered, read_token
from conversation.choosing.quoting import quoted_offer
from conversation.register import ensure_conversation, person, written
from conversation.tables import Conversation, Offer, TrackerRow
from conversation.turning.memory import sender_of
from flows.model import Saved
from loyalty.ids import MemberId
from loyalty.merging.recognition import recognise
from loyalty.people.members import Kind, Person, find_member
from loyalty.people.tombstones import grave_of
from loyalty.programme import Language, Programme
from loyalty.revisions import ensure_programme
from loyalty.store.sql import execute, table_of
from loyalty.tables import Identity, Member


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message lands: read before anything is decided."""

    programme: Programme
    member: MemberId
    language: Language
    language_chosen: bool
    newcomer: bool
    """True if she has never written before."""
    flow: Saved | None
    offer: Offered | None
    tapped: Offered | None
    remembered: tuple[Mapping[str, Any], ...]
    quoted: Offered | None = None
    """The choices of ours that her message quotes."""
    guest: bool = False
    """True if she has not joined."""
    invited_at: datetime | None = None
    """When she was last invited to join, unasked."""
    quiet_until: datetime | None = None
    """Until then a person talks to her."""


_IDENTITY, _MEMBER, _CONVERSATION = table_of(Identity), table_of(Member), table_of(Conversation)
_OFFER, _TRACKER = table_of(Offer), table_of(TrackerRow)
_LOOK = (
    select(
        _IDENTITY.c.kind, _IDENTITY.c.value,
        _MEMBER.c.id.label("member"), _MEMBER.c.language, _MEMBER.c.language_chosen, _MEMBER.c.joined_at,
        _CONVERSATION.c.number_id, _CONVERSATION.c.phone, _CONVERSATION.c.user_id, _CONVERSATION.c.last_heard_at,
        _CONVERSATION.c.flow, _CONVERSATION.c.quiet_until, _CONVERSATION.c.invited_at,
        _OFFER.c.id.label("offer"), _OFFER.c.run, _OFFER.c.step, _OFFER.c.message, _OFFER.c.page, _OFFER.c.created_at,
        _TRACKER.c.events,
    )
    .join(_MEMBER, _MEMBER.c.id == _IDENTITY.c.member_id)
    .join(_CONVERSATION, _CONVERSATION.c.member_id == _MEMBER.c.id)
    .join(_OFFER, _OFFER.c.id == _CONVERSATION.c.offer_id, isouter=True)
    .join(_TRACKER, _TRACKER.c.sender_id == sender_of(_IDENTITY.c.programme_id, _MEMBER.c.id), isouter=True)
    .where(
        _IDENTITY.c.programme_id == bindparam("programme"),
        ((_IDENTITY.c.kind == Kind.USER) & (_IDENTITY.c.value == bindparam("user")))
        | ((_IDENTITY.c.kind == Kind.PHONE) & (_IDENTITY.c.value == bindparam("telephone"))),
    )
)  # fmt: skip


def look(session: Session, programme: Programme, incoming: Incoming) -> Place | None:
    """Where a message lands; None if somebody writes for the first time, or in a way she has not written before.

    If the ways by which she writes are two members', it is one of these. A message from before she changed number or
    user id is told under her new one first (`introduce`).
    """
    place = _look(session, programme, incoming)
    if place is None and (now := as_known_now(session, incoming)) is not incoming:
        return _look(session, programme, now) if inbox.is_kept_under(session, incoming, now.sender.key) else None
    return place


def _look(session: Session, programme: Programme, incoming: Incoming) -> Place | None:
    refs = {ref.kind: ref.value for ref in person(incoming).refs}
    values = {"programme": programme.id, "user": refs.get(Kind.USER), "telephone": refs.get(Kind.PHONE)}
    found = {row.kind: row for row in execute(session, _LOOK, values)}
    row = found.get(Kind.USER) or found.get(Kind.PHONE)
    if row is None or len(found) < len(refs) or not _reachable(row, incoming):
        return None
    if any(other.member != row.member for other in found.values()):
        return None
    named = read_token(incoming.content.token) if isinstance(incoming.content, Tap) else None
    newest = offered(row.offer, row.member, row) if row.offer else None
    tapped = newest if named and newest and newest.id == named[0] else find_offer(session, named[0] if named else None)
    return Place(
        programme,
        MemberId(row.member),
        cast(Language, row.language),
        row.language_chosen,
        row.last_heard_at is None,
        Saved.from_json(row.flow) if row.flow else None,
        newest,
        tapped,
        tuple(row.events or ()),
        quoted_offer(session, row.member, incoming),
        row.joined_at is None,
        row.invited_at,
        row.quiet_until,
    )


def introduce(session: Session, programme: Programme, incoming: Incoming, *, now: datetime) -> bool:
    """Make somebody known who writes for the first time, or in a new way.

    False if there is nobody to be known: she sent this message before she was erased, and nothing of it is kept.
    """
    ensure_programme(session, programme, now=now)
    told, incoming = incoming, as_known_now(session, incoming)
    if told is not incoming:
        inbox.rename(session, told, incoming.sender.key)
    who, sender = person(incoming), incoming.sender
    if _late(session, programme, who, incoming):
        inbox.forget(session, incoming)
        return False
    met = recognise(session, programme, who, now=now)
    member = MemberId(met.member.id)
    if met.merged is not None:
        follow(session, programme, member, met.merged)
    phone = written(sender.phone)
    if met.without_phone is not None and phone is not None:
        lose_phone(session, met.without_phone, phone)
    ensure_conversation(session, met.member, number_id=incoming.number_id, user_id=sender.user_id, phone=phone)
    return True


def _late(session: Session, programme: Programme, who: Person, incoming: Incoming) -> bool:
    grave = grave_of(session, programme.id, who.refs)
    if grave is None or incoming.sent_at > grave.erased_at:
        return False
    return find_member(session, programme.id, who.refs) is None


def _reachable(row: Row[Any], incoming: Incoming) -> bool:
    """Whether the conversation knows the way this message came."""
    sender = incoming.sender
    return bool(
        row.number_id == incoming.number_id
        and (sender.phone is None or row.phone == written(sender.phone))
        and (sender.user_id is None or row.user_id == sender.user_id)
    )
