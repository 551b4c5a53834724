"""What orders of shops earn, from the webhook to the ledger."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from loyalty.programme import Programme
from loyalty.rules.shops import ShopLink
from loyalty.tables import Purchase, Referral
from service.context import Context
from service.parking import claim_parked
from tests.service.conftest import ANNA, KEY
from tests.service.shops import Desk, ShopDesk, connected
from tests.shop_fixtures import DOMAIN, line, order, refund, shopify, woo, woo_line, woo_order

BEA = "+393337654321"
LATER, LATEST = "2026-11-20T11:00:00+01:00", "2026-11-20T12:00:00+01:00"
WOO_LATER: dict[str, Any] = {"date_modified_gmt": "2026-11-20T10:00:00"}
WOO_LATEST: dict[str, Any] = {"date_modified_gmt": "2026-11-20T11:00:00"}


@pytest.fixture
async def desk(context: Context) -> AsyncIterator[ShopDesk]:
    async with Desk(connected(context)) as desk:
        yield desk


async def test_several_topics_tell_of_one_payment_and_it_earns_once(desk: ShopDesk) -> None:
    topics = ("orders/create", "orders/paid", "orders/updated", "orders/fulfilled")
    assert await desk.delivers(*(shopify(topic, order()) for topic in topics)) == 42


async def test_an_order_earns_once_it_is_paid(desk: ShopDesk) -> None:
    assert await desk.delivers(shopify("orders/create", order(financial_status="pending"))) == 0
    assert await desk.delivers(shopify("orders/paid", order(updated_at=LATER))) == 42


async def test_an_edit_changes_what_it_earns_and_old_news_does_not(desk: ShopDesk) -> None:
    edited = order(updated_at=LATEST, line_items=[line("42.50"), line("10.00", sku="MUG")])
    assert await desk.delivers(shopify("orders/paid", order())) == 42
    assert await desk.delivers(shopify("orders/updated", edited)) == 52
    assert await desk.delivers(shopify("orders/updated", order(updated_at=LATER))) == 52


async def test_a_refund_takes_points_back_once_however_it_is_told(desk: ShopDesk) -> None:
    first, rest = refund(9, "10.00"), refund(11, "32.50", at=LATEST)
    partly = order(financial_status="partially_refunded", refunds=[first], updated_at=LATER)
    wholly = order(financial_status="refunded", refunds=[first, rest], updated_at=LATEST)
    assert await desk.delivers(shopify("orders/paid", order())) == 42
    assert await desk.delivers(shopify("refunds/create", first), shopify("orders/updated", partly)) == 32
    assert await desk.delivers(shopify("refunds/create", first)) == 32
    assert await desk.delivers(shopify("orders/updated", wholly), shopify("refunds/create", rest)) == 0
    assert await desk.is_sound()


async def test_a_refund_before_its_order_waits_for_it(desk: ShopDesk) -> None:
    assert await desk.delivers(shopify("refunds/create", refund(9, "10.00"))) == 0
    assert await desk.delivers(shopify("orders/paid", order())) == 32


async def test_a_cancelled_order_earns_nothing_whatever_comes_late(desk: ShopDesk) -> None:
    called_off = order(cancelled_at=LATEST, updated_at=LATEST)
    assert await desk.delivers(shopify("orders/cancelled", called_off)) == 0
    assert await desk.delivers(shopify("orders/paid", order())) == 0
    other = order(7)
    assert await desk.delivers(shopify("orders/paid", other), shopify("orders/delete", {"id": 7})) == 0


async def test_woocommerce_refunds_deletions_and_states_that_go_back(desk: ShopDesk) -> None:
    back: dict[str, Any] = {"refunds": [{"id": 800, "reason": "", "total": "-10.00"}]}
    assert await desk.delivers(woo("order.created", woo_order(status="pending"))) == 0
    assert await desk.delivers(woo("order.updated", woo_order(**WOO_LATER))) == 42
    assert await desk.delivers(woo("order.updated", woo_order(**WOO_LATEST, **back))) == 32
    assert await desk.delivers(woo("order.updated", woo_order(**WOO_LATER))) == 32
    on_hold = woo_order(status="on-hold", date_modified_gmt="2026-11-20T12:00:00")
    assert await desk.delivers(woo("order.updated", on_hold)) == 0
    again = woo_order(status="completed", date_modified_gmt="2026-11-20T13:00:00", **back)
    assert await desk.delivers(woo("order.updated", again)) == 32
    assert await desk.delivers(woo("order.deleted", {"id": 727})) == 0
    restored = woo_order(status="completed", date_modified_gmt="2026-11-21T11:00:00")
    assert await desk.delivers(woo("order.restored", restored)) == 42


async def test_an_order_that_is_deleted_first_does_not_earn_late(desk: ShopDesk) -> None:
    assert await desk.delivers(woo("order.deleted", {"id": 727}), woo("order.created", woo_order())) == 0


async def test_a_test_order_is_ignored_with_the_reason(desk: ShopDesk) -> None:
    assert await desk.delivers(shopify("orders/paid", order(test=True))) == 0
    assert await desk.states() == [("ignored", "it is a test order")]


async def test_money_the_programme_does_not_count_in_waits_for_a_person(desk: ShopDesk) -> None:
    assert await desk.delivers(woo("order.created", woo_order(currency="USD"))) == 0
    assert await desk.parked() == [("woocommerce:shop.aurora.example/727", "invalid")]
    ((state, why),) = await desk.states()
    assert state == "done"
    assert "the programme counts in EUR, not in USD" in str(why)


async def test_a_guests_order_counts_when_she_joins_with_all_that_became_of_it(desk: ShopDesk) -> None:
    guest: dict[str, Any] = {"customer": None, "billing_address": {"phone": "333 765 4321", "country_code": "IT"}}
    await desk.delivers(shopify("orders/paid", order(**guest)), shopify("refunds/create", refund(9, "10.00")))
    edited = order(**guest, updated_at=LATEST, line_items=[line("22.50")])
    await desk.delivers(shopify("orders/updated", edited))
    assert [code for _, code in await desk.parked()] == ["not_found"]
    async with desk.client.post("/v1/members", json={"phone": BEA}, headers=KEY) as response:
        before = (await response.json())["points"]["available"]
    assert await claim_parked(desk.context, desk.programme) == 1
    assert await desk.points(BEA) == before + 12
    assert await desk.parked() == []


async def test_an_order_that_names_its_customer_later_is_hers(desk: ShopDesk) -> None:
    nobody: dict[str, Any] = {"customer": {"id": 99}, "billing_address": None}
    assert await desk.delivers(shopify("orders/paid", order(**nobody))) == 0
    assert len(await desk.parked()) == 1
    assert await desk.delivers(shopify("orders/updated", order(updated_at=LATER))) == 42
    assert await desk.parked() == []


async def test_an_order_that_names_nobody_is_ignored(desk: ShopDesk) -> None:
    nobody = order(customer=None, billing_address=None)
    await desk.delivers(shopify("orders/paid", nobody))
    assert await desk.states() == [("ignored", "it names nobody who could collect points")]
    assert await desk.parked() == []


async def test_lines_are_kept_for_rules_about_goods(desk: ShopDesk) -> None:
    await desk.delivers(shopify("orders/paid", order()), woo("order.created", woo_order()))
    query = select(Purchase.lines, Purchase.amount).order_by(Purchase.key)
    rows = await desk.context.store.read(lambda session: session.execute(query).all())
    assert [(row.lines[0]["product"], row.lines[0]["category"], row.amount) for row in rows] == [
        ("BEANS-250", "Aurora", Decimal("42.50")), ("BEANS-250", None, Decimal("42.50")),
    ]  # fmt: skip


async def test_a_friends_code_at_the_checkout_is_noted_if_it_is_a_members(desk: ShopDesk) -> None:
    async with desk.client.post("/v1/members", json={"phone": BEA}, headers=KEY) as response:
        code = (await response.json())["referral"]["code"]
    friend = "+393339999999"
    async with desk.client.post("/v1/members", json={"phone": friend}, headers=KEY) as response:
        assert response.status == 200
    bought = order(
        customer={"id": 5, "phone": friend}, discount_codes=[{"code": "TEN"}],
        note_attributes=[{"name": "ref", "value": code}],
        created_at="2026-11-21T11:00:00+01:00", updated_at="2026-11-21T11:00:00+01:00",
    )  # fmt: skip
    await desk.delivers(shopify("orders/paid", bought))
    query = select(Referral.source)
    assert await desk.context.store.read(lambda session: session.scalars(query).all()) == ["checkout"]


async def test_two_shops_do_not_share_order_numbers(desk: ShopDesk) -> None:
    assert await desk.delivers(shopify("orders/paid", order())) == 42
    assert await desk.delivers(shopify("orders/paid", order(), shop="second.myshopify.com")) == 84


def with_shops(programme: Programme, *shops: ShopLink, id_: str = "cafe") -> Programme:
    return programme.model_copy(update={"shops": shops, "id": id_})


async def test_a_shop_no_programme_names_waits_until_one_does(context: Context, cafe: Programme) -> None:
    other = ShopLink(source="shopify", domain="other.myshopify.com")
    programmes = {cafe.id: with_shops(cafe, other)}
    async with Desk(connected(context, programmes)) as desk:
        assert await desk.delivers(shopify("orders/paid", order())) == 0
        ((state, why),) = await desk.states()
        assert state == "parked"
        assert f"no programme names the shop {DOMAIN}" in str(why)
        programmes[cafe.id] = with_shops(cafe, other, ShopLink(source="shopify", domain=DOMAIN.upper()))
        (row,) = await desk.rows()
        async with desk.client.post(f"/v1/shops/deliveries/{row.id}/retry", headers=KEY) as response:
            assert response.status == 200
        assert await desk.delivers() == 42


async def test_orders_from_before_the_programme_earn_nothing(context: Context, cafe: Programme) -> None:
    link = ShopLink(source="shopify", domain=DOMAIN, since=date(2026, 11, 21))
    async with Desk(connected(context, {cafe.id: with_shops(cafe, link)})) as desk:
        assert await desk.delivers(shopify("orders/updated", order(updated_at="2026-11-21T09:00:00+01:00"))) == 0
        assert await desk.states() == [("ignored", "it was placed before 2026-11-21")]
        assert await desk.delivers(shopify("orders/paid", order(8, created_at="2026-11-21T09:00:00+01:00"))) == 42


async def test_poison_blocks_only_its_own_order(desk: ShopDesk) -> None:
    bad = {"id": 7, "financial_status": "paid"}
    assert await desk.delivers(shopify("orders/paid", bad), shopify("orders/paid", order())) == 42
    assert await desk.delivers(shopify("orders/updated", order(7, updated_at=LATER))) == 84
    assert [state for state, _ in await desk.states()] == ["parked", "done", "done"]


async def test_amounts_are_rounded_as_the_currency_has_them(desk: ShopDesk) -> None:
    lines = [woo_line("9.999"), woo_line("0.001", sku="x")]
    assert await desk.delivers(woo("order.created", woo_order(line_items=lines))) == 10
    huge = woo_order(8, line_items=[woo_line("99999999999999")])
    assert await desk.delivers(woo("order.created", huge)) == 10
    assert (await desk.states())[-1][0] == "parked"
    assert ANNA not in str(await desk.states())
