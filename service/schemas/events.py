"""Events that tills, shops and tools report."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field

from service.schemas.common import Amount, Currency, Input, Key, Line, MemberRef


class Signals(Input):
    """What two people may share. Only keyed hashes of it are kept, to find members who refer themselves."""

    email: str | None = Field(None, max_length=320)
    device: str | None = Field(None, max_length=200)
    payment: str | None = Field(None, max_length=200, description="A token of the means of payment, never its number")
    address: str | None = Field(None, max_length=500)

    def known(self) -> dict[str, str]:
        """What was told, by kind."""
        return {kind: value for kind, value in self if value}


class PurchaseEvent(Input):
    """Somebody bought something."""

    type: Literal["purchase"]
    id: Key
    member: MemberRef
    amount: Amount = Field(description="What was paid, after discounts")
    currency: Currency
    occurred_at: AwareDatetime | None = None
    lines: tuple[Line, ...] = Field((), max_length=500)
    referral_code: str | None = Field(None, max_length=40, description="The code that was typed at the checkout")
    signals: Signals = Signals()


class RefundEvent(Input):
    """Money was given back on a purchase."""

    type: Literal["refund"]
    id: Key
    purchase_id: Key
    amount: Amount
    currency: Currency
    occurred_at: AwareDatetime | None = None
    lines: tuple[Line, ...] = Field((), max_length=500, description="What came back, if it is known")


class CancellationEvent(Input):
    """An order was called off: it is worth nothing any more."""

    type: Literal["cancellation"]
    id: Key
    purchase_id: Key
    occurred_at: AwareDatetime | None = None


class EditEvent(Input):
    """An order was changed: this is what it comes to now. The newest edit counts."""

    type: Literal["edit"]
    id: Key
    purchase_id: Key
    amount: Amount
    currency: Currency
    occurred_at: AwareDatetime | None = None
    lines: tuple[Line, ...] = Field((), max_length=500)


class ActivityEvent(Input):
    """A member did something the programme rewards."""

    type: Literal["activity"]
    id: Key
    member: MemberRef
    activity: str = Field(max_length=64)
    occurred_at: AwareDatetime | None = None


class SubscriptionEvent(Input):
    """A subscription began, ended, or runs on. The newest news of an id counts."""

    type: Literal["subscription"]
    id: Key
    member: MemberRef
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    occurred_at: AwareDatetime | None = None


Event = Annotated[
    PurchaseEvent | RefundEvent | CancellationEvent | EditEvent | ActivityEvent | SubscriptionEvent,
    Field(discriminator="type"),
]
EVENTS = (PurchaseEvent, RefundEvent, CancellationEvent, EditEvent, ActivityEvent, SubscriptionEvent)


class EventResult(BaseModel):
    """What an event did."""

    id: str
    type: str
    status: Literal["accepted", "repeated"]
    member: str | None
    points: int


class ParkedOut(BaseModel):
    """An event that was refused and kept."""

    id: str
    event: dict[str, object]
    code: str
    reason: str
    state: str
    created_at: AwareDatetime


class ParkedPage(BaseModel):
    """Oldest first; `next` is the cursor of the following page."""

    events: list[ParkedOut]
    next: str | None
