"""`passaparola shops …`: whether online shops let us in, which webhooks they have, and asking them for orders now."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import click

from passaparola.commands.saying import HELP
from passaparola.commands.within import with_house
from passaparola.compose import House
from passaparola.errors import CommandError
from passaparola.settings import read_settings
from passaparola.shop_settings import apis_of
from service.shops.apis import coding, watching
from service.shops.apis.api import ShopApi
from service.shops.apis.errors import ShopApiError
from service.shops.apis.reconcile import Reconciler
from service.shops.apis.subscriptions import Subscriptions
from service.shops.errors import Unreadable
from service.shops.routing import route

T = TypeVar("T")
Work = Callable[[House, ShopApi], Awaitable[str]]


@click.group(context_settings=HELP)
def shops() -> None:
    """Look after online shops that can be asked: Shopify, WooCommerce."""


@shops.command()
@click.option("--subscribe", is_flag=True, help="Make the webhooks that are missing.")
def check(subscribe: bool) -> None:
    """Ask each shop whether it lets us in and which webhooks it has; those that were lost are made again."""

    async def work(house: House, api: ShopApi) -> str:
        try:
            route(house.programmes.values(), api.source, api.shop)
        except Unreadable as error:
            raise CommandError(str(error)) from None
        now = house.clock.now()
        webhooks = Subscriptions(house.store, api, house.settings.public_url)
        found = await webhooks.check(now, make_all=subscribe)
        row = await house.store.write(lambda session: watching.of(session, api))
        said = [f"it lets us in; changes of orders are known up to {_when(row.watermark)}"]
        said += [f"made: {', '.join(found.made)}"] if found.made else []
        if found.missing:
            said.append(f"to {webhooks.address} it shows no webhook for {', '.join(found.missing)}")
        return "; ".join(said)

    _run(work)


@shops.command()
@click.option("--since", metavar="ISO8601", help="Ask from this instant on, such as 2026-12-01T00:00:00+01:00.")
def reconcile(since: str | None) -> None:
    """Ask each shop for orders that changed, now; the running service works off what is new."""
    begin = _instant(since) if since is not None else None

    async def work(house: House, api: ShopApi) -> str:
        reconciler = Reconciler(house.store, api, days=house.settings.shop_days)
        return str(await reconciler.run(house.clock.now(), since=begin))

    _run(work)


@shops.command()
def retry() -> None:
    """Let discount codes that a shop refused be tried again; the running service takes them up."""

    async def work(house: House) -> int:
        return await house.store.write(lambda session: coding.retry(session, house.clock.now()))

    click.echo(f"{_with_house(work)} codes wait to be tried again")


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--since {text!r} is no ISO 8601 instant, such as 2026-12-01T00:00:00+01:00") from None
    if at.tzinfo is None:
        raise CommandError("--since needs an offset, such as 2026-12-01T00:00:00+01:00")
    return at.astimezone(UTC)


def _when(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at is not None else "no moment yet"


def _run(work: Work) -> None:
    """Do something with each shop and say what came of it. Raises `CommandError` if one did not let us."""

    async def every(house: House) -> list[str]:
        wrong = []
        for api in apis:
            try:
                click.echo(f"{api.source} {api.shop}: {await work(house, api)}")
            except (ShopApiError, CommandError) as error:
                wrong.append(f"{api.source} {api.shop}: {error}")
        return wrong

    apis: Sequence[ShopApi] = apis_of(read_settings())
    if not apis:
        raise CommandError("no shop can be asked: set SHOPIFY_SHOP or WOOCOMMERCE_URL; docs/shops.md says how")
    if wrong := _with_house(every):
        raise CommandError("; ".join(wrong))


def _with_house(work: Callable[[House], Awaitable[T]]) -> T:
    async def refreshed(house: House) -> T:
        await house.programmes.refresh()
        return await work(house)

    return with_house(read_settings(), refreshed)
