"""Rewards, redemptions and vouchers."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from service.schemas.common import Amount, Input, Key, MemberRef


class OfferOut(BaseModel):
    """A reward as it stands for a member."""

    reward: str
    name: str
    points: int
    kind: str
    value: str | None
    available: bool
    """Whether she can have it now."""
    missing: int
    """Points she lacks."""
    why_not: str | None
    """`not_joined`, `not_now`, `tier`, `limit`, `sold_out` or `points`: the first thing that is in the way."""
    left: int | None
    """How many there are; not told where there is no limit."""
    again_at: datetime | None
    """When a member who had it often enough can have it again."""
    needs: str | None
    """The level it takes."""


class OffersOut(BaseModel):
    """Cheapest first."""

    offers: list[OfferOut]


class Hold(Input):
    """Points set aside for a reward."""

    id: Key
    member: MemberRef
    reward: str = Field(max_length=64)


class RedemptionOut(BaseModel):
    """A redemption and, once it is confirmed, its voucher."""

    id: str
    member: str
    reward: str
    points: int
    state: str
    expires_at: datetime | None
    voucher: str | None


class Reversal(Input):
    """Why a redemption is undone. A voucher that was used already needs `allow_used`."""

    author: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=500)
    allow_used: bool = False


class VoucherQuery(Input):
    """A code somebody shows at the till, and what the order comes to."""

    code: str = Field(min_length=1, max_length=64)
    amount: Amount | None = None


class VoucherUseIn(VoucherQuery):
    """A voucher to be used: `id` is the till's own key of this sale."""

    id: Key
    place: str | None = Field(None, max_length=200)


class VoucherState(BaseModel):
    """What a voucher is good for, or why it is not."""

    code: str
    usable: bool
    why_not: Literal["unknown", "used", "expired", "revoked", "waiting", "minimum"] | None
    reward: str | None
    name: str | None
    kind: str | None
    value: str | None
    minimum: str | None
    uses_left: int | None
    expires_at: datetime | None


class VoucherUsed(BaseModel):
    """A voucher was used for a sale; this is what to give for it."""

    id: str
    voucher: str
    reward: str
    kind: str
    value: str | None
    used_at: datetime


class VoucherUndo(Input):
    """The sale whose use of a voucher is undone: the till's key of then."""

    id: Key
    author: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=500)
