"""What a CRM is told of a member: one card, the same for every system. Pure."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from loyalty.ids import MemberId, ProgrammeId

Value = str | int | bool | date | None
Kind = Literal["text", "number", "day", "flag"]


@dataclass(frozen=True, slots=True)
class Field:
    """One property of a contact. `key` is its name in a CRM, in small letters; adapters spell it their way."""

    key: str
    label: str
    kind: Kind = "text"


KEY = "loyalty_member_id"
"""Our own unique property, by which a contact is found again."""
FIELDS = (
    Field(KEY, "Loyalty member id"),
    Field("loyalty_programme", "Loyalty programme"),
    Field("loyalty_name", "Loyalty name"),
    Field("loyalty_phone", "Loyalty phone"),
    Field("loyalty_language", "Loyalty language"),
    Field("loyalty_points", "Loyalty points", "number"),
    Field("loyalty_points_pending", "Loyalty points pending", "number"),
    Field("loyalty_points_lifetime", "Loyalty points lifetime", "number"),
    Field("loyalty_tier", "Loyalty tier"),
    Field("loyalty_tier_name", "Loyalty tier name"),
    Field("loyalty_referral_code", "Loyalty referral code"),
    Field("loyalty_referral_link", "Loyalty referral link"),
    Field("loyalty_friends_joined", "Loyalty friends joined", "number"),
    Field("loyalty_friends_converted", "Loyalty friends converted", "number"),
    Field("loyalty_last_reward", "Loyalty last reward"),
    Field("loyalty_last_reward_on", "Loyalty last reward on", "day"),
    Field("loyalty_badges", "Loyalty badges", "number"),
    Field("loyalty_marketing", "Loyalty marketing consent", "flag"),
    Field("loyalty_joined_on", "Loyalty joined on", "day"),
)
_FORM = 1
"""Part of every fingerprint: raised when the meaning of a field changes, so that everybody is told anew."""


@dataclass(frozen=True, slots=True)
class Card:
    """A member as a CRM is told of her. Points are whole, days are days in the programme's zone."""

    member: MemberId
    programme: ProgrammeId
    phone: str | None
    name: str | None
    language: str
    points: int
    pending: int
    lifetime: int
    tier: str | None
    tier_name: str | None
    referral_code: str
    referral_link: str
    friends_joined: int
    friends_converted: int
    last_reward: str | None
    last_reward_on: date | None
    badges: int
    marketing: bool
    joined_on: date

    def __repr__(self) -> str:  # a card names a person
        return f"Card({self.member})"

    def values(self) -> dict[str, Value]:
        """The value of each field, by its key."""
        return dict(zip((field.key for field in FIELDS), self._values(), strict=True))

    def _values(self) -> Iterator[Value]:
        yield from (self.member, self.programme, self.name, self.phone, self.language)
        yield from (self.points, self.pending, self.lifetime, self.tier, self.tier_name)
        yield from (self.referral_code, self.referral_link, self.friends_joined, self.friends_converted)
        yield from (self.last_reward, self.last_reward_on, self.badges, self.marketing, self.joined_on)

    def fingerprint(self) -> str:
        """A hash of all that is told: another one means that there is news."""
        text = json.dumps([_FORM, *self._values()], default=str, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


GONE = hashlib.sha256(f"gone {_FORM}".encode()).hexdigest()[:32]
"""The fingerprint of somebody who is no member any more: what was told of her is to be blanked."""


def blank() -> Mapping[str, Value]:
    """All fields, empty."""
    return dict.fromkeys((field.key for field in FIELDS), None)
