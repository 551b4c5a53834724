"""Which member a customer of a shop is, and what is remembered of that."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from loyalty.errors import Invalid, Refused
from loyalty.ids import MemberId
from loyalty.people.members import Kind, Ref, add_identity, is_erased, lock_kept, whose
from loyalty.programme import Programme
from loyalty.store.sql import execute, table_of
from loyalty.tables import Identity
from service.shops.news import Customer
from service.shops.phones import country_of, read_phone
from service.shops.routing import Shop

_IDENTITY = table_of(Identity)
_HER_NUMBERS = select(_IDENTITY.c.value).where(
    _IDENTITY.c.member_id == bindparam("member"), _IDENTITY.c.kind == bindparam("kind")
)


@dataclass(frozen=True, slots=True)
class Names:
    """By what a customer may be known, the surest first."""

    external: Ref | None
    own_phone: Ref | None
    phones: tuple[Ref, ...] = ()

    @property
    def all(self) -> tuple[Ref, ...]:
        """Every one of them, once."""
        sure = [one for one in (self.external, self.own_phone) if one is not None]
        return tuple(dict.fromkeys([*sure, *self.phones]))

    @property
    def best_phone(self) -> Ref | None:
        """The phone that is most likely hers."""
        return self.own_phone or next(iter(self.phones), None)


def names_of(programme: Programme, shop: Shop, customer: Customer) -> Names:
    """By what a customer may be known. Phones without a country are of the order's, else of the programme's."""
    countries = (*customer.countries, country_of(programme.whatsapp.phone))
    phones = (read_phone(typed, countries) for typed in customer.phones)
    return Names(
        _external(shop, customer), read_phone(customer.own_phone, countries),
        tuple(phone for phone in phones if phone is not None),
    )  # fmt: skip


def member_of(session: Session, programme: Programme, names: Names) -> MemberId | None:
    """The member a customer is. Raises `Refused("erased")` if she was one and was erased."""
    found = next((id_ for ref in names.all if (id_ := whose(session, programme.id, ref)) is not None), None)
    if found is None and any(is_erased(session, programme.id, ref) for ref in names.all):
        raise Refused("erased", "the person was erased at her own wish; only she herself can come back")
    return found


def remember(
    session: Session, programme: Programme, shop: Shop, names: Names, now: datetime, *, locked: str | None = None
) -> bool:
    """Remember a member's number in the shop, by the phone of her account there. True if it is new.

    Only if it is certain: the phone is a member's, the number is nobody's, and she has no other one in this shop. So
    nobody gets hold of another's account by typing her phone twice. Nothing is taken as consent. `locked` is the
    member whom the caller has locked already.
    """
    if names.external is None or names.own_phone is None:
        return False
    if whose(session, programme.id, names.external) is not None:
        return False
    member = whose(session, programme.id, names.own_phone)
    if member is None:
        return False
    if member != locked and lock_kept(session, member).id != member:  # she became one with somebody this moment
        return False
    if _has_another(session, member, shop):
        return False
    return add_identity(session, programme.id, member, names.external, now=now)


def _has_another(session: Session, member: MemberId, shop: Shop) -> bool:
    prefix = f"{shop.source}:{shop.people}"
    numbers = execute(session, _HER_NUMBERS, {"member": member, "kind": str(Kind.EXTERNAL)}).scalars()
    return any(value.startswith(prefix) and "/" not in value.removeprefix(prefix) for value in numbers)


def _external(shop: Shop, customer: Customer) -> Ref | None:
    if customer.id is None:
        return None
    try:
        return Ref.external(shop.source, f"{shop.people}{customer.id}")
    except Invalid:
        return None
