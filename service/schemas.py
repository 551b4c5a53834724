"""What `/v1` takes and gives, as pydantic models: checked at the edge, described in `/openapi.json`."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from loyalty.orders import Line as OrderLine

Key = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Amount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class Input(BaseModel):
    """Base of what comes in: unknown fields are ignored, so that senders may say more than we read."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class MemberRef(Input):
    """A member, by any one of her identities."""

    id: str | None = None
    phone: str | None = None
    user_id: str | None = None
    external: str | None = Field(None, description="SOURCE:ID, the id of another system")

    @model_validator(mode="after")
    def _one(self) -> "MemberRef":
        if not (self.id or self.phone or self.user_id or self.external):
            raise ValueError("name the member by id, phone, user_id or external")
        return self

    def ref(self) -> str:
        """The reference as `/v1/members/{ref}` has it."""
        if self.id:
            return self.id
        if self.phone:
            return f"phone:{self.phone}"
        return f"user:{self.user_id}" if self.user_id else f"external:{self.external}"


class Line(Input):
    """A line of an order."""

    product: str = Field(max_length=200)
    quantity: int = Field(1, ge=0, le=10**6)
    amount: Amount | None = None
    category: str | None = Field(None, max_length=200)

    def line(self) -> OrderLine:
        """The line as the rules look at it."""
        amount = None if self.amount is None else Decimal(self.amount)
        return OrderLine(self.product, self.quantity, amount, self.category)


class PurchaseEvent(Input):
    """Somebody bought something."""

    type: Literal["purchase"]
    id: Key
    member: MemberRef
    amount: Amount
    currency: Currency
    occurred_at: AwareDatetime | None = None
    lines: tuple[Line, ...] = Field((), max_length=500)


class RefundEvent(Input):
    """Money was given back on a purchase."""

    type: Literal["refund"]
    id: Key
    purchase_id: Key
    amount: Amount
    currency: Currency
    occurred_at: AwareDatetime | None = None


class ActivityEvent(Input):
    """A member did something the programme rewards."""

    type: Literal["activity"]
    id: Key
    member: MemberRef
    activity: str = Field(max_length=64)
    occurred_at: AwareDatetime | None = None


Event = Annotated[PurchaseEvent | RefundEvent | ActivityEvent, Field(discriminator="type")]


class EventResult(BaseModel):
    """What an event did."""

    id: str
    type: str
    status: Literal["accepted", "repeated"]
    member: str | None
    points: int


class ErrorBody(BaseModel):
    """What went wrong and what to do."""

    code: str
    message: str
    field: str | None = None


class ErrorAnswer(BaseModel):
    """Every error of `/v1`."""

    error: ErrorBody


class PointsOut(BaseModel):
    """Points, all whole numbers."""

    available: int
    pending: int
    held: int
    debt: int
    lifetime: int


class TierOut(BaseModel):
    """The member's level; empty where the programme has none."""

    id: str | None
    progress: int | None
    next: str | None


class ReferralOut(BaseModel):
    """The member's invitations."""

    code: str
    link: str
    joined: int
    converted: int


class VoucherOut(BaseModel):
    """A code for the till."""

    code: str
    reward: str
    status: str
    expires_at: datetime | None


class MemberOut(BaseModel):
    """A member, as `/v1/members/{ref}` shows her."""

    id: str
    programme: str
    phone: str | None
    user_id: str | None
    name: str | None
    language: str
    joined_at: datetime | None
    marketing_opt_in: bool
    points: PointsOut
    tier: TierOut
    referral: ReferralOut
    vouchers: list[VoucherOut]
    badges: list[str]
    challenges: list[str]


class LedgerEntryOut(BaseModel):
    """One transaction of a member's ledger; `points` is what she gained or lost, `changes` by account."""

    id: str
    kind: str
    cause: str
    points: int
    changes: dict[str, int]
    occurred_at: datetime
    posted_at: datetime
    memo: dict[str, Any]


class LedgerPage(BaseModel):
    """Newest first; `next` is the cursor of the following page."""

    entries: list[LedgerEntryOut]
    next: str | None
