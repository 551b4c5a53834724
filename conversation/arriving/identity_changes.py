"""A customer has another number or user id: the account, the conversation and what waits for her go along.

WhatsApp tells of it by a system message, which may come before or after what she writes from the new number, and
messages of before may come after it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from conversation.arriving.happenings import Happening, IdentityChanged
from conversation.arriving.incoming import Incoming, Sender
from conversation.caring.rights import follow, lose_phone
from conversation.register import conversation_of, refs_of, written
from conversation.tables import ChannelEvent, InboxRow, OutboxRow
from loyalty import trail
from loyalty.books.ledger import lock_all
from loyalty.ids import MemberId
from loyalty.merging.merge import merge
from loyalty.merging.recognition import WHATSAPP
from loyalty.people.members import Kind, Ref, find_member, identities_of, lock_names
from loyalty.programme import Programme
from loyalty.store.sql import execute, insert_once, table_of
from loyalty.tables import Identity

log = structlog.get_logger()

_EVENT = table_of(ChannelEvent)
_MOVED = (
    select(_EVENT.c.phone, _EVENT.c.user_id, _EVENT.c.former_phone, _EVENT.c.former_user_id)
    .where(
        _EVENT.c.state == "done",
        _EVENT.c.kind == IdentityChanged.kind,
        _EVENT.c.number_id == bindparam("number"),
        (_EVENT.c.former_phone == bindparam("telephone")) | (_EVENT.c.former_user_id == bindparam("user")),
        _EVENT.c.at >= bindparam("sent_at"),
    )
    .order_by(_EVENT.c.id.desc())
    .limit(1)
)
_STEPS = 5
"""How many changes one after the other are followed."""


def as_known_now(session: Session, incoming: Incoming) -> Incoming:
    """A message that was sent before its sender changed number or user id, as if she had sent it after."""
    for _ in range(_STEPS):
        sender = incoming.sender
        values = {
            "number": incoming.number_id, "telephone": sender.phone, "user": sender.user_id,
            "sent_at": incoming.sent_at,
        }  # fmt: skip
        row = execute(session, _MOVED, values).first()
        if row is None:
            return incoming
        phone = row.phone or sender.phone if sender.phone == row.former_phone else sender.phone
        user_id = row.user_id or sender.user_id if sender.user_id == row.former_user_id else sender.user_id
        now = Sender(phone, user_id, sender.name)
        if now == sender:
            return incoming
        incoming = replace(incoming, sender=now)
    return incoming


class IdentityChanges:
    """Handles changes of identity; `programmes` are by the id of the number their members write to."""

    def __init__(self, programmes: Mapping[str, Programme]) -> None:
        self._programmes = programmes

    def __call__(self, session: Session, event: Happening, now: datetime) -> None:
        """Let the member go along. Nothing is to be done for somebody nobody knows."""
        assert isinstance(event, IdentityChanged)
        programme = self._programmes.get(event.number_id)
        if programme is not None:
            move(session, programme, event, now=now)


def move(session: Session, programme: Programme, event: IdentityChanged, *, now: datetime) -> MemberId | None:
    """The member who has a new number or user id has it in her account, her chat and her waiting messages.

    If the new identity is a member's already, she is the same person and they are merged; only a phone that another
    user id writes from has changed hands, and that member goes on without it. None if nobody is known.
    """
    before, after = refs_of(event.before), refs_of(event.after)
    lock_names(session, programme.id, (*before, *after))
    member = find_member(session, programme.id, before)
    if member is None or _somebody_else_writes(session, MemberId(member.id), event):
        return None
    id_ = MemberId(member.id)
    for ref in after:
        id_ = _join(session, programme, id_, ref, (*before, *after), now)
    _exchange(session, programme, id_, event, now)
    _redirect(session, id_, event)
    kinds = sorted({str(ref.kind) for ref in after})
    trail.note(
        session, programme.id, actor=WHATSAPP, action="identity.changed", subject=id_, detail={"kinds": kinds}, now=now
    )
    return id_


def _somebody_else_writes(session: Session, member: MemberId, event: IdentityChanged) -> bool:
    """Whether the old phone was written from since it was given up: then it is another person's."""
    conversation = conversation_of(session, member)
    return (
        event.before.user_id is None
        and conversation is not None
        and conversation.last_heard_at is not None
        and conversation.phone == written(event.before.phone)
        and conversation.last_heard_at > event.at
    )


def _join(
    session: Session, programme: Programme, id_: MemberId, ref: Ref, hers: tuple[Ref, ...], now: datetime
) -> MemberId:
    """Make the member who has the new identity, if there is one, and her one; returns who is kept."""
    other = find_member(session, programme.id, (ref,))
    if other is None or other.id == id_:
        return id_
    theirs = MemberId(other.id)
    lock_all(session, [id_, theirs])
    writes_herself = any(one.kind is Kind.USER and one not in hers for one in identities_of(session, theirs))
    if ref.kind is Kind.PHONE and writes_herself:
        moved = update(Identity).where(
            Identity.member_id == theirs, Identity.kind == ref.kind, Identity.value == ref.value
        )
        session.execute(moved.values(member_id=id_, created_at=now).execution_options(synchronize_session=False))
        lose_phone(session, theirs, ref.value)
        return id_
    mine = find_member(session, programme.id, hers[:1]) or other
    older, newer = sorted((mine, other), key=lambda one: (one.created_at, one.id))
    reason = "WhatsApp tells that an identity of one became an identity of the other"
    kept, merged = MemberId(older.id), MemberId(newer.id)
    merge(session, programme, kept, merged, author=WHATSAPP, reason=reason, now=now)
    follow(session, programme, kept, merged)
    return kept


def _exchange(session: Session, programme: Programme, member: MemberId, event: IdentityChanged, now: datetime) -> None:
    """Identities: what she is not reached by any more is nobody's, since a number is given to somebody else one day."""
    session.flush()
    after = refs_of(event.after)
    for old in refs_of(event.before):
        if any(new.kind is old.kind and new != old for new in after):
            gone = delete(Identity).where(
                Identity.member_id == member, Identity.kind == old.kind, Identity.value == old.value
            )
            session.execute(gone.execution_options(synchronize_session=False))
    for ref in after:
        row = {
            "programme_id": programme.id, "member_id": member, "kind": str(ref.kind), "value": ref.value,
            "created_at": now,
        }  # fmt: skip
        insert_once(session, Identity, row)


def _redirect(session: Session, member: MemberId, event: IdentityChanged) -> None:
    """The conversation, what waits to be sent, and whose what she wrote is."""
    conversation = conversation_of(session, member, lock=True)
    if conversation is None:
        return
    conversation.phone = written(event.after.phone) or conversation.phone
    conversation.user_id = event.after.user_id or conversation.user_id
    session.flush()
    waiting = update(OutboxRow).where(OutboxRow.member_id == member, OutboxRow.state == "waiting")
    session.execute(
        waiting.values(phone=conversation.phone, user_id=conversation.user_id).execution_options(
            synchronize_session=False
        )
    )
    former = {event.before.phone, written(event.before.phone), event.before.user_id} - {None}
    key = conversation.user_id or event.after.key
    wrote = update(InboxRow).where(InboxRow.number_id == event.number_id, InboxRow.contact.in_(former))
    session.execute(wrote.values(contact=key).execution_options(synchronize_session=False))
    session.expire_all()
