"""What shops answer, and what is made of it: pages, limits, errors, nonsense."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import SecretStr

from service.shops.apis.api import ShopApi, Snapshot, Terms, snapshots
from service.shops.apis.errors import Down, Nonsense, NotAllowed, Rejected, ShopApiError, Wait
from service.shops.apis.http import PATIENCE, wait_of
from service.shops.apis.shopify_api import ShopifyApi, ShopifyConfig
from service.shops.apis.woocommerce_api import WooCommerceApi, WooCommerceConfig
from simulator.shops import StandInShopify, Trouble
from simulator.shops.base import Code
from tests.service.shop_asking import PUBLIC, SOURCES, Asked, asked

BEGIN = datetime(2026, 11, 20, 9, tzinfo=UTC)
TERMS = Terms("ABC", Decimal(10), None, Decimal(0), (), BEGIN, BEGIN + timedelta(days=30))


@pytest.fixture(params=SOURCES)
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Asked]:
    async with asked(str(request.param), page=3) as shop:
        yield shop


async def listed(shop: Asked, since: datetime = BEGIN) -> list[Snapshot]:
    async with shop.api as api:
        return [one async for page in api.orders_changed_since(since) for one in page]


def seconds(count: int) -> datetime:
    return BEGIN + timedelta(seconds=count)


async def test_every_order_that_changed_is_listed_in_the_order_of_the_changes(shop: Asked) -> None:
    shop.has(*(shop.state(id_, seconds(20 - id_)) for id_ in range(1, 12)), shop.state(99, seconds(-60)))
    found = [(one.id, one.changed_at) for one in await listed(shop)]
    assert list(dict.fromkeys(found)) == [(str(id_), seconds(20 - id_)) for id_ in range(11, 0, -1)]
    assert len(shop.stand_in.calls) > 3


async def test_many_orders_of_one_second_are_all_listed(shop: Asked) -> None:
    shop.has(*(shop.state(id_, seconds(5)) for id_ in range(1, 12)), shop.state(12, seconds(6)))
    assert {one.id for one in await listed(shop)} == {str(id_) for id_ in range(1, 13)}


async def test_an_order_that_changes_while_pages_are_listed_hides_no_other(shop: Asked) -> None:
    shop.has(*(shop.state(id_, seconds(id_)) for id_ in range(1, 12)))

    async def change(page: int) -> None:
        shop.has(shop.state(page, seconds(100 + page)))  # one that was listed already goes to the end

    shop.stand_in.after_page = change
    async with shop.api as api:
        found = set()
        async for page in api.orders_changed_since(BEGIN):
            found |= {one.id for one in page}
            if shop.stand_in.pages > 30:
                break
    assert found >= {str(id_) for id_ in range(1, 12)}


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Trouble.ERROR, Down), (Trouble.HTML, Nonsense), (Trouble.NOT_JSON, Nonsense), (Trouble.EMPTY, Nonsense),
        (Trouble.STRANGE, Nonsense), (Trouble.REDIRECT, Nonsense), (Trouble.CUT, Down),
        (Trouble.LOCKED_OUT, NotAllowed), (Trouble.FORBIDDEN, NotAllowed), (Trouble.BUSY, Wait),
    ],
)  # fmt: skip
async def test_each_trouble_is_the_error_that_says_what_to_do(
    shop: Asked, trouble: Trouble, kind: type[ShopApiError]
) -> None:
    shop.stand_in.always(trouble)

    async def codes() -> None:
        async with shop.api as api:
            await api.put_code(TERMS)

    async def ends() -> None:
        async with shop.api as api:
            await api.end_code("ABC")

    async def webhooks() -> None:
        async with shop.api as api:
            await api.subscriptions()

    for work in (lambda: listed(shop), codes, ends, webhooks):
        with pytest.raises(kind) as caught:
            await work()
        said = str(caught.value)
        assert "stand_in" not in said  # no token or key
        assert "127.0.0.1:" not in said.replace(f"({shop.api.shop})", "")
        assert "\n" not in said


async def test_a_wrong_address_is_said_so(shop: Asked) -> None:
    key = SecretStr("shpat_stand_in")
    api: ShopApi = ShopifyApi(ShopifyConfig("x.myshopify.com", key, "2025-10", shop.url))
    if shop.api.source == "woocommerce":
        api = WooCommerceApi(
            WooCommerceConfig(f"{shop.url}/elsewhere", SecretStr("ck_stand_in"), SecretStr("cs_stand_in"))
        )
    async with api:
        for work in (api.put_code(TERMS), api.subscriptions()):
            with pytest.raises(Nonsense, match="is its address right"):
                await work


async def test_a_short_wait_is_waited_for_and_a_long_one_is_not(shop: Asked) -> None:
    shop.has(shop.state(1, seconds(1)))
    shop.stand_in.trouble(Trouble.BUSY, times=2)
    assert len(await listed(shop)) == 1
    assert len(shop.slept) == 2
    shop.stand_in.always(Trouble.BUSY)
    with pytest.raises(Wait):
        await listed(shop)
    assert len(shop.slept) == 2 + PATIENCE


async def test_shopify_is_asked_again_when_the_points_of_a_query_have_come_back() -> None:
    async with asked("shopify") as shop:
        assert isinstance(shop.stand_in, StandInShopify)
        shop.stand_in.short = 250.0
        shop.stand_in.trouble(Trouble.BUSY)
        async with shop.api as api:
            await api.put_code(TERMS)
            shop.stand_in.short = 250_000.0
            shop.stand_in.trouble(Trouble.BUSY)
            with pytest.raises(Wait) as caught:
                await api.put_code(TERMS)
        assert (shop.slept, caught.value.after) == ([2.5], timedelta(seconds=2500))


async def test_a_code_is_made_once_however_often_it_is_put_and_ended_for_good(shop: Asked) -> None:
    async with shop.api as api:
        await api.put_code(TERMS)
        shop.stand_in.trouble(Trouble.DONE_AND_CUT)
        with pytest.raises(Down):
            await api.put_code(Terms("XYZ", None, Decimal("5.00"), Decimal(20), ("77",), BEGIN, None))
        await api.put_code(Terms("XYZ", None, Decimal("5.00"), Decimal(20), ("77",), BEGIN, None))
        assert shop.stand_in.live() == {"ABC", "XYZ"}
        await api.end_code("ABC")
        await api.end_code("ABC")
        await api.end_code("NEVER")
        assert shop.stand_in.live() == {"XYZ"}
        await api.put_code(TERMS)
        assert shop.stand_in.live() == {"ABC", "XYZ"}
    told = str(shop.stand_in.codes["XYZ"].terms)
    assert all(part in told for part in ("5.00", "20", "77"))


async def test_a_code_that_is_not_ours_is_never_touched(shop: Asked) -> None:
    shop.stand_in.codes["ABC"] = Code(1, "Summer sale", {"code": "ABC"})
    async with shop.api as api:
        with pytest.raises(Rejected, match="not ours"):
            await api.put_code(TERMS)
        await api.end_code("ABC")
    assert (shop.stand_in.codes["ABC"].made, shop.stand_in.codes["ABC"].ends) == (1, 0)


async def test_terms_that_a_shop_refuses_are_refused_for_good(shop: Asked) -> None:
    async with shop.api as api:
        with pytest.raises(Rejected):
            await api.put_code(Terms("ABC", Decimal(1000), None, Decimal(0), (), BEGIN, None))
    assert shop.stand_in.codes == {}


async def test_a_webhook_is_made_once_and_switched_on_again(shop: Asked) -> None:
    address, topic = f"{PUBLIC}/webhooks/{shop.api.source}", shop.api.order_topic
    async with shop.api as api:
        for _ in range(2):
            await api.subscribe(topic, address)
            assert [(one.topic, one.address, one.active) for one in await api.subscriptions()] == [
                (topic, address, True)
            ]
            shop.stand_in.webhooks[0].active = shop.api.source == "shopify"


@pytest.mark.parametrize(
    "strange", [None, {}, [1], [{"updated_at": "2026-11-20T09:00:00Z"}], [{"id": 1}], [{"id": 1, "updated_at": "soon"}]]
)
def test_what_is_no_order_is_nonsense(strange: object) -> None:
    with pytest.raises(Nonsense):
        snapshots(strange, "updated_at")


def test_amounts_and_ids_stay_exact() -> None:
    (one,) = snapshots(
        [{"id": 2**60 + 1, "updated_at": "2026-11-20T09:00:00Z", "total": Decimal("0.10")}], "updated_at"
    )
    assert (one.id, json.loads(one.body)["total"]) == (str(2**60 + 1), "0.10")


def test_how_long_to_wait_is_read_from_seconds_and_dates_and_kept_within_bounds() -> None:
    assert wait_of("2.0") == timedelta(seconds=2)
    assert wait_of("") == timedelta(seconds=2)
    assert wait_of("-5") == timedelta(seconds=1)
    assert wait_of("1e300") == timedelta(seconds=10)
    assert wait_of("Wed, 21 Oct 2099 07:28:00 GMT") == timedelta(hours=1)
