"""Settings of shops, and `passaparola shops`: wrong ones are one line, secrets are shown nowhere."""

import asyncio
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from passaparola.commands.shops import shops
from passaparola.errors import CommandError
from passaparola.shop_settings import ShopSettings, apis_of
from simulator.shops import StandInShopify, Trouble
from simulator.shops.base import Webhook
from tests.shop_fixtures import order

WHOLE = {
    "SHOPIFY_SHOP": "Aurora-Test.myshopify.com", "SHOPIFY_ACCESS_TOKEN": "topsecret",
    "WOOCOMMERCE_URL": "https://shop.aurora.example/store/", "WOOCOMMERCE_KEY": "topsecret",
    "WOOCOMMERCE_SECRET": "topsecret", "WOOCOMMERCE_WEBHOOK_SECRET": "topsecret-topsecret,other",
}  # fmt: skip


def settings(**values: Any) -> ShopSettings:
    """Settings with these values and no others."""
    known = {str(field.alias): field.get_default() for field in ShopSettings.model_fields.values()}
    return ShopSettings(**{**known, **values})


def test_a_shop_is_asked_once_its_settings_are_there() -> None:
    assert apis_of(settings()) == ()
    assert apis_of(settings(SHOPIFY_SHOP=" ", SHOPIFY_ACCESS_TOKEN="")) == ()
    assert apis_of(settings(SHOPIFY_WEBHOOK_SECRET="x" * 20, WOOCOMMERCE_WEBHOOK_SECRET="y" * 20)) == ()
    assert [(api.source, api.shop) for api in apis_of(settings(**WHOLE))] == [
        ("shopify", "aurora-test.myshopify.com"), ("woocommerce", "shop.aurora.example/store"),
    ]  # fmt: skip


def test_nothing_shows_a_secret() -> None:
    assert "topsecret" not in repr(settings(**WHOLE))
    assert "topsecret" not in repr(apis_of(settings(**WHOLE)))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"SHOPIFY_SHOP": ""}, "SHOPIFY_SHOP"),
        ({"SHOPIFY_ACCESS_TOKEN": " "}, "SHOPIFY_ACCESS_TOKEN"),
        ({"SHOPIFY_API_URL": "http://x.example"}, "SHOPIFY_API_URL"),
        ({"WOOCOMMERCE_URL": ""}, "WOOCOMMERCE_URL"),
        ({"WOOCOMMERCE_URL": "http://shop.example"}, "WOOCOMMERCE_URL"),
        ({"WOOCOMMERCE_URL": "https://[x"}, "WOOCOMMERCE_URL"),
        ({"WOOCOMMERCE_URL": "https://topsecret@shop.example"}, "WOOCOMMERCE_URL"),
        ({"WOOCOMMERCE_KEY": ""}, "WOOCOMMERCE_KEY"),
        ({"WOOCOMMERCE_SECRET": ""}, "WOOCOMMERCE_SECRET"),
    ],
)
def test_half_or_wrong_settings_are_one_line_that_names_the_variable(change: dict[str, str], named: str) -> None:
    with pytest.raises(CommandError) as caught:
        apis_of(settings(**{**WHOLE, **change}))
    assert str(caught.value).startswith(named)
    assert len(str(caught.value).splitlines()) == 1
    assert "topsecret" not in str(caught.value)


# ---- the command


@pytest.fixture
def stand_in() -> Iterator[tuple[StandInShopify, str]]:
    """A shop in a thread of its own, as the command has a loop of its own."""
    shop, ready, stop = StandInShopify(), queue.Queue[tuple[str, asyncio.AbstractEventLoop]](), asyncio.Event()

    async def serve() -> None:
        async with TestServer(shop.application()) as server:
            ready.put((str(server.make_url("")).rstrip("/"), asyncio.get_running_loop()))
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    url, loop = ready.get(timeout=10)
    yield shop, url
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)


@pytest.fixture
def environment(stand_in: tuple[StandInShopify, str], tmp_path: Path) -> dict[str, str]:
    return {
        "SHOPIFY_SHOP": "aurora-test.myshopify.com", "SHOPIFY_ACCESS_TOKEN": "shpat_stand_in",
        "SHOPIFY_API_URL": stand_in[1], "PASSAPAROLA_DATABASE_URL": f"sqlite:///{tmp_path}/shops.db",
        "PASSAPAROLA_PUBLIC_URL": "https://aurora.example",
    }  # fmt: skip


def run(environment: dict[str, str], *arguments: str) -> tuple[str, str]:
    """What the command says, and its error."""
    result = CliRunner().invoke(shops, list(arguments), env=environment, standalone_mode=False)
    return result.output, str(result.exception or "")


def test_check_says_which_webhooks_are_missing_and_makes_them(
    stand_in: tuple[StandInShopify, str], environment: dict[str, str]
) -> None:
    shop, _ = stand_in
    shop.webhooks = [Webhook(1, "orders/create", "https://aurora.example/webhooks/shopify")]
    said, error = run(environment, "check")
    assert not error
    assert "it lets us in; changes of orders are known up to no moment yet" in said
    assert "shows no webhook for orders/paid, orders/updated" in said
    said, error = run(environment, "check", "--subscribe")
    assert not error
    assert "made: orders/paid" in said
    assert "shows no webhook" not in said


def test_reconcile_finds_orders_and_says_how_many(
    stand_in: tuple[StandInShopify, str], environment: dict[str, str]
) -> None:
    shop, _ = stand_in
    shop.orders = {1: order(1, updated_at="2026-11-01T10:00:00+00:00")}
    said, error = run(environment, "reconcile", "--since", "2026-10-31T00:00:00+01:00")
    assert not error
    assert said == "shopify aurora-test.myshopify.com: 1 changed orders looked at, 1 new\n"
    assert run(environment, "retry")[0] == "0 codes wait to be tried again\n"


@pytest.mark.parametrize("text", ["yesterday", "2026-12-01", "2026-12-01T00:00:00"])
def test_a_moment_that_is_none_is_one_line(environment: dict[str, str], text: str) -> None:
    _, error = run(environment, "reconcile", "--since", text)
    assert error.startswith("--since")


def test_a_shop_that_does_not_let_us_in_is_one_line(
    stand_in: tuple[StandInShopify, str], environment: dict[str, str]
) -> None:
    stand_in[0].always(Trouble.LOCKED_OUT)
    for command in ("check", "reconcile"):
        _, error = run(environment, command)
        assert error.startswith(
            "shopify aurora-test.myshopify.com: Shopify (aurora-test.myshopify.com) does not accept"
        )
        assert "shpat" not in error


def test_without_shops_it_says_what_to_set() -> None:
    _, error = run({"SHOPIFY_SHOP": "", "SHOPIFY_ACCESS_TOKEN": "", "WOOCOMMERCE_URL": ""}, "check")
    assert error.startswith("no shop can be asked: set SHOPIFY_SHOP")
