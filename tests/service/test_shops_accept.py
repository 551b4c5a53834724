"""The webhooks of shops: what is stored, what is refused, and that nothing breaks them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from service.context import Context
from service.shops import inbox
from service.shops.accept import LARGEST
from service.shops.worker import work_off
from tests.service.conftest import KEY
from tests.service.shops import Desk, ShopDesk, connected
from tests.shop_fixtures import DOMAIN, WOO_SHOP, Posted, order, shopify, woo, woo_order


@pytest.fixture
async def desk(context: Context) -> AsyncIterator[ShopDesk]:
    async with Desk(connected(context)) as desk:
        yield desk


async def test_an_order_is_stored_before_it_is_acknowledged_and_nothing_else_happens(desk: ShopDesk) -> None:
    assert await desk.post(shopify("orders/paid", order(), delivery="d1")) == (200, {"status": "stored"})
    (row,) = await desk.rows()
    assert (row.source, row.shop, row.topic, row.delivery_id) == ("shopify", DOMAIN, "orders/paid", "d1")
    assert (row.state, row.key) == ("waiting", f"shopify:{DOMAIN}/order/5500000000000001")
    assert await desk.points() == desk.before


async def test_a_woocommerce_order_is_stored_under_the_address_of_its_shop(desk: ShopDesk) -> None:
    assert await desk.post(woo("order.created", woo_order())) == (200, {"status": "stored"})
    (row,) = await desk.rows()
    assert (row.source, row.shop, row.key) == ("woocommerce", WOO_SHOP, f"woocommerce:{WOO_SHOP}/order/727")


async def test_what_was_worked_off_leaves_no_words_behind(desk: ShopDesk) -> None:
    assert await desk.delivers(shopify("orders/paid", order())) == 42
    (row,) = await desk.rows()
    assert (row.state, bytes(row.body)) == ("done", b"")


async def test_the_same_delivery_again_is_acknowledged_and_known(desk: ShopDesk) -> None:
    one = shopify("orders/paid", order(), delivery="d1")
    assert await desk.delivers(one) == 42
    assert await desk.post(one) == (200, {"status": "repeated"})
    assert await desk.delivers(one) == 42
    assert len(await desk.rows()) == 1


async def test_twenty_duplicates_at_once_credit_once(desk: ShopDesk) -> None:
    same, others = (
        shopify("orders/paid", order(), delivery="d1"),
        [shopify("orders/create", order()) for _ in range(10)],
    )
    answers = await asyncio.gather(*(desk.post(one) for one in [*[same] * 10, *others]))
    assert {status for status, _ in answers} == {200}
    assert [answer["status"] for _, answer in answers].count("stored") == 11
    now = desk.context.clock.now()
    await asyncio.gather(*(work_off(desk.context, now) for _ in range(4)))
    assert await desk.points() - desk.before == 42
    assert await desk.is_sound()


@pytest.mark.parametrize("one", [shopify("orders/paid", order()), woo("order.created", woo_order())])
async def test_a_bad_signature_is_401_and_has_no_effect(desk: ShopDesk, one: Posted) -> None:
    name = next(name for name in one.headers if "Hmac" in name or "Signature" in name)
    for wrong in ("", "AAAA", "é", one.headers[name].lower(), one.headers[name][:-2]):
        status, answer = await desk.post(one, **{name: wrong})
        assert (status, answer["error"]["code"], answer["error"]["field"]) == (401, "unsigned", name)
    assert (await desk.post(replace(one, body=one.body + b" ")))[0] == 401
    unsigned = {key: value for key, value in one.headers.items() if key != name}
    assert (await desk.post(replace(one, headers=unsigned)))[0] == 401
    assert await desk.rows() == []


async def test_while_a_secret_changes_both_are_good(context: Context) -> None:
    old, new = "shpss_old_0123456789", "shpss_new_0123456789"
    async with Desk(replace(connected(context), shopify_secret=SecretStr(f"{new}, {old}"))) as desk:
        for secret in (old, new):
            assert (await desk.post(shopify("orders/paid", order(), secret=secret)))[0] == 200
        assert (await desk.post(shopify("orders/paid", order(), secret="shpss_other_0123456")))[0] == 401


@pytest.mark.parametrize("secret", [None, SecretStr("")])
async def test_without_a_secret_a_shop_is_not_connected(context: Context, secret: SecretStr | None) -> None:
    async with Desk(replace(context, shopify_secret=secret, woocommerce_secret=secret)) as desk:
        for one in (shopify("orders/paid", order()), woo("order.created", woo_order())):
            status, answer = await desk.post(one)
            assert (status, answer["error"]["code"]) == (503, "not_connected")
        assert await desk.rows() == []


async def test_the_ping_of_woocommerce_is_answered_and_nothing_happens(desk: ShopDesk) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await desk.post(Posted("/webhooks/woocommerce", b"webhook_id=7", form)))[0] == 200
    for body in (b"webhook_id=7&x=1", b"webhook_id=", b"webhook_id=x", b""):
        assert (await desk.post(Posted("/webhooks/woocommerce", body, form)))[0] == 401
    assert (await desk.post(Posted("/webhooks/shopify", b"webhook_id=7", form)))[0] == 401
    assert await desk.rows() == []


async def test_a_topic_we_do_not_know_is_acknowledged_and_counted(desk: ShopDesk) -> None:
    assert await desk.post(shopify("products/update", {"id": 1})) == (200, {"status": "ignored"})
    assert await desk.post(woo("coupon.created", {"id": 1})) == (200, {"status": "ignored"})
    assert await desk.rows() == []
    async with desk.client.get("/metrics") as response:
        text = await response.text()
    assert 'passaparola_shop_webhooks_total{outcome="ignored",source="shopify"} 1.0' in text


async def test_what_waits_and_what_is_parked_is_measured(desk: ShopDesk) -> None:
    await desk.post(shopify("orders/paid", order()))
    await desk.post(shopify("orders/paid", b"{"))
    async with desk.client.get("/metrics") as response:
        text = await response.text()
    assert 'passaparola_shop_deliveries{source="shopify",state="waiting"} 1.0' in text
    assert 'passaparola_shop_deliveries{source="shopify",state="parked"} 1.0' in text
    assert "passaparola_shop_oldest_waiting_seconds 0.0" in text


@pytest.mark.parametrize("missing", ["X-Shopify-Topic", "X-Shopify-Shop-Domain"])
@pytest.mark.parametrize("value", ["", "no shop here", "é", "x" * 300])
async def test_a_header_that_is_missing_is_named(desk: ShopDesk, missing: str, value: str) -> None:
    status, answer = await desk.post(shopify("orders/paid", order()), **{missing: value})
    assert (status, answer["error"]["field"]) == (400, missing)
    assert await desk.rows() == []


async def test_a_delivery_without_an_id_is_known_by_its_words(desk: ShopDesk) -> None:
    for delivery in ("", "x" * 200):
        assert (await desk.post(shopify("orders/paid", order()), **{"X-Shopify-Webhook-Id": delivery}))[0] == 200
    assert len(await desk.rows()) == 1


async def test_a_delivery_that_is_too_large_is_413(desk: ShopDesk) -> None:
    note = "x" * LARGEST
    assert (await desk.post(shopify("orders/paid", order(note=note))))[0] == 413
    assert await desk.rows() == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no JSON"), (b"{", "no JSON"), (b"[]", "no JSON object"), (b'{"a": NaN}', "no JSON"),
        (b'{"a": "\xff"}', "no UTF-8"), (b'{"a":' * 50_000, "no JSON|too deeply"),
    ],
)  # fmt: skip
async def test_signed_words_that_cannot_be_read_are_kept_and_acknowledged(
    desk: ShopDesk, body: bytes, why: str
) -> None:
    """An error would make the shop send the same again, and give the webhook up in the end."""
    assert await desk.post(shopify("orders/paid", body)) == (200, {"status": "parked"})
    (row,) = await desk.rows()
    assert row.state == "parked"
    assert any(part in str(row.error) for part in why.split("|"))
    assert bytes(row.body) == body


async def listed(desk: ShopDesk, path: str = "") -> Any:
    async with desk.client.get(f"/v1/shops/deliveries{path}", headers=KEY) as response:
        return await response.json()


async def ask(desk: ShopDesk, path: str) -> int:
    async with desk.client.post(f"/v1/shops/deliveries/{path}", headers=KEY) as response:
        return response.status


async def test_what_is_parked_is_listed_shown_tried_again_and_dropped(desk: ShopDesk) -> None:
    for number in range(3):
        await desk.delivers(shopify("orders/updated", {"id": number + 1, "financial_status": "paid"}))
    page = await listed(desk, "?limit=2")
    ids = [one["id"] for one in page["deliveries"]]
    assert [one["reason"] for one in page["deliveries"]] == ["the order does not say what it comes to"] * 2
    assert len((await listed(desk, f"?limit=2&cursor={page['next']}"))["deliveries"]) == 1
    assert '"paid"' in (await listed(desk, f"/{ids[0]}"))["body"]
    assert await ask(desk, f"{ids[0]}/drop") == 200
    assert await ask(desk, f"{ids[0]}/retry") == 404
    assert await ask(desk, f"{ids[1]}/retry") == 200
    assert len((await listed(desk, "?state=waiting"))["deliveries"]) == 1
    await work_off(desk.context, desk.context.clock.now())
    assert len((await listed(desk))["deliveries"]) == 2
    for bad in ("?state=lost", "?cursor=x"):
        assert (await listed(desk, bad))["error"]["code"] == "invalid"
    assert await ask(desk, "x/retry") == await ask(desk, f"{10**17}/drop") == 404


async def test_old_deliveries_are_dropped_what_waits_stays(desk: ShopDesk) -> None:
    await desk.delivers(shopify("orders/paid", order()), shopify("orders/paid", b"{"))
    await desk.post(shopify("orders/updated", order()))
    for days, left in ((6, 3), (8, 2), (31, 1)):
        now = desk.context.clock.now() + days * (inbox.KNOWN_FOR / 7)
        await desk.context.store.write(lambda session, now=now: inbox.forget_old(session, now=now))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        assert len(await desk.rows()) == left


leaf = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["paid", "1e999", "\ud800"])
)
anything = st.recursive(leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
broken = st.one_of(
    st.binary(max_size=200),
    st.builds(lambda key, value: {**order(), key: value}, st.sampled_from(sorted(order())), anything),
    st.builds(lambda key, value: {**woo_order(), key: value}, st.sampled_from(sorted(woo_order())), anything),
    st.dictionaries(st.sampled_from(["id", "order_id", "refund_line_items", "customer", "status"]), anything),
)
topics = st.sampled_from(
    ["orders/updated", "orders/delete", "refunds/create", "customers/update", "customers/redact",
     "customers/data_request", "shop/redact", "app/uninstalled"]
)  # fmt: skip
woo_topics = st.sampled_from(["order.updated", "order.deleted", "customer.updated"])


@given(bodies=st.lists(st.tuples(broken, topics, woo_topics), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
async def test_whatever_a_shop_signs_is_acknowledged_and_never_breaks_anything(
    desk: ShopDesk, bodies: list[tuple[Any, str, str]]
) -> None:
    for body, topic, woo_topic in bodies:
        for one in (shopify(topic, body), woo(woo_topic, body)):
            status, answer = await desk.post(one)
            assert status == 200, answer
    await work_off(desk.context, desk.context.clock.now())
    rows = await desk.rows()
    assert {row.state for row in rows} <= {"done", "ignored", "parked"}
    assert not [row.error for row in rows if "unexpected" in str(row.error)]
    assert await desk.is_sound()
