"""Deliveries as Shopify and WooCommerce make them, written by hand after their documentation, and signed."""

import hashlib
import hmac
import json
from base64 import b64encode
from dataclasses import dataclass
from itertools import count
from typing import Any

SHOPIFY_SECRET = "shpss_0123456789abcdef0123456789abcdef"
WOO_SECRET = "a&b <c> 'd' \"e\" 0123456789"
DOMAIN = "aurora-test.myshopify.com"
WOO_SHOP = "shop.aurora.example"
CUSTOMER = 7_207_119_290_577_123_456
"""Above 2^53, as Shopify's ids may be."""
_deliveries = count(1)


def money_set(value: str, currency: str = "EUR", *, presented: tuple[str, str] | None = None) -> dict[str, Any]:
    other = presented or (value, currency)
    return {
        "shop_money": {"amount": value, "currency_code": currency},
        "presentment_money": {"amount": other[0], "currency_code": other[1]},
    }


def line(
    price: str, quantity: int = 1, *, sku: str | None = "BEANS-250", off: str = "0.00", **more: Any
) -> dict[str, Any]:
    """A line of a Shopify order; `off` is its share of all discounts."""
    shares = [{"amount": off, "discount_application_index": 0, "amount_set": money_set(off)}] if off != "0.00" else []
    return {
        "id": 13_000_000_000_000_001, "product_id": 8_123_456_789_012,
        "variant_id": 44_123_456_789_012, "title": "Espresso beans", "name": "Espresso beans - 250 g", "sku": sku,
        "vendor": "Aurora", "quantity": quantity, "current_quantity": quantity, "price": price,
        "price_set": money_set(price), "total_discount": "0.00", "total_discount_set": money_set("0.00"),
        "discount_allocations": shares, "gift_card": False, "taxable": True, "requires_shipping": True,
        "tax_lines": [], "properties": [], "fulfillment_status": None, **more,
    }  # fmt: skip


def order(id_: int = 5_500_000_000_000_001, **more: Any) -> dict[str, Any]:
    """A paid Shopify order of 42.50 EUR for goods, with shipping on top."""
    return {
        "id": id_, "admin_graphql_api_id": f"gid://shopify/Order/{id_}", "name": "#1001", "order_number": 1001,
        "test": False, "currency": "EUR", "presentment_currency": "EUR", "taxes_included": True,
        "financial_status": "paid", "fulfillment_status": None, "source_name": "web", "landing_site": "/",
        "created_at": "2026-11-20T10:00:00+01:00", "processed_at": "2026-11-20T10:00:00+01:00",
        "updated_at": "2026-11-20T10:00:05+01:00", "cancelled_at": None, "cancel_reason": None, "closed_at": None,
        "email": "anna@example.com", "contact_email": "anna@example.com", "phone": None,
        "total_line_items_price": "42.50", "total_discounts": "0.00", "subtotal_price": "42.50",
        "total_tax": "7.66", "total_tip_received": "0.00", "total_price": "47.50", "total_outstanding": "0.00",
        "total_shipping_price_set": money_set("5.00"), "note": None, "note_attributes": [], "discount_codes": [],
        "discount_applications": [], "payment_gateway_names": ["shopify_payments"], "refunds": [],
        "customer": {
            "id": CUSTOMER, "email": "anna@example.com", "first_name": "Anna", "phone": "+393331234567",
            "sms_marketing_consent": {"state": "subscribed"}, "default_address": None,
        },
        "billing_address": {"phone": "333 123 4567", "country_code": "IT", "address1": "Via Roma 1", "city": "Roma"},
        "shipping_address": None, "shipping_lines": [{"price": "5.00"}],
        "line_items": [line("42.50")], **more,
    }  # fmt: skip


def refund(
    id_: int, amount: str, *, of: int = 5_500_000_000_000_001, quantity: int = 1, shipping: str | None = None,
    at: str = "2026-11-20T12:00:00+01:00",
) -> dict[str, Any]:  # fmt: skip
    """A refund of goods: its subtotal is a JSON number, as Shopify has it."""
    adjustments = (
        [] if shipping is None else [{"kind": "shipping_refund", "amount": f"-{shipping}", "tax_amount": "0.00"}]
    )
    return {
        "id": id_, "order_id": of, "created_at": at, "processed_at": at, "note": None, "user_id": None,
        "refund_line_items": [
            {
                "id": id_ + 1, "line_item_id": 13_000_000_000_000_001, "quantity": quantity, "restock_type": "return",
                "subtotal": float(amount), "total_tax": 0.0, "subtotal_set": money_set(amount),
                "total_tax_set": money_set("0.00"), "line_item": line("42.50"),
            }
        ],
        "transactions": [{"id": id_ + 2, "kind": "refund", "status": "success", "amount": amount, "currency": "EUR"}],
        "order_adjustments": adjustments,
    }  # fmt: skip


def woo_line(total: str, tax: str = "0.00", quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": 315, "name": "Espresso beans", "product_id": 93, "variation_id": 0, "quantity": quantity,
        "tax_class": "", "subtotal": total, "subtotal_tax": tax, "total": total, "total_tax": tax, "taxes": [],
        "meta_data": [], "sku": "BEANS-250", "price": float(total) / max(quantity, 1), **more,
    }  # fmt: skip


def woo_order(id_: int = 727, **more: Any) -> dict[str, Any]:
    """A paid WooCommerce order of 42.50 EUR for goods, with shipping on top."""
    return {
        "id": id_, "parent_id": 0, "number": str(id_), "order_key": "wc_order_58d2d042d1d", "created_via": "checkout",
        "version": "9.4.1", "status": "processing", "currency": "EUR", "date_created": "2026-11-20T10:00:00",
        "date_created_gmt": "2026-11-20T09:00:00", "date_modified": "2026-11-20T10:00:05",
        "date_modified_gmt": "2026-11-20T09:00:05", "discount_total": "0.00", "shipping_total": "5.00",
        "shipping_tax": "0.00", "cart_tax": "0.00", "total": "47.50", "total_tax": "0.00",
        "prices_include_tax": False, "customer_id": 26, "date_paid_gmt": "2026-11-20T09:00:05",
        "billing": {
            "first_name": "Anna", "email": "anna@example.com", "phone": "333 123 45 67 (mobile)", "country": "IT",
            "address_1": "Via Roma 1", "city": "Roma", "postcode": "00100",
        },
        "shipping": {"phone": "", "country": "IT"}, "payment_method": "stripe", "meta_data": [],
        "line_items": [woo_line("42.50")], "tax_lines": [], "shipping_lines": [], "fee_lines": [], "coupon_lines": [],
        "refunds": [], **more,
    }  # fmt: skip


def signature(secret: str, body: bytes) -> str:
    return b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


@dataclass(frozen=True)
class Posted:
    """A request as a shop makes it."""

    path: str
    body: bytes
    headers: dict[str, str]


def shopify(
    topic: str, body: Any, *, delivery: str | None = None, shop: str = DOMAIN, secret: str = SHOPIFY_SECRET
) -> Posted:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Posted(
        "/webhooks/shopify", raw, {
            "Content-Type": "application/json", "X-Shopify-Topic": topic, "X-Shopify-Shop-Domain": shop,
            "X-Shopify-Hmac-Sha256": signature(secret, raw), "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": delivery or f"b54557e4-{next(_deliveries):08}",
        },
    )  # fmt: skip


def woo(topic: str, body: Any, *, delivery: str | None = None, secret: str = WOO_SECRET) -> Posted:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Posted(
        "/webhooks/woocommerce", raw, {
            "Content-Type": "application/json", "X-WC-Webhook-Topic": topic, "X-WC-Webhook-Source": f"https://{WOO_SHOP}/",
            "X-WC-Webhook-Signature": signature(secret, raw), "X-WC-Webhook-ID": "7",
            "X-WC-Webhook-Delivery-ID": delivery or f"{next(_deliveries):032x}",
        },
    )  # fmt: skip
