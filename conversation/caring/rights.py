"""What the conversation room knows of a person: handed out, erased, and moved along when two members become one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from conversation.caring import belongings
from conversation.register import conversation_of
from conversation.tables import (
    ChannelEvent,
    Conversation,
    Handout,
    Handover,
    InboxRow,
    Offer,
    OutboxRow,
    TrackerRow,
)
from conversation.turning.memory import sender_of
from loyalty.ids import MemberId
from loyalty.people.identities import spellings
from loyalty.people.members import Kind, identities_of
from loyalty.programme import Programme
from loyalty.tables import Recipient


def export(session: Session, programme: Programme, member: MemberId, now: datetime) -> dict[str, Any]:
    """All that is known of a member's chat, as values that JSON knows: how to reach her, messages in and out.

    Left out: how Rasa remembers the last few events (they are the messages below, once more), what our tokens stand
    for, and what WhatsApp's errors say about its machines.
    """
    conversation = conversation_of(session, member)
    received, sent = messages_of(session, member)
    talks = session.scalars(select(Handover).where(Handover.member_id == member).order_by(Handover.id))
    told = session.scalars(select(ChannelEvent).where(belongings.events(session, member)).order_by(ChannelEvent.id))
    return {
        "exported_at": now.isoformat(),
        "programme": {"id": programme.id, "name": programme.name},
        "reached_by": _reached_by(conversation) if conversation is not None else None,
        "received": [
            {
                "message_id": row.message_id, **row.body,
                "sent_at": row.sent_at.isoformat(), "received_at": row.received_at.isoformat(), "state": row.state,
            }
            for row in received
        ],
        "told_by_whatsapp": [{"kind": row.kind, "at": row.at.isoformat(), **row.body} for row in told],
        "sent": [
            {
                "message_id": row.wamid, "phone": row.phone, "user_id": row.user_id, "message": row.message,
                "state": row.state, "created_at": row.created_at.isoformat(), "sent_at": _instant(row.sent_at),
            }
            for row in sent
        ],
        "talks_with_a_person": [
            {
                "reason": row.reason, "state": row.state, "asked_at": row.asked_at.isoformat(),
                "taken_at": _instant(row.taken_at), "ended_at": _instant(row.ended_at),
            }
            for row in talks
        ],
    }  # fmt: skip


def messages_of(session: Session, member: MemberId) -> tuple[Sequence[InboxRow], Sequence[OutboxRow]]:
    """A member's messages: what came from her, what goes to her, each in its order."""
    received = session.scalars(select(InboxRow).where(belongings.messages(session, member)).order_by(InboxRow.id))
    sent = session.scalars(select(OutboxRow).where(OutboxRow.member_id == member).order_by(OutboxRow.id))
    return received.all(), sent.all()


def erase(session: Session, programme: Programme, member: MemberId, now: datetime) -> None:
    """Delete all that is known of a member's chat, what waits to be sent as well.

    Call it before `loyalty.rights.erasure.erase`, in the same transaction: that forgets by what she wrote. A message of
    hers that arrives again later is recognised by the time it was sent (`conversation.turning.place.introduce`).
    """
    _part_with_campaigns(session, member)
    conversation = conversation_of(session, member, lock=True)
    _delete(session, ChannelEvent, belongings.events(session, member))
    _delete(session, InboxRow, belongings.messages(session, member))
    _delete(session, OutboxRow, OutboxRow.member_id == member)
    _delete(session, Offer, Offer.member_id == member)
    _delete(session, Handout, Handout.member_id == member)
    _delete(session, Handover, Handover.member_id == member)
    _delete(session, TrackerRow, TrackerRow.sender_id == sender_of(programme.id, member))
    if conversation is not None:
        session.delete(conversation)
    session.flush()


def _part_with_campaigns(session: Session, member: MemberId) -> None:
    """Nothing of a campaign is put in the outbox any more; of what was sent, what became of it stays."""
    hers = select(Recipient).where(Recipient.member_id == member).with_for_update()
    for row in session.scalars(hers.execution_options(populate_existing=True)).all():
        if row.outbox_id is not None:
            row.outcome = session.scalar(select(OutboxRow.state).where(OutboxRow.id == row.outbox_id))
    session.flush()


def _once_a_campaign(session: Session, other: MemberId) -> None:
    """Who was two recipients of a campaign gets its message once: the second is not sent, if it is not on its way."""
    double = select(Recipient.outbox_id).where(Recipient.member_id == other, Recipient.state == "double")
    waiting = OutboxRow.id.in_(double) & (OutboxRow.state == "waiting")
    _change(session, OutboxRow, waiting, state="withheld", error="she gets this campaign under her other number")
    _delete(session, Recipient, (Recipient.member_id == other) & (Recipient.state == "double"))


def follow(session: Session, programme: Programme, kept: MemberId, other: MemberId) -> None:
    """Let a member's chat follow her into the member she was merged with (`loyalty.merging.merge.merge`).

    If both have one, the one that was heard last goes on: its flow, its newest offer, its way to reach her.
    """
    if kept == other:
        return
    _once_a_campaign(session, other)
    mine, theirs = (conversation_of(session, member, lock=True) for member in (kept, other))
    if theirs is None:
        return
    session.flush()
    tracker, old = sender_of(programme.id, kept), sender_of(programme.id, other)
    if mine is None or _heard(theirs) > _heard(mine):
        _delete(session, TrackerRow, TrackerRow.sender_id == tracker)
        _change(session, TrackerRow, TrackerRow.sender_id == old, sender_id=tracker)
        session.expire_all()
    else:
        _delete(session, TrackerRow, TrackerRow.sender_id == old)
    if mine is None:
        _change(session, Conversation, Conversation.member_id == other, member_id=kept)
    else:
        _join(mine, theirs)
        session.delete(theirs)
    session.flush()
    _stop_waiting_twice(session, kept, other)
    for table in (Offer, OutboxRow, Handout, Handover):
        _change(session, table, table.member_id == other, member_id=kept)
    session.expire_all()


def lose_phone(session: Session, member: MemberId, phone: str) -> None:
    """A phone that was a member's is somebody else's by now: what waits for her goes to her user id or nowhere.

    What she wrote from the phone before WhatsApp told her user id stays hers.
    """
    conversation = conversation_of(session, member, lock=True)
    user = next((ref.value for ref in identities_of(session, member) if ref.kind is Kind.USER), None)
    if conversation is not None and conversation.phone in spellings(phone):
        conversation.phone = None
    session.flush()
    waiting = (OutboxRow.member_id == member) & OutboxRow.phone.in_(spellings(phone)) & (OutboxRow.state == "waiting")
    _change(session, OutboxRow, waiting & OutboxRow.user_id.is_(None), state="withheld", error="the phone is not hers")
    _change(session, OutboxRow, waiting & OutboxRow.user_id.is_not(None), phone=None)
    if user is not None:
        written = InboxRow.contact.in_(spellings(phone)) & InboxRow.state.in_(belongings.STATES[1:])
        _change(session, InboxRow, written, contact=user)
    session.expire_all()


def _join(mine: Conversation, theirs: Conversation) -> None:
    newer, older = (theirs, mine) if _heard(theirs) > _heard(mine) else (mine, theirs)
    mine.number_id, mine.last_heard_at = newer.number_id, newer.last_heard_at
    mine.flow, mine.offer_id = newer.flow, newer.offer_id
    mine.phone, mine.user_id = newer.phone or older.phone, newer.user_id or older.user_id
    mine.quiet_until = _later(mine.quiet_until, theirs.quiet_until)
    mine.invited_at = _later(mine.invited_at, theirs.invited_at)
    mine.prompted_at = _later(mine.prompted_at, theirs.prompted_at)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _stop_waiting_twice(session: Session, kept: MemberId, other: MemberId) -> None:
    """Who waits for a person as two members waits once."""
    mine, theirs = (
        session.scalar(select(Handover).where(Handover.member_id == member, Handover.ended_at.is_(None)))
        for member in (kept, other)
    )
    if mine is not None and theirs is not None:
        theirs.state, theirs.ended_by, theirs.ended_at = "done", "merging", mine.asked_at
        mine.quiet_until = max(mine.quiet_until, theirs.quiet_until)
        session.flush()


def _heard(conversation: Conversation) -> float:
    return conversation.last_heard_at.timestamp() if conversation.last_heard_at else 0.0


def _reached_by(conversation: Conversation) -> dict[str, Any]:
    return {
        "number_id": conversation.number_id, "phone": conversation.phone, "user_id": conversation.user_id,
        "last_heard_at": _instant(conversation.last_heard_at), "flow": conversation.flow,
    }  # fmt: skip


def _instant(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def _change(session: Session, table: type[Any], which: ColumnElement[bool], **values: Any) -> None:
    session.execute(update(table).where(which).values(**values).execution_options(synchronize_session=False))


def _delete(session: Session, table: type[Any], which: ColumnElement[bool]) -> None:
    session.execute(delete(table).where(which).execution_options(synchronize_session=False))
