"""What all of `/v1` shares: keys, amounts, references, errors."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from loyalty.orders.bills import Line as OrderLine

Key = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
AMOUNT, CURRENCY = r"^[0-9]{1,12}(\.[0-9]{1,4})?$", r"^[A-Z]{3}$"
Amount = Annotated[str, StringConstraints(pattern=AMOUNT)]
Currency = Annotated[str, StringConstraints(pattern=CURRENCY)]


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


class ErrorBody(BaseModel):
    """What went wrong and what to do."""

    code: str
    message: str
    field: str | None = None


class ErrorAnswer(BaseModel):
    """Every error of `/v1`."""

    error: ErrorBody


class Nothing(BaseModel):
    """It was done; there is nothing to tell."""

    done: bool = True
