"""By what a person is known: a phone, WhatsApp's user id, an id of another system. One spelling for each."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import phonenumbers

from loyalty.errors import Invalid


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
