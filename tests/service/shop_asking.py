"""Each shop's API beside its stand-in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp.test_utils import TestServer
from pydantic import SecretStr
from sqlalchemy import select

from conversation.alarms import open_alarms
from loyalty.store import Store
from service.shops.apis.api import ShopApi
from service.shops.apis.shopify_api import ShopifyApi, ShopifyConfig
from service.shops.apis.tables import ShopWatch
from service.shops.apis.woocommerce_api import WooCommerceApi, WooCommerceConfig
from simulator.shops import StandInShop, StandInShopify, StandInWooCommerce
from tests.shop_fixtures import DOMAIN, Posted, line, order, shopify, woo, woo_line, woo_order

SOURCES = ("shopify", "woocommerce")
PUBLIC = "https://aurora.example"


@dataclass
class Asked:
    """A shop's stand-in, what asks it, and how long that waited each time it had to."""

    stand_in: StandInShop
    api: ShopApi
    url: str
    slept: list[float] = field(default_factory=list)

    def state(self, id_: int, at: datetime, amount: str = "42.50", *, paid: bool = True, **more: Any) -> dict[str, Any]:
        """An order as it is at a moment."""
        if self.api.source == "shopify":
            status = "paid" if paid else "pending"
            told = order(id_, updated_at=at.isoformat(), financial_status=status, line_items=[line(amount)])
            return {**told, "created_at": at.isoformat(), **more}
        stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        told = woo_order(id_, date_modified_gmt=stamp, line_items=[woo_line(amount)])
        return {**told, "status": "processing" if paid else "pending", **more}

    def has(self, *states: dict[str, Any]) -> None:
        """From now on the shop's orders are so."""
        self.stand_in.orders |= {state["id"]: state for state in states}

    def webhook(self, state: dict[str, Any]) -> Posted:
        """What the shop posts of an order."""
        if self.api.source == "shopify":
            return shopify("orders/updated", state, shop=DOMAIN)
        posted = woo("order.updated", state)
        return Posted(posted.path, posted.body, {**posted.headers, "X-WC-Webhook-Source": f"{self.url}/"})


@asynccontextmanager
async def asked(source: str, *, page: int = 100) -> AsyncIterator[Asked]:
    """A stand-in that listens, and its API, which asks for so many orders at a time and does not really wait."""
    stand_in: StandInShop = StandInShopify() if source == "shopify" else StandInWooCommerce()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with TestServer(stand_in.application()) as server:
        url = str(server.make_url("")).rstrip("/")
        api: ShopApi
        if source == "shopify":
            config = ShopifyConfig(DOMAIN, SecretStr("shpat_stand_in"), "2026-10", url)
            api = ShopifyApi(config, page=page, sleep=sleep)
        else:
            key, secret = SecretStr("ck_stand_in"), SecretStr("cs_stand_in")
            api = WooCommerceApi(WooCommerceConfig(url, key, secret, SecretStr("s" * 20)), page=page, sleep=sleep)
        yield Asked(stand_in, api, url, slept)


async def alarms(store: Store) -> list[str]:
    """The kinds of alarms that are open."""
    return await store.read(lambda session: [alarm.kind for alarm in open_alarms(session)])


async def watch(store: Store) -> ShopWatch:
    """How the only shop is doing."""
    return await store.read(lambda session: session.scalars(select(ShopWatch)).one())
