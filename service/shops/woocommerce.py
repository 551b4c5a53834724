"""What WooCommerce's deliveries mean. Pure; docs/shops.md says it in words.

Shapes: the REST API v3 resources Order and Customer of developer.woocommerce.com. There is no topic for refunds: an
order lists them all each time, as amounts below zero that hold goods, taxes and shipping together.
"""

from datetime import datetime
from decimal import Decimal

from loyalty.orders.bills import Line
from service.shops.errors import Unreadable
from service.shops.news import Customer, CustomerNews, News, NoNews, Order
from service.shops.reading import Json, amount, count, flag, identifier, moment, part, parts, text
from service.shops.states import LONGEST_NAME, REFERRAL_NAMES, few, in_link, rank_of, some_codes, total

SOURCE = "woocommerce"
_STAGES = (
    "checkout-draft", "pending", "on-hold", "processing", "completed", "failed", "cancelled", "refunded", "trash",
)  # fmt: skip
_EARNING = frozenset({"processing", "completed"})
_LETS_GO = frozenset({"checkout-draft", "failed", "cancelled", "trash"})
"""Of orders in these states WooCommerce gives coupons back (`wc_update_coupon_usage_counts`)."""
_LANDED = "_wc_order_attribution_session_entry"
"""Where WooCommerce notes the address by which the customer came (Order Attribution, since 8.5)."""
_NONE = Decimal(0)


def is_known(topic: str) -> bool:
    """Whether deliveries of a topic are stored at all."""
    return topic.startswith(("order.", "customer."))


def subject(topic: str, body: Json) -> str | None:
    """What a delivery is about: deliveries about one thing are worked off one by one. None if it names nothing."""
    id_ = identifier(body)
    return id_ and f"{topic.partition('.')[0]}/{id_}"


def read(topic: str, body: Json, currency: str) -> News:
    """What a delivery means. Orders are in the currency they were placed in. Raises `Unreadable`."""
    if topic == "order.deleted":
        return _deleted(body)
    if topic.startswith("order."):
        return _order(body, currency)
    if topic in {"customer.created", "customer.updated"}:
        billing = part(body, "billing")
        country = text(billing, "country")
        return CustomerNews(
            Customer(
                identifier(body), text(billing, "phone"), (), (country,) if country else (),
                text(body, "email") or text(billing, "email"),
            )
        )  # fmt: skip
    return NoNews("this topic has no meaning here")


def _order(body: Json, currency: str) -> Order:
    id_, status = identifier(body), (text(body, "status") or "").lower().removeprefix("wc-")
    if id_ is None:
        raise Unreadable("the order has no id")
    said_in = (text(body, "currency") or currency).upper()[:8]
    lines, on_top = _lines(body)
    worth = total(lines) if lines is not None else _without_lines(body)
    earns = _earns(status, body)
    refunds = parts(body, "refunds")
    back = sum((abs(_required(one, "total")) for one in refunds), _NONE)
    if on_top and worth:
        back = back * worth / (worth + on_top)  # what came back of taxes that never counted
    gross = worth if earns or status == "refunded" else _NONE
    net = max(gross - back, _NONE) if earns else _NONE
    kept = few(lines or [])
    stage = _STAGES.index(status) if status in _STAGES else _STAGES.index("completed")
    return Order(
        id=id_, placed_at=_time(body, "date_created"), told_at=_time(body, "date_modified"),
        rank=rank_of(stage, len(refunds), net, gross, said_in, [line.to_json() for line in kept]),
        gross=gross, net=net, currency=said_in, lines=kept, customer=_buyer(body), codes=_codes(body),
        discounts=() if status in _LETS_GO else some_codes(text(one, "code") for one in parts(body, "coupon_lines")),
    )  # fmt: skip


def _deleted(body: Json) -> Order:
    """All that is told is the id. It may be taken out of the bin again, so it is not called off for good."""
    id_ = identifier(body)
    if id_ is None:
        raise Unreadable("the order has no id")
    return Order(id_, None, None, rank_of(len(_STAGES), 0), _NONE, _NONE, "")


def _earns(status: str, order: Json) -> bool:
    """Whether an order was paid by its status. Of a status that a plugin made, the date of payment tells."""
    if status in _STAGES or not status:
        return status in _EARNING
    return _time(order, "date_paid") is not None


def _lines(order: Json) -> tuple[list[Line] | None, Decimal]:
    """The goods with what they cost after coupons, and the taxes on top of that; None if it does not say."""
    inclusive, on_top, lines = flag(order, "prices_include_tax"), _NONE, []
    category = "subscription" if text(order, "created_via") == "subscription" else None
    found = parts(order, "line_items")
    for line in found:
        cost = amount(line.get("total"))
        if cost is None:
            return None, _NONE
        tax = amount(line.get("total_tax")) or _NONE
        if inclusive:
            cost += tax
        else:
            on_top += max(tax, _NONE)
        name = text(line, "sku") or identifier(line, "variation_id") or identifier(line, "product_id")
        product = (name or text(line, "name") or "?")[:LONGEST_NAME]
        lines.append(Line(product, count(line.get("quantity", 1)), max(cost, _NONE), category))
    return (lines if found else None), on_top


def _without_lines(order: Json) -> Decimal:
    """The worth of an order that does not list its goods: without shipping, and without taxes that come on top."""
    off = "shipping_tax" if flag(order, "prices_include_tax") else "total_tax"
    less = sum((amount(order.get(name)) or _NONE for name in ("shipping_total", off)), _NONE)
    return max(_required(order, "total") - less, _NONE)


def _required(body: Json, name: str) -> Decimal:
    found = amount(body.get(name))
    if found is None:
        raise Unreadable(f"{name} is no amount")
    return found


def _buyer(order: Json) -> Customer:
    billing, shipping = part(order, "billing"), part(order, "shipping")
    phones = (text(billing, "phone"), text(shipping, "phone"))
    countries = (text(billing, "country"), text(shipping, "country"))
    said = [text(billing, name) for name in ("address_1", "postcode", "city")]
    return Customer(
        identifier(order, "customer_id"), None, tuple(phone for phone in phones if phone),
        tuple(country for country in countries if country), text(billing, "email"),
        ", ".join(one for one in said if one)[:500] if said[0] else None,
    )  # fmt: skip


def _codes(order: Json) -> tuple[str, ...]:
    notes = {(text(one, "key") or "").lower(): text(one, "value") for one in parts(order, "meta_data")}
    return some_codes(
        [
            *(text(one, "code") for one in parts(order, "coupon_lines")),
            *(value for key, value in notes.items() if key.strip("_") in REFERRAL_NAMES),
            *in_link(notes.get(_LANDED)),
        ]
    )


def _time(body: Json, name: str) -> datetime | None:
    """A date is told twice: in the shop's zone, without saying which that is, and in UTC."""
    return moment(body.get(f"{name}_gmt"), utc=True)
