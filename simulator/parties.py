"""Who talks: the business and its customers, and the message ids between them."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass
from typing import Final

PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
USER_ID: Final = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")  # Meta, "Business-scoped user IDs"


@dataclass(frozen=True, slots=True)
class Business:
    """The sending number. ``phone`` is written with "+"; ``account_id`` is the WhatsApp Business Account's."""

    name: str
    phone: str
    phone_number_id: str
    account_id: str = "102290129340398"

    def __post_init__(self) -> None:
        if not PHONE.fullmatch(self.phone):
            raise ValueError(f"business phone {self.phone!r}: write it with country code, like +390612345678")

    @property
    def digits(self) -> str:
        """The number as webhooks print it."""
        return self.phone[1:]


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody with WhatsApp. With a username the phone may be hidden; then only ``user_id`` is known.

    ``wrote_recently`` opens the 24-hour window from the start, as if a message had just come in.
    """

    name: str
    phone: str | None = None
    user_id: str | None = None
    language: str = "en"
    wrote_recently: bool = False

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("a customer needs a name")
        if self.phone is None and self.user_id is None:
            raise ValueError(f"customer {self.name!r} needs a phone or a user id")
        if self.phone is not None and not PHONE.fullmatch(self.phone):
            raise ValueError(f"phone {self.phone!r}: write it with country code, like +393331234567")
        if self.user_id is not None and not USER_ID.fullmatch(self.user_id):
            raise ValueError(f"user id {self.user_id!r}: write it like IT.13491208655302741918")

    @property
    def wa_id(self) -> str | None:
        """The phone number as webhooks print it: digits only."""
        return None if self.phone is None else self.phone[1:]

    @property
    def key(self) -> str:
        """The one name of this customer inside the simulator: digits, or the user id."""
        return self.wa_id or str(self.user_id)

    @property
    def keys(self) -> tuple[str, ...]:
        """Every address under which a business may write to this customer."""
        return tuple(key for key in (self.wa_id, self.user_id) if key is not None)

    @property
    def ref(self) -> str:
        """The reference that the service's ``/v1/members/{ref}`` takes."""
        return f"phone:{self.phone}" if self.phone else f"user:{self.user_id}"

    @property
    def member(self) -> dict[str, str]:
        """The ``member`` object that the service's ``/v1/events`` takes."""
        return {"phone": self.phone} if self.phone else {"user": str(self.user_id)}


def new_user_id(country: str = "IT") -> str:
    """A business-scoped user id that nobody has yet."""
    return f"{country}.{secrets.randbelow(9 * 10**19) + 10**19}"


def message_id(peer: str, *, inbound: bool) -> str:
    """A fresh ``wamid``, laid out like the ids in Meta's examples: peer, direction, random part, in base64."""
    number = (peer if peer.isdecimal() else "0").encode()[:15]
    random = ("3A" + secrets.token_hex(9) if inbound else secrets.token_hex(9)).upper().encode()
    mark = b"\x15\x02\x00\x12\x18" if inbound else b"\x15\x02\x00\x11\x18"
    layout = b"\x1c\x18" + bytes((len(number),)) + number + mark + bytes((len(random),)) + random + b"\x00"
    return "wamid." + base64.b64encode(layout).decode()
