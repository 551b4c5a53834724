"""What WooCommerce's deliveries mean."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from loyalty.orders.bills import Line
from service.shops.errors import Unreadable
from service.shops.news import CustomerNews, NoNews, Order
from service.shops.woocommerce import is_known, read, subject
from tests.shop_fixtures import woo_line, woo_order


def state(**more: Any) -> Order:
    found = read("order.updated", woo_order(**more), "EUR")
    assert isinstance(found, Order)
    return found


def worth(**more: Any) -> Decimal:
    return state(**more).net


def test_a_paid_order_is_worth_its_goods_after_coupons() -> None:
    found = state(line_items=[woo_line("27.50", quantity=3, subtotal="30.00"), woo_line("15.00", sku="")])
    assert (found.gross, found.net, found.currency) == (Decimal("42.50"), Decimal("42.50"), "EUR")
    assert found.lines == (Line("BEANS-250", 3, Decimal("27.50")), Line("93", 1, Decimal("15.00")))


def test_dates_are_those_told_in_utc() -> None:
    found = state()
    assert found.placed_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert found.told_at == datetime(2026, 11, 20, 9, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "net"),
    [
        ("processing", "42.50"), ("completed", "42.50"), ("wc-completed", "42.50"), ("shipped", "42.50"),
        ("pending", "0"), ("on-hold", "0"), ("failed", "0"), ("cancelled", "0"), ("refunded", "0"), ("trash", "0"),
        ("checkout-draft", "0"), ("", "0"), (None, "0"),
    ],
)  # fmt: skip
def test_only_what_was_paid_counts(status: str | None, net: str) -> None:
    assert worth(status=status) == Decimal(net)


def test_a_plugins_status_counts_only_once_the_order_is_paid() -> None:
    assert worth(status="in-the-oven", date_paid_gmt=None) == 0


def test_taxes_count_where_prices_include_them() -> None:
    goods = [woo_line("100.00", "22.00")]
    assert worth(line_items=goods, prices_include_tax=True) == Decimal("122.00")
    assert worth(line_items=goods, prices_include_tax=False) == Decimal("100.00")


def test_refunds_are_below_zero_and_all_of_them_are_told_each_time() -> None:
    first, second = {"id": 1, "total": "-10.00"}, {"id": 2, "total": "-32.50"}
    assert worth(refunds=[first]) == Decimal("32.50")
    assert worth(refunds=[first, second]) == 0
    assert worth(refunds=[{"id": 1, "total": "-99.00"}]) == 0
    assert state(refunds=[first]).gross == Decimal("42.50")
    assert state(refunds=[first]).rank < state(refunds=[first, second]).rank


def test_a_refund_of_taxes_that_never_counted_takes_nothing() -> None:
    goods = [woo_line("100.00", "22.00")]
    assert worth(line_items=goods, refunds=[{"id": 1, "total": "-61.00"}]) == Decimal("50.00")
    assert worth(line_items=goods, refunds=[{"id": 1, "total": "-122.00"}]) == 0


def test_an_order_without_lines_is_worth_its_total_without_shipping_and_taxes_on_top() -> None:
    assert worth(line_items=[], total="54.00", total_tax="6.50", shipping_total="5.00") == Decimal("42.50")
    with pytest.raises(Unreadable):
        state(line_items=[], total="a lot")
    with pytest.raises(Unreadable):
        state(refunds=[{"id": 1, "total": None}])


def test_a_deleted_order_has_only_an_id_and_may_come_back() -> None:
    found = read("order.deleted", {"id": 727}, "EUR")
    assert isinstance(found, Order)
    assert (found.id, found.net, found.told_at, found.cancelled) == ("727", Decimal(0), None, False)
    with pytest.raises(Unreadable):
        read("order.deleted", {}, "EUR")


def test_a_guest_has_no_number() -> None:
    found = state(customer_id=0).customer
    assert (found.id, found.own_phone, found.phones) == (None, None, ("333 123 45 67 (mobile)",))
    assert state().customer.id == "26"


def test_a_friends_code_may_be_a_coupon_a_note_or_in_the_link() -> None:
    meta = [
        {"key": "_referral_code", "value": "R8F4-43KM"}, {"key": "other", "value": "x"}, {"key": "ref", "value": 7},
        {"key": "_wc_order_attribution_session_entry", "value": "https://shop.example/?ref=4FNQX636"},
    ]  # fmt: skip
    assert state(coupon_lines=[{"code": "ten"}], meta_data=meta).codes == ("ten", "R8F4-43KM", "4FNQX636")


def test_an_order_of_a_subscription_is_of_that_category() -> None:
    assert state(created_via="subscription").lines[0].category == "subscription"


def test_customers_are_told_with_the_phone_of_their_account() -> None:
    found = read("customer.updated", {"id": 26, "billing": {"phone": "333", "country": "IT"}}, "EUR")
    assert isinstance(found, CustomerNews)
    assert (found.customer.id, found.customer.own_phone, found.customer.countries) == ("26", "333", ("IT",))
    assert isinstance(read("customer.deleted", {"id": 26}, "EUR"), NoNews)


def test_topics_and_what_they_are_about() -> None:
    assert [is_known(topic) for topic in ("order.updated", "customer.created", "coupon.created")] == [True, True, False]
    assert subject("order.updated", {"id": 7}) == subject("order.deleted", {"id": "7"}) == "order/7"
    assert subject("customer.updated", {"id": 7}) == "customer/7"


@pytest.mark.parametrize("nothing", [None, [], {}, "", 0, "x", [None], True])
def test_any_part_may_be_missing_or_of_another_kind(nothing: Any) -> None:
    for key in woo_order():
        if key not in {"id", "line_items", "total"}:
            assert isinstance(read("order.updated", {**woo_order(), key: nothing}, "EUR"), Order)
