"""Claims: points that members miss."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from loyalty.books.adjustments import LARGEST
from loyalty.orders.claims import Why
from service.schemas.common import Amount, Currency, Input, Key


class ReceiptOut(BaseModel):
    """The picture of a receipt, as WhatsApp knows it. It can be fetched there by its id until it is too old."""

    media_id: str
    mime_type: str | None
    sha256: str | None
    until: AwareDatetime
    same_as: list[str]
    """Other claims with the very same picture."""


class ClaimOut(BaseModel):
    """What a member told of a purchase she got no points for, and what was decided about it."""

    id: str
    member: str
    state: str
    when: str | None
    where: str | None
    amount: str | None
    currency: str
    receipt: ReceiptOut | None
    created_at: AwareDatetime
    decided_at: AwareDatetime | None
    decided_by: str | None
    why: str | None
    purchase_id: str | None
    points: int


class ClaimPage(BaseModel):
    """Oldest first; `next` is the cursor of the following page."""

    claims: list[ClaimOut]
    next: str | None


class ClaimDecision(Input):
    """What a person decided. Who accepts says what the order came to, or how many points to give without one.

    `purchase_id` is the till's or shop's own id of the order: reported later by that id, it brings nothing more.
    `why` is what the member is told of a rejection. `reason` is kept for ever: do not name customers in it.
    """

    decision: Literal["accept", "reject"]
    author: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=500)
    amount: Amount | None = None
    currency: Currency | None = None
    purchase_id: Key | None = None
    occurred_at: AwareDatetime | None = None
    points: int | None = Field(None, gt=0, le=LARGEST)
    why: Why = "not_found"

    @model_validator(mode="after")
    def _one(self) -> "ClaimDecision":
        if self.decision == "accept" and (self.amount is None) == (self.points is None):
            raise ValueError("who accepts a claim says the amount of the order, or the points; one of the two")
        return self


class ClaimDecided(BaseModel):
    """What became of a claim. `told` says whether the member gets a message; if not, tell her another way."""

    id: str
    status: Literal["accepted", "repeated"]
    state: str
    points: int
    purchase_id: str | None
    told: bool
