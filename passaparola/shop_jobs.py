"""The jobs of shops that are asked: orders that no webhook told of, webhooks that were lost, discount codes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from jobs.runner import Job, Work
from passaparola.compose import House
from passaparola.shop_settings import apis_of
from service.shops.apis.api import ShopApi
from service.shops.apis.coding import Coder, sweep_all
from service.shops.apis.reconcile import Reconciler
from service.shops.apis.subscriptions import Subscriptions

SECONDS, MINUTE = timedelta(seconds=5), timedelta(minutes=1)


def polling_jobs(house: House, apis: Sequence[ShopApi] | None = None) -> list[Job]:
    """One for each shop, those of the settings if none are given. When a shop is due is written in the store."""
    on = apis if apis is not None else apis_of(house.settings)
    return [Job(f"shops:{api.source}", MINUTE, _polling(house, api)) for api in on]


def code_jobs(house: House, apis: Sequence[ShopApi] | None = None) -> list[Job]:
    """What nothing told of first, then a queue for each shop, so that one that is down delays only its own."""
    on = apis if apis is not None else apis_of(house.settings)
    queues = [
        Job(f"shop-codes:{api.source}", SECONDS, Coder(house.store, house.clock, api).work, alone=False) for api in on
    ]
    return [Job("shop-codes", MINUTE, lambda now: sweep_all(house.store, now)), *queues] if on else []


def _polling(house: House, api: ShopApi) -> Work:
    orders = Reconciler(house.store, api, days=house.settings.shop_days)
    webhooks = Subscriptions(house.store, api, house.settings.public_url)

    async def work(now: datetime) -> str:
        made, found = await webhooks.work(now), await orders.work(now)
        return "; ".join(part for part in (made, found) if part)

    return work
