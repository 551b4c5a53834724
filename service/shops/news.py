"""What a delivery means, in our words: the same for every kind of shop. Pure values."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from loyalty.orders.bills import Line


@dataclass(frozen=True, slots=True)
class Customer:
    """Who ordered, as far as the shop says. Texts are as they were typed."""

    id: str | None = None
    own_phone: str | None = None
    """The phone of her account in the shop."""
    phones: tuple[str, ...] = ()
    """Phones of the order, the likeliest to be hers first."""
    countries: tuple[str, ...] = ()
    email: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back on goods of an order."""

    id: str
    order: str
    amount: Decimal
    currency: str | None
    """Empty if the shop does not say."""
    at: datetime | None
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """The state of an order at a moment."""

    id: str
    placed_at: datetime | None
    told_at: datetime | None
    """When it was so; empty if the shop does not say."""
    rank: str
    """Which of two states of one second is the later one."""
    gross: Decimal
    """What its goods came to before anything was given back; nothing as long as it is not paid."""
    net: Decimal
    """What of that is left. Less than `gross` where the shop tells what was given back with the order itself."""
    currency: str
    lines: tuple[Line, ...] = ()
    customer: Customer = Customer()
    codes: tuple[str, ...] = ()
    """What might be a friend's code: discount codes, notes, the link by which she came."""
    refunds: tuple[Refund, ...] = ()
    cancelled: bool = False
    """Called off for good."""
    discounts: tuple[str, ...] = ()
    """The discount codes that the shop took for it, as long as it holds them."""


@dataclass(frozen=True, slots=True)
class CustomerNews:
    """A customer of the shop as she is now."""

    customer: Customer


@dataclass(frozen=True, slots=True)
class DataRequest:
    """A customer asks the shop what is known of her."""

    customer: Customer
    request: str | None


@dataclass(frozen=True, slots=True)
class Redaction:
    """A customer is to be forgotten, and these orders of hers."""

    customer: Customer
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShopGone:
    """The shop took us out (`uninstalled`), or all of its data is to be forgotten (`redact`)."""

    why: str


@dataclass(frozen=True, slots=True)
class NoNews:
    """Nothing that concerns us, and why."""

    why: str


News: TypeAlias = Order | Refund | CustomerNews | DataRequest | Redaction | ShopGone | NoNews
