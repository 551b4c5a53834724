"""Who writes to us: the member whom WhatsApp's user id and phone name, and what to do if these are two members'."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from loyalty import trail
from loyalty.books.ledger import lock_all
from loyalty.ids import MemberId
from loyalty.merging.merge import merge
from loyalty.people.identities import Kind
from loyalty.people.members import Person, find_members, identities_of, lock_names, meet
from loyalty.programme import Programme
from loyalty.tables import Identity, Member

WHATSAPP = "whatsapp"
"""Who vouches for it that a phone and a user id are one person's."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """Who wrote. Whom she was merged with just now, or who lost the phone to her, if somebody did."""

    member: Member
    merged: MemberId | None = None
    without_phone: MemberId | None = None


def recognise(session: Session, programme: Programme, person: Person, *, now: datetime) -> Recognised:
    """The member who writes, by the user id and the phone that WhatsApp says are hers.

    If these are two members', one of whom was only ever known by other means (written down at a till), they are
    merged. If both have a user id, they are two people and the phone has changed hands: it goes to the one who writes,
    everything else stays where it is.
    """
    merged = without_phone = None
    if len(_different(session, programme, person)) > 1:
        lock_names(session, programme.id, person.refs)
        lock_all(session, [MemberId(member.id) for member in _different(session, programme, person)])
        if len(found := _different(session, programme, person)) > 1:
            writes, other = found
            if any(ref.kind is Kind.USER for ref in identities_of(session, MemberId(other.id))):
                without_phone = MemberId(other.id)
                _hand_over_phone(session, programme, person, without_phone, MemberId(writes.id), now)
            else:
                older, newer = sorted((writes, other), key=lambda one: (one.created_at, one.id))
                merged = MemberId(newer.id)
                reason = "WhatsApp tells of one sender by an identity of each"
                merge(session, programme, MemberId(older.id), merged, author=WHATSAPP, reason=reason, now=now)
    return Recognised(meet(session, programme, person, now=now, herself=True), merged, without_phone)


def _different(session: Session, programme: Programme, person: Person) -> list[Member]:
    """The members who have a sender's identities, each once, in the order of the identities."""
    known = find_members(session, programme.id, person.refs)
    return list({known[ref].id: known[ref] for ref in person.refs if ref in known}.values())


def _hand_over_phone(
    session: Session, programme: Programme, person: Person, from_: MemberId, to: MemberId, now: datetime
) -> None:
    phones = [ref.value for ref in person.refs if ref.kind is Kind.PHONE]
    session.execute(
        update(Identity)
        .where(Identity.member_id == from_, Identity.kind == Kind.PHONE, Identity.value.in_(phones))
        .values(member_id=to, created_at=now)
        .execution_options(synchronize_session=False)
    )
    detail = {"kind": "phone", "from": from_}
    trail.note(session, programme.id, actor=WHATSAPP, action="identity.moved", subject=to, detail=detail, now=now)
