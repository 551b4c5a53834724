"""What Shopify's deliveries mean."""

from decimal import Decimal
from typing import Any

import pytest

from loyalty.orders.bills import Line
from service.shops.errors import Unreadable
from service.shops.news import CustomerNews, DataRequest, News, NoNews, Order, Redaction, Refund, ShopGone
from service.shops.shopify import is_known, read, subject
from tests.shop_fixtures import CUSTOMER, line, money_set, order, refund


def state(**more: Any) -> Order:
    found = read("orders/updated", order(**more), "EUR")
    assert isinstance(found, Order)
    return found


def worth(**more: Any) -> Decimal:
    return state(**more).net


def given_back(body: dict[str, Any]) -> Decimal:
    found = read("refunds/create", body, "EUR")
    assert isinstance(found, Refund)
    return found.amount


def test_a_paid_order_is_worth_its_goods_after_discounts_without_shipping() -> None:
    found = state(line_items=[line("10.00", 3, off="2.50"), line("7.50", sku=None)], source_name="web")
    assert (found.gross, found.net, found.currency) == (Decimal("35.00"), Decimal("35.00"), "EUR")
    assert found.lines == (
        Line("BEANS-250", 3, Decimal("27.50"), "Aurora"), Line("8123456789012", 1, Decimal("7.50"), "Aurora"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "net"),
    [
        ("paid", "42.50"), ("partially_refunded", "42.50"), ("refunded", "0"), ("pending", "0"), ("authorized", "0"),
        ("partially_paid", "0"), ("voided", "0"), ("made_up", "0"), (None, "0"),
    ],
)  # fmt: skip
def test_only_what_was_paid_counts(status: str | None, net: str) -> None:
    assert worth(financial_status=status) == Decimal(net)


def test_a_gift_card_and_a_tip_earn_nothing() -> None:
    tip = line("3.00", sku=None, tip_payment_gateway="shopify_payments")
    assert worth(line_items=[line("42.50"), line("50.00", gift_card=True), tip]) == Decimal("42.50")


def test_what_is_paid_with_a_gift_card_counts() -> None:
    assert worth(payment_gateway_names=["gift_card"]) == Decimal("42.50")


def test_a_cancelled_order_is_called_off_and_worth_nothing() -> None:
    found = state(cancelled_at="2026-11-20T13:00:00+01:00")
    assert (found.cancelled, found.net, found.gross) == (True, Decimal(0), Decimal("42.50"))
    deleted = read("orders/delete", {"id": 7}, "EUR")
    assert isinstance(deleted, Order)
    assert (deleted.cancelled, deleted.net, deleted.told_at) == (True, Decimal(0), None)


def test_an_order_in_two_currencies_is_read_in_the_one_the_programme_counts_in() -> None:
    goods = line("45.00", price_set=money_set("45.00", "USD", presented=("42.50", "EUR")))
    found = state(currency="USD", presentment_currency="EUR", line_items=[goods])
    assert (found.currency, found.net) == ("EUR", Decimal("42.50"))
    foreign = line("45.00", price_set=None, total_discount_set=None)
    elsewhere = state(currency="USD", presentment_currency="GBP", line_items=[foreign])
    assert (elsewhere.currency, elsewhere.net, elsewhere.refunds) == ("USD", Decimal("45.00"), ())


def test_an_order_without_lines_is_worth_its_subtotal() -> None:
    assert worth(line_items=[]) == Decimal("42.50")
    assert worth(line_items=None, subtotal_price=None, total_line_items_price=None) == Decimal("42.50")
    with pytest.raises(Unreadable, match="does not say what it comes to"):
        state(line_items=[], subtotal_price=None, total_line_items_price=None, total_price="a lot")


def test_a_test_order_and_a_topic_without_money_are_no_news() -> None:
    assert isinstance(read("orders/create", order(test=True), "EUR"), NoNews)
    assert isinstance(read("orders/edited", {"order_edit": {"order_id": 7}}, "EUR"), NoNews)
    assert isinstance(read("customers/delete", {"id": 7}, "EUR"), NoNews)


def test_a_refund_is_worth_the_same_wherever_it_is_told() -> None:
    one = refund(9, "10.00", shipping="5.00")
    told = read("refunds/create", one, "EUR")
    assert isinstance(told, Refund)
    assert (told.amount, told.currency, told.order) == (Decimal("10.00"), "EUR", "5500000000000001")
    assert state(financial_status="partially_refunded", refunds=[one]).refunds == (told,)


def test_a_refund_counts_goods_and_corrections_but_no_shipping() -> None:
    one = refund(9, "20.00")
    less = {"kind": "refund_discrepancy", "amount": "5.00"}
    assert given_back({**one, "order_adjustments": [less]}) == Decimal("15.00")
    by_amount = {"kind": "refund_discrepancy", "amount": "-10.00"}
    assert given_back({**one, "refund_line_items": [], "order_adjustments": [by_amount]}) == Decimal("10.00")
    paid = [{"kind": "refund", "status": "success", "amount": "15.00"}, {"kind": "void", "amount": "9.00"}]
    shipping = [{"kind": "shipping_refund", "amount": "-5.00"}]
    assert given_back({"id": 9, "order_id": 1, "transactions": paid, "order_adjustments": shipping}) == Decimal("10.00")
    gift = {"quantity": 1, "subtotal": 50.0, "line_item": line("50.00", gift_card=True)}
    assert given_back({**one, "refund_line_items": [gift]}) == 0
    with pytest.raises(Unreadable):
        given_back({"id": 9})


def test_who_bought_is_read_from_everywhere_the_likeliest_first() -> None:
    found = state(phone="+39 333 1", shipping_address={"phone": "999", "country_code": "FR"}).customer
    assert (found.id, found.own_phone) == (str(CUSTOMER), "+393331234567")
    assert (found.phones, found.countries) == (("+39 333 1", "333 123 4567", "999"), ("IT", "FR"))
    assert state(customer=None, billing_address=None, email=None, contact_email=None).customer.id is None


def test_a_friends_code_may_stand_in_several_places() -> None:
    found = state(
        discount_codes=[{"code": "WELCOME10"}], note_attributes=[{"name": "Ref", "value": "R8F4-43KM"}, {"name": "x"}],
        landing_site="/products/beans?utm_source=x&ref=4FNQX636",
    )  # fmt: skip
    assert found.codes == ("WELCOME10", "R8F4-43KM", "4FNQX636")


def test_an_order_of_a_subscription_is_of_that_category() -> None:
    assert state(source_name="subscription_contract").lines[0].category == "subscription"


def test_of_two_states_of_a_second_the_one_further_on_is_later() -> None:
    ranks = [state(financial_status=status).rank for status in ("pending", "paid", "partially_refunded", "refunded")]
    assert ranks == sorted(set(ranks))
    assert state(cancelled_at="2026-11-20T13:00:00Z").rank > ranks[-1]


def test_what_is_said_of_people_and_of_the_shop() -> None:
    customer = {"id": 1, "phone": "+39", "email": "a@b.c"}
    asked = read("customers/data_request", {"customer": customer, "data_request": {"id": 99}}, "EUR")
    assert isinstance(asked, DataRequest)
    assert (asked.customer.id, asked.request) == ("1", "99")
    gone = read("customers/redact", {"customer": customer, "orders_to_redact": [5, "6", None]}, "EUR")
    assert isinstance(gone, Redaction)
    assert gone.orders == ("5", "6")
    assert read("shop/redact", {}, "EUR") == ShopGone("redact")
    assert read("app/uninstalled", {}, "EUR") == ShopGone("uninstalled")
    assert isinstance(read("customers/update", customer, "EUR"), CustomerNews)


def test_deliveries_about_one_order_belong_together() -> None:
    ids = {
        subject("orders/paid", {"id": 7}), subject("refunds/create", {"id": 1, "order_id": 7}),
        subject("orders/edited", {"order_edit": {"order_id": "7"}}), subject("orders/delete", {"id": "7"}),
    }  # fmt: skip
    assert ids == {"order/7"}
    assert (
        subject("customers/redact", {"customer": {"id": 3}}) == subject("customers/update", {"id": 3}) == "customer/3"
    )
    assert subject("orders/paid", {}) is None
    assert [is_known(topic) for topic in ("orders/paid", "refunds/create", "shop/redact", "products/update")] == [
        True, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("nothing", [None, [], {}, "", 0, "x", [None], True])
def test_any_part_may_be_missing_or_of_another_kind(nothing: Any) -> None:
    for key in order():
        if key in {"id", "line_items", "subtotal_price"}:
            continue
        found: News = read("orders/updated", {**order(), key: nothing}, "EUR")
        assert isinstance(found, Order | NoNews)
