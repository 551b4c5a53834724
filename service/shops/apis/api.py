"""What is asked of a shop, whatever it runs on."""

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, Self

from service.shops.apis.errors import Nonsense
from service.shops.reading import identifier, moment

MARK = "Passaparola "
"""How titles of discount codes begin that are ours; others are never touched."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An order as it was when the shop was asked, in the shape in which a webhook tells of it."""

    id: str
    changed_at: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class Terms:
    """A discount code as a shop is to have it: good for one order, until it expires."""

    code: str
    percent: Decimal | None
    amount: Decimal | None
    """Either is set; an amount is in the shop's currency."""
    minimum: Decimal
    products: tuple[str, ...]
    """Ids of the shop's products; all of them if empty."""
    starts_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Subscription:
    """A webhook as the shop has it."""

    topic: str
    address: str
    active: bool


class ShopApi(Protocol):
    """A shop. Use as an async context manager. Every call raises a `ShopApiError` by what is to be done."""

    @property
    def source(self) -> str:
        """What it runs on: `shopify` or `woocommerce`."""

    @property
    def shop(self) -> str:
        """What it calls itself, as in the file of a programme."""

    @property
    def order_topic(self) -> str:
        """The topic under which a webhook would have told of a changed order."""

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics without which orders go untold."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    def orders_changed_since(self, since: datetime) -> AsyncIterator[tuple[Snapshot, ...]]:
        """Orders that changed at `since` or later, page by page, the longest unchanged first.

        An order that changes meanwhile comes again, later; none is passed over.
        """

    def orders_gone_since(self, since: datetime) -> AsyncIterator[tuple[Snapshot, ...]]:
        """Orders that were put into the bin at `since` or later, in any order; none where no shop shows them."""

    async def put_code(self, terms: Terms) -> None:
        """See to it that a code is there on these terms, whether it was made before or not.

        Raises `Rejected` if the shop has a code of this name that is not ours.
        """

    async def end_code(self, code: str) -> None:
        """See to it that a code of ours cannot be used. One that is not there, or not ours, is left alone."""

    async def subscriptions(self) -> tuple[Subscription, ...]:
        """The webhooks that the shop shows to us."""

    async def subscribe(self, topic: str, address: str) -> None:
        """Make a webhook, or switch it on again; one that is there and on is left as it is."""


def snapshots(orders: object, changed: str, *, utc: bool = False) -> tuple[Snapshot, ...]:
    """The orders of a page; `changed` names when they did. Raises `Nonsense` if one of them is no order."""
    if not isinstance(orders, list):
        raise Nonsense("the shop's orders are no list")
    return tuple(_snapshots(orders, changed, utc))


def _snapshots(orders: list[Any], changed: str, utc: bool) -> Iterable[Snapshot]:
    for one in orders:
        id_ = identifier(one) if isinstance(one, dict) else None
        at = moment(one.get(changed), utc=utc) if isinstance(one, dict) else None
        if id_ is None or at is None:
            raise Nonsense(f"an order of the shop has no id, or {changed} of it is no time")
        yield Snapshot(id_, at, json.dumps(one, default=str).encode())  # amounts are read from text as from numbers
