"""By what a person is known: a phone, WhatsApp's user id, an id of another system. One spelling for each.

Brazil, Mexico and Argentina have numbers that are written in two ways, and WhatsApp (`wa_id`) often has the other one
than the till. To us both are one identity; what is sent goes to the number as WhatsApp gave it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Self

import phonenumbers

from loyalty.errors import Invalid

_TWO_WAYS = (
    (re.compile(r"\+521([0-9]{10})"), r"+52\1"),  # the 1 of Mexican mobiles, dropped in 2019, is in their wa_id still
    (re.compile(r"\+549([0-9]{10})"), r"+54\1"),  # the 9 of Argentine mobiles when they are called from abroad
    (re.compile(r"\+55([0-9]{2})([6-9][0-9]{7})"), r"+55\g<1>9\2"),  # the ninth digit of Brazilian mobiles, since 2016
)
_OTHER_WAYS = (
    (re.compile(r"\+52([0-9]{10})"), r"+521\1"),
    (re.compile(r"\+54([0-9]{10})"), r"+549\1"),
    (re.compile(r"\+55([0-9]{2})9([6-9][0-9]{7})"), r"+55\1\2"),
)


def one_spelling(number: str) -> str:
    """The spelling by which we know a phone (`+` and digits) that is written in two ways; any other as it is."""
    return _rewritten(number, _TWO_WAYS) or number


def spellings(number: str) -> frozenset[str]:
    """All ways in which a phone may be written, with and without `+`."""
    known = one_spelling(f"+{number.removeprefix('+')}")
    written = {known, _rewritten(known, _OTHER_WAYS) or known}
    return frozenset(written | {one.removeprefix("+") for one in written})


def _rewritten(number: str, ways: tuple[tuple[re.Pattern[str], str], ...]) -> str | None:
    return next((found.expand(into) for from_, into in ways if (found := from_.fullmatch(number))), None)


@lru_cache(10_000)
def _spelled(number: str) -> str | None:
    """A phone as we know it; None if it is none. The same customers write again and again."""
    try:
        parsed = phonenumbers.parse("+" + number.removeprefix("+").removeprefix("00"))
        given = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        spelled = one_spelling(given)
        possible = phonenumbers.is_possible_number(parsed if spelled == given else phonenumbers.parse(spelled))
    except phonenumbers.NumberParseException:
        return None
    return spelled if possible else None


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

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"

    @classmethod
    def phone(cls, number: str) -> Self:
        """A phone in any international spelling (`+39…`, or Meta's `39…`). Raises `Invalid`."""
        spelled = _spelled(number)
        if spelled is None:
            raise Invalid("the phone must be in international form, such as +393331234567", field="member.phone")
        return cls(Kind.PHONE, spelled)

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

    @classmethod
    def read(cls, text: str) -> Self:
        """A reference as it is written in addresses and files: `phone:…`, `user:…`, `external:…`. Raises `Invalid`."""
        kind, _, value = text.partition(":")
        match kind:
            case "phone":
                return cls.phone(value)
            case "user":
                return cls.user(value)
            case "external":
                return cls.external(*value.split(":", 1)) if ":" in value else cls.external(value, "")
        raise Invalid("a member is named by its id, phone:+39…, user:IT.… or external:SOURCE:ID", field="member")
