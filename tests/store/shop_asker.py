"""A process that asks a shop for orders, works them off and makes codes until it is killed."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from multiprocessing.context import ForkServerProcess

from pydantic import SecretStr

from loyalty.store import open_store
from service.shops.apis.coding import Coder
from service.shops.apis.errors import ShopApiError
from service.shops.apis.reconcile import Reconciler
from service.shops.apis.shopify_api import ShopifyApi, ShopifyConfig
from service.shops.worker import work_off
from tests.forked import forked
from tests.shop_fixtures import DOMAIN
from tests.store.shop_worker import context_of


def shopify_at(url: str, *, page: int = 5) -> ShopifyApi:
    """The stand-in's API, asked for few orders at a time, so that there is a lot to be killed between."""
    return ShopifyApi(ShopifyConfig(DOMAIN, SecretStr("shpat_stand_in"), "2026-10", url), page=page)


def shop_asker(database: str, url: str) -> ForkServerProcess:
    """Such a process; kill it."""
    return forked(_work, database, url)


def _work(database: str, url: str) -> None:
    asyncio.run(_forever(database, url))


async def _forever(database: str, url: str) -> None:
    context = context_of(open_store(database))
    asks, codes = Reconciler(context.store, shopify_at(url)), Coder(context.store, context.clock, shopify_at(url))
    while True:
        now = context.clock.now()
        with suppress(ShopApiError):
            await asks.run(now)
        await work_off(context, now)
        await codes.work(now + timedelta(hours=1))  # what a killed one held is free again
        await asyncio.sleep(0.005)
