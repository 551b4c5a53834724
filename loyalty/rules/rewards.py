"""What members can have for their points."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from loyalty.rules.parts import Amount, Count, Dates, Part, RewardSlug, Slug, SortedSet, Texts, Times

VOUCHER_DAYS = 30
Kind = Literal["product", "percentage", "amount", "experience"]


class ShopDiscount(Part):
    """What a voucher's code takes off in the online shop, once; docs/shops.md says what that needs."""

    percent: Annotated[Decimal, Field(gt=0, le=100, allow_inf_nan=False)] | None = None
    """So many percent of the order's goods."""
    amount: Annotated[Decimal, Field(gt=0, le=10**9, allow_inf_nan=False)] | None = None
    """So much of the programme's currency, which must be the shop's."""
    minimum: Amount = Decimal(0)
    """What the goods must come to; the reward's own minimum if that is more."""
    products: tuple[Annotated[str, Field(pattern=r"^[0-9]{1,20}$")], ...] = ()
    """Ids of the shop's products that it is for; all of them if empty."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.percent is None) == (self.amount is None):
            raise ValueError("takes off either a percent or an amount: set one of them")
        return self


class Reward(Part):
    """Something a member can have for points; a voucher with a code comes out."""

    id: RewardSlug
    points: Annotated[int, Field(gt=0, le=10**9)]
    """Its price; of a gift, what is given instead when it has run out."""
    name: Texts
    detail: Texts | None = None
    """A line under the name."""
    kind: Kind = "product"
    """What the voucher is good for."""
    value: Annotated[Decimal, Field(gt=0, le=10**9, allow_inf_nan=False)] | None = None
    """Percent, or an amount of the programme's currency."""
    minimum: Amount = Decimal(0)
    """What the order must come to at which it is used."""
    voucher_days: Annotated[int, Field(ge=1, le=3650)] = VOUCHER_DAYS
    """How many days the voucher can be used."""
    uses: Count = 1
    """How often a voucher can be used."""
    stock: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """How many there are."""
    cost: Amount = Decimal(0)
    """What one costs the business."""
    budget: Amount | None = None
    """What all of them together may cost."""
    per_member: Times | None = None
    """How often one member can have it."""
    tiers: SortedSet[Slug] = frozenset()
    """Who can have it; everybody if empty."""
    dates: Dates = Dates()
    gift_only: bool = False
    """It cannot be chosen for points; rules give it."""
    shop_code: ShopDiscount | None = None
    """Its vouchers' codes are discount codes of the online shop too."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.kind in {"percentage", "amount"} and self.value is None:
            raise ValueError(
                f"is a discount without a value: say {'how many percent' if self.kind == 'percentage' else 'how much'}"
            )
        if self.kind == "percentage" and self.value is not None and self.value > 100:
            raise ValueError("is more than 100 percent")
        if self.budget is not None and not self.cost:
            raise ValueError("has a budget without a cost")
        if self.shop_code is not None and self.uses != 1:
            raise ValueError("has a shop_code, which can be used once, so its vouchers have uses: 1")
        return self

    def offered(self, now: datetime, tier: str | None) -> bool:
        """Whether it can be chosen at a moment (in the programme's zone) by a member of a tier."""
        return not self.gift_only and self.dates.holds(now.date()) and (not self.tiers or tier in self.tiers)
