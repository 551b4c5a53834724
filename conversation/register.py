"""Finding and keeping conversations."""

from sqlalchemy.orm import Session

from conversation.arriving.incoming import Incoming, Sender
from conversation.tables import Conversation
from loyalty.errors import Invalid
from loyalty.ids import MemberId
from loyalty.people.members import Kind, Person, Ref
from loyalty.store.objects import load
from loyalty.tables import Member


def conversation_of(session: Session, member: MemberId | str, *, lock: bool = False) -> Conversation | None:
    """A member's conversation; with `lock`, nobody else changes it until the transaction ends."""
    return load(session, Conversation, member, lock=lock)


def person(incoming: Incoming) -> Person:
    """Who wrote, as the members' register takes it: the user id first, it outlives a change of phone."""
    return Person(refs_of(incoming.sender), incoming.sender.name)


def refs_of(sender: Sender) -> tuple[Ref, ...]:
    """By what somebody is known, the user id first."""
    refs = []
    if sender.user_id:
        refs.append(Ref.user(sender.user_id))
    if sender.phone:
        refs.append(_phone(sender.phone))
    return tuple(refs)


def written(phone: str | None) -> str | None:
    """A phone as conversations and the outbox keep it."""
    return f"+{phone.removeprefix('+')}" if phone else None


def _phone(number: str) -> Ref:
    """WhatsApp knows its numbers: one that looks odd to us is still hers."""
    try:
        return Ref.phone(number)
    except Invalid:
        return Ref(Kind.PHONE, f"+{number}")


def ensure_conversation(
    session: Session, member: Member, *, number_id: str, phone: str | None, user_id: str | None
) -> Conversation:
    """The member's conversation, begun if need be, with the newest way to reach her."""
    conversation = conversation_of(session, member.id, lock=True)
    if conversation is None:
        conversation = Conversation(
            member_id=member.id, programme_id=member.programme_id, number_id=number_id, phone=phone, user_id=user_id,
            last_heard_at=None, flow=None, offer_id=None,
        )  # fmt: skip
        session.add(conversation)
    conversation.number_id = number_id
    conversation.phone = phone or conversation.phone
    conversation.user_id = user_id or conversation.user_id
    session.flush()
    return conversation
