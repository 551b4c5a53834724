"""Members: who they are, by which identities they are known, what they agreed to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

import phonenumbers
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from loyalty.codes import REFERRAL_SIGNS, new_code
from loyalty.errors import Invalid, NotFound
from loyalty.ids import Cause, MemberId, ProgrammeId, new_id
from loyalty.points import open_books
from loyalty.programme import Programme
from loyalty.store.sql import insert_once, lock_name
from loyalty.tables import Balance, Consent, Identity, Member


class Kind(StrEnum):
    """The kinds of identity."""

    USER = "user"
    PHONE = "phone"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Ref:
    """One identity: `phone:+39…`, `user:IT.…`, `external:SOURCE:ID`."""

    kind: Kind
    value: str

    @classmethod
    def phone(cls, number: str) -> Self:
        """A phone in any international spelling (`+39…`, or Meta's `39…`). Raises `Invalid`."""
        try:
            parsed = phonenumbers.parse("+" + number.removeprefix("+").removeprefix("00"))
        except phonenumbers.NumberParseException:
            parsed = None
        if parsed is None or not phonenumbers.is_possible_number(parsed):
            raise Invalid("the phone must be in international form, such as +393331234567", field="member.phone")
        return cls(Kind.PHONE, phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))

    @classmethod
    def user(cls, id_: str) -> Self:
        """WhatsApp's business-scoped user id: a country code, a dot, up to 128 letters and digits."""
        country, _, rest = id_.partition(".")
        if not (len(country) == 2 and country.isalpha() and rest.isalnum() and len(rest) <= 128):
            raise Invalid("a user id looks like IT.1A2B3C", field="member.user_id")
        return cls(Kind.USER, id_)

    @classmethod
    def external(cls, source: str, id_: str) -> Self:
        """An id of another system, such as a shop's customer number."""
        if not source or not id_ or ":" in source or len(source) + len(id_) > 190:
            raise Invalid("an external id is SOURCE and ID, without a colon in SOURCE", field="member.external")
        return cls(Kind.EXTERNAL, f"{source}:{id_}")


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
    """The members who have these identities, by identity; one that nobody has is left out."""
    wanted = [(Identity.kind == ref.kind) & (Identity.value == ref.value) for ref in refs]
    if not wanted:
        return {}
    query = (
        select(Identity.kind, Identity.value, Member)
        .join(Member, Member.id == Identity.member_id)
        .where(Identity.programme_id == programme, or_(*wanted))
    )
    return {Ref(Kind(kind), value): member for kind, value, member in session.execute(query)}


def get_member(session: Session, programme: ProgrammeId, ref: str) -> Member:
    """The member a reference names: an id, `phone:…`, `user:…` or `external:SOURCE:ID`. Raises `NotFound`."""
    kind, colon, value = ref.partition(":")
    if not colon:
        member = session.get(Member, ref)
        found = member if member is not None and member.programme_id == programme else None
    else:
        found = find_member(session, programme, (_parse(kind, value),))
    if found is None:
        raise NotFound("no member with this reference in the programme", field="member")
    return found


def _parse(kind: str, value: str) -> Ref:
    match kind:
        case "phone":
            return Ref.phone(value)
        case "user":
            return Ref.user(value)
        case "external":
            return Ref.external(*value.split(":", 1)) if ":" in value else Ref.external(value, "")
    raise Invalid("a member is named by its id, phone:+39…, user:IT.… or external:SOURCE:ID", field="member")


def meet(session: Session, programme: Programme, person: Person, *, now: datetime) -> Member:
    """The member for somebody who turned up: found by any identity, created if new; new identities are kept."""
    member = find_member(session, programme.id, person.refs)
    if member is None:  # perhaps somebody else is writing her down this moment
        for name in sorted(f"member:{programme.id}:{ref.kind}:{ref.value}" for ref in person.refs):
            lock_name(session, name)
        member = find_member(session, programme.id, person.refs)
    if member is None:
        member = Member(
            id=new_id(), programme_id=programme.id, name=person.name, language=person.language or programme.language,
            language_chosen=False, referral_code=new_code(REFERRAL_SIGNS), marketing_opt_in=False,
            created_at=now, joined_at=None,
        )  # fmt: skip
        session.add(member)
        session.flush()
        session.add(Balance(member_id=member.id, available=0, pending=0, held=0, debt=0, lifetime=0))
    elif person.name and not member.name:
        member.name = person.name
    session.flush()
    for ref in person.refs:
        row = {
            "programme_id": programme.id, "member_id": member.id, "kind": str(ref.kind), "value": ref.value,
            "created_at": now,
        }  # fmt: skip
        insert_once(session, Identity, row)
    known = find_member(session, programme.id, person.refs[:1])
    assert known is not None
    return known


def join(session: Session, programme: Programme, member: Member, *, now: datetime) -> bool:
    """Enrol a member and give the points for joining. True the first time, False if she was enrolled."""
    id_ = MemberId(member.id)
    books = open_books(session, programme.id, id_, now=now)
    session.refresh(member)
    if member.joined_at is not None:
        return False
    member.joined_at = now
    cause = Cause(f"join:{id_}")
    if programme.earning.joining and not books.posted(cause):
        books.earn(
            programme.earning.joining, cause=cause, kind="join", origin=cause, occurred_at=now, activates_at=now,
            expires_at=programme.earning.expires_at(now, programme.zone), memo={},
        )  # fmt: skip
    return True


def set_marketing(session: Session, member: Member, *, given: bool, words: str, evidence: str, now: datetime) -> None:
    """Record that a member agreed to promotional messages or withdrew, with her words and where they are kept."""
    member.marketing_opt_in = given
    session.add(
        Consent(
            programme_id=member.programme_id, member_id=member.id, purpose="marketing", given=given,
            words=words, evidence=evidence, at=now,
        )
    )  # fmt: skip
