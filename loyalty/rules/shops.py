"""The online shops of a business, by which their orders find its programme."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from loyalty.rules.parts import Part

Source = Literal["shopify", "woocommerce"]


def _lower(address: str) -> str:
    return address.lower().removesuffix("/")


class ShopLink(Part):
    """An online shop whose orders belong to this programme."""

    source: Source
    """What the shop runs on."""
    domain: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^\s?#]*)?$", max_length=100), AfterValidator(_lower)
    ]  # fmt: skip
    """Its address as it names itself: `aurora.myshopify.com`, `shop.example` or `example.com/shop`."""
    since: date | None = None
    """Orders placed before this day earn nothing, such as 2026-12-01: shops also report old orders that change."""


def each_once(shops: tuple[ShopLink, ...]) -> tuple[ShopLink, ...]:
    """The shops, if none is named twice."""
    named = [(shop.source, shop.domain) for shop in shops]
    for number, one in enumerate(named):
        if one in named[:number]:
            raise ValueError(f"the shop {one[1]} is named twice")
    return shops
