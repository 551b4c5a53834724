"""Members: who they are, by which identities they are known, what they agreed to."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from loyalty.books.ledger import lock
from loyalty.books.points import open_books
from loyalty.codes import REFERRAL_SIGNS, new_code
from loyalty.errors import NotFound, Refused
from loyalty.ids import Cause, MemberId, ProgrammeId, new_id
from loyalty.levels import progress
from loyalty.news import Kind as NewsKind
from loyalty.news import tell
from loyalty.people.consents import MARKETING, record_consent
from loyalty.people.identities import Kind, Ref
from loyalty.people.tombstones import grave_of, graves
from loyalty.programme import Programme
from loyalty.referral.announcing import tell_referrer
from loyalty.referral.unsettled import touch
from loyalty.store.sql import execute, insert_once, lock_name, table_of
from loyalty.tables import Balance, Identity, Member

__all__ = [
    "Kind", "Person", "Ref", "add_identity", "family", "find_member", "find_members", "get_member", "identities_of",
    "is_erased", "join", "kept", "lock_kept", "lock_names", "meet", "set_marketing", "whose",
]  # fmt: skip


_IDENTITY = table_of(Identity)
_WHOSE = select(_IDENTITY.c.member_id).where(
    _IDENTITY.c.programme_id == bindparam("programme"),
    _IDENTITY.c.kind == bindparam("kind"),
    _IDENTITY.c.value == bindparam("value"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of somebody who turns up: at least one identity, perhaps a name and a language."""

    refs: tuple[Ref, ...]
    name: str | None = None
    language: str | None = None


def find_member(session: Session, programme: ProgrammeId, refs: tuple[Ref, ...]) -> Member | None:
    """The member who has one of these identities; the first that is known decides."""
    known = find_members(session, programme, refs)
    return next((known[ref] for ref in refs if ref in known), None)


def find_members(session: Session, programme: ProgrammeId, refs: tuple[Ref, ...]) -> dict[Ref, Member]:
    """The members who have these identities, by identity; one that nobody has is left out.

    Somebody who was merged or erased has no identities any more.
    """
    found = ((ref, whose(session, programme, ref)) for ref in refs)
    return {ref: session.get_one(Member, member) for ref, member in found if member is not None}


def whose(session: Session, programme: ProgrammeId, ref: Ref) -> MemberId | None:
    """The id of the member who has an identity."""
    values = {"programme": programme, "kind": str(ref.kind), "value": ref.value}
    row = execute(session, _WHOSE, values).first()
    return None if row is None else MemberId(row.member_id)


def add_identity(session: Session, programme: ProgrammeId, member: MemberId, ref: Ref, *, now: datetime) -> bool:
    """Note another identity of a member whom the caller has locked. True if nobody has or had it."""
    if graves(session, programme, (ref,)):
        return False
    row = {
        "programme_id": programme, "member_id": member, "kind": str(ref.kind), "value": ref.value, "created_at": now,
    }  # fmt: skip
    return insert_once(session, Identity, row)


def get_member(session: Session, programme: ProgrammeId, ref: str) -> Member:
    """The member a reference names: an id, `phone:…`, `user:…` or `external:SOURCE:ID`.

    The id of somebody who was merged names the member she is now. Raises `NotFound`, and `Refused("erased")` for an
    identity of somebody who was erased.
    """
    if ":" not in ref:
        member = session.get(Member, ref)
        found = kept(session, member) if member is not None and member.programme_id == programme else None
        found = found if found is not None and found.erased_at is None else None
    else:
        named = Ref.read(ref)
        found = find_member(session, programme, (named,))
        if found is None and is_erased(session, programme, named):
            raise _erased()
    if found is None:
        raise NotFound("no member with this reference in the programme", field="member")
    return found


def is_erased(session: Session, programme: ProgrammeId, ref: Ref) -> bool:
    """Whether an identity was somebody's who was erased, and is nobody's now."""
    return bool(graves(session, programme, (ref,))) and find_member(session, programme, (ref,)) is None


def kept(session: Session, member: Member) -> Member:
    """The member who this one is now: herself, or whom she was merged into."""
    while member.merged_into is not None:
        member = session.get_one(Member, member.merged_into)
    return member


def family(session: Session, member: MemberId) -> tuple[MemberId, ...]:
    """A member's id, and the ids of all that were merged into her."""
    merged = select(Member.id).where(Member.merged_into == member).order_by(Member.id)
    return (member, *(MemberId(id_) for id_ in session.scalars(merged)))


def lock_kept(session: Session, member: MemberId) -> Member:
    """Lock a member, or whom she was merged into, also while one waited for the lock."""
    row = kept(session, session.get_one(Member, member))
    while True:
        lock(session, MemberId(row.id))
        session.refresh(row)
        if row.merged_into is None:
            return row
        row = kept(session, row)


def identities_of(session: Session, member: MemberId) -> tuple[Ref, ...]:
    """All by which a member is known, oldest first."""
    query = select(Identity.kind, Identity.value).where(Identity.member_id == member).order_by(Identity.id)
    return tuple(Ref(Kind(kind), value) for kind, value in session.execute(query))


def meet(session: Session, programme: Programme, person: Person, *, now: datetime, herself: bool = False) -> Member:
    """The member for somebody who turned up: found by any identity, created if new; new identities are kept.

    `herself` says that she wrote to us. Only she can come back after she was erased: as somebody new, but known to the
    business before, and a "stop" of hers still holds. What others (tills, shops, files) tell of her is refused:
    `Refused("erased")`.
    """
    member = _found(session, programme, person)
    if member is None:  # perhaps somebody else is writing her down this moment
        lock_names(session, programme.id, person.refs)
        member = _found(session, programme, person)
    buried = graves(session, programme.id, person.refs) if member is None or not herself else {}
    if member is None:
        if buried and not herself:
            raise _erased()
        member = _create(session, programme, person, now)
        if buried:
            member.customer_before = True
        if any(grave.opted_out for grave in buried.values()):
            record_consent(session, member, purpose=MARKETING, given=False, words="", evidence="tombstone", now=now)
    elif person.name and not member.name:
        member.name = person.name
    session.flush()
    for ref in person.refs:
        if ref not in buried or herself:
            row = {
                "programme_id": programme.id, "member_id": member.id, "kind": str(ref.kind), "value": ref.value,
                "created_at": now,
            }  # fmt: skip
            insert_once(session, Identity, row)
    known = find_member(session, programme.id, person.refs)
    assert known is not None
    return known


def lock_names(session: Session, programme: ProgrammeId, refs: tuple[Ref, ...]) -> None:
    """Lock identities, whether anybody has them or not, until the transaction ends."""
    for name in sorted(f"member:{programme}:{ref}" for ref in refs):
        lock_name(session, name)


def join(session: Session, programme: Programme, member: Member, *, now: datetime) -> bool:
    """Enrol a member and give the points for joining. True the first time, False if she was enrolled.

    Who comes back after she was erased had these points before.
    """
    id_ = MemberId(member.id)
    books = open_books(session, programme.id, id_, now=now)
    session.refresh(member)
    if member.merged_into is not None:
        return join(session, programme, kept(session, member), now=now)
    if member.joined_at is not None:
        return False
    member.joined_at = now
    cause = Cause(f"join:{id_}")
    if programme.earning.joining and not books.posted(cause) and not _was_here(session, programme.id, id_):
        books.earn(
            programme.earning.joining, cause=cause, kind="join", origin=cause, occurred_at=now, activates_at=now,
            expires_at=programme.earning.expires_at(now, programme.zone), memo={},
        )  # fmt: skip
    touch(session, id_)
    tell(session, programme.id, id_, NewsKind.MEMBER_JOINED, key=f"join:{id_}", about={}, at=now, now=now)
    tell_referrer(session, programme.id, id_, at=now, now=now)
    progress.update(books, programme, since=now)
    return True


def set_marketing(session: Session, member: Member, *, given: bool, words: str, evidence: str, now: datetime) -> None:
    """Record that a member agreed to promotional messages or withdrew, with her words and where they are kept."""
    record_consent(session, member, purpose=MARKETING, given=given, words=words, evidence=evidence, now=now)


def _found(session: Session, programme: Programme, person: Person) -> Member | None:
    """The member with one of the identities, locked, so that nobody merges or erases her while she gets another one."""
    member = find_member(session, programme.id, person.refs)
    locked: Member | None = None
    while member is not None and member is not locked:
        lock(session, MemberId(member.id))
        session.refresh(locked := member)
        member = find_member(session, programme.id, person.refs)
    return member


def _create(session: Session, programme: Programme, person: Person, now: datetime) -> Member:
    member = Member(
        id=new_id(), programme_id=programme.id, name=person.name, language=person.language or programme.language,
        language_chosen=False, referral_code=new_code(REFERRAL_SIGNS), marketing_opt_in=False, customer_before=False,
        created_at=now, joined_at=None,
    )  # fmt: skip
    session.add(member)
    session.flush()
    session.add(Balance(member_id=member.id, available=0, pending=0, held=0, debt=0, lifetime=0))
    return member


def _was_here(session: Session, programme: ProgrammeId, member: MemberId) -> bool:
    return grave_of(session, programme, identities_of(session, member)) is not None


def _erased() -> Refused:
    return Refused("erased", "the person was erased at her own wish; only she herself can come back")
