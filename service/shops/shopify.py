"""What Shopify's deliveries mean. Pure; docs/shops.md says it in words.

Shapes: the REST resources Order, Refund and Customer of shopify.dev (the webhooks' bodies), and its page on the
privacy topics. An order earns on its goods as priced, after discounts: where prices include tax, tax counts; where it
comes on top, it does not. So the worth of a refund can be read off the refund alone, however it was told.
"""

from datetime import datetime
from decimal import Decimal

from loyalty.orders.bills import Line
from service.shops.errors import Unreadable
from service.shops.news import Customer, CustomerNews, DataRequest, News, NoNews, Order, Redaction, Refund, ShopGone
from service.shops.reading import Json, amount, count, flag, identifier, moment, part, parts, text
from service.shops.states import LONGEST_NAME, REFERRAL_NAMES, few, in_link, rank_of, some_codes, total

SOURCE = "shopify"
_STAGES = ("pending", "authorized", "partially_paid", "paid", "partially_refunded", "refunded", "voided")
_PAID = frozenset({"paid", "partially_refunded", "refunded"})
_CUSTOMER_NEWS = frozenset({"customers/create", "customers/update", "customers/enable", "customers/disable"})
_NONE = Decimal(0)


def is_known(topic: str) -> bool:
    """Whether deliveries of a topic are stored at all."""
    return topic.startswith(("orders/", "customers/")) or topic in {"refunds/create", "shop/redact", "app/uninstalled"}


def subject(topic: str, body: Json) -> str | None:
    """What a delivery is about: deliveries about one thing are worked off one by one. None if it names nothing."""
    kind = topic.partition("/")[0]
    match kind:
        case "orders":
            id_ = identifier(body) or identifier(part(body, "order_edit"), "order_id")
            return id_ and f"order/{id_}"
        case "refunds":
            id_ = identifier(body, "order_id")
            return id_ and f"order/{id_}"
        case "customers":
            id_ = identifier(part(body, "customer")) or identifier(body)
            return id_ and f"customer/{id_}"
        case _:
            return kind


def read(topic: str, body: Json, currency: str) -> News:
    """What a delivery means, with money in `currency` if the shop says it in that. Raises `Unreadable`."""
    if topic == "refunds/create":
        return _refund(body, identifier(body, "order_id"), currency)
    if topic == "orders/delete":
        return _deleted(body)
    if topic.startswith("orders/"):
        if "financial_status" not in body and "line_items" not in body:
            return NoNews("it says nothing of what the order comes to; orders/updated does")
        return _order(topic, body, currency)
    return _other(topic, body)


def _other(topic: str, body: Json) -> News:
    """What is said of customers, and of the shop itself."""
    if topic in _CUSTOMER_NEWS:
        return CustomerNews(_customer_of(body))
    match topic:
        case "customers/data_request":
            return DataRequest(_customer_of(part(body, "customer")), identifier(part(body, "data_request")))
        case "customers/redact":
            orders = body.get("orders_to_redact")
            ids = [identifier({"id": one}) for one in orders] if isinstance(orders, list) else []
            return Redaction(_customer_of(part(body, "customer")), tuple(id_ for id_ in ids if id_))
        case "shop/redact":
            return ShopGone("redact")
        case "app/uninstalled":
            return ShopGone("uninstalled")
    return NoNews("this topic has no meaning here")


def _order(topic: str, body: Json, currency: str) -> Order | NoNews:
    id_ = identifier(body)
    if id_ is None:
        raise Unreadable("the order has no id")
    if flag(body, "test"):
        return NoNews("it is a test order")
    status = (text(body, "financial_status") or ("paid" if topic == "orders/paid" else "pending")).lower()
    said_in = _currency(body, currency)
    lines = _lines(body, said_in)
    worth = total(lines) if lines is not None else _without_lines(body, said_in)
    paid = status in _PAID
    counts = paid and said_in == currency  # an order in other money waits for a person as a whole
    refunds = tuple(_refund(one, id_, said_in) for one in parts(body, "refunds")) if counts else ()
    cancelled = text(body, "cancelled_at") is not None
    gross = worth if paid else _NONE
    # Everything was given back, so nothing is left, whatever the refunds say of goods, taxes and shipping.
    net = _NONE if status == "refunded" or cancelled else gross
    stage = _STAGES.index(status) if status in _STAGES else 0
    kept = few(lines or [])
    return Order(
        id=id_, placed_at=_time(body, "created_at") or _time(body, "processed_at"), told_at=_time(body, "updated_at"),
        rank=rank_of(stage + 10 * cancelled, len(refunds), net, gross, said_in, [line.to_json() for line in kept]),
        gross=gross, net=net, currency=said_in, lines=kept, customer=_buyer(body), codes=_codes(body),
        refunds=refunds, cancelled=cancelled,
        discounts=() if cancelled or status == "voided" else _discount_codes(body),
    )  # fmt: skip


def _deleted(body: Json) -> Order:
    id_ = identifier(body)
    if id_ is None:
        raise Unreadable("the order has no id")
    return Order(id_, None, None, rank_of(99, 0), _NONE, _NONE, "", cancelled=True)


def _currency(order: Json, wanted: str) -> str:
    """The currency to read an order in: the shop's or the customer's if it is the wanted one, else the shop's."""
    shop = text(order, "currency") or text(part(order, "total_price_set", "shop_money"), "currency_code")
    if shop is None or shop == wanted:
        return wanted
    presented = text(order, "presentment_currency")
    presented = presented or text(part(order, "total_price_set", "presentment_money"), "currency_code")
    return wanted if presented == wanted else shop.upper()[:8]


def _money(body: Json, name: str, currency: str) -> Decimal | None:
    """An amount in a currency. What stands there without one is in the shop's."""
    both = part(body, f"{name}_set")
    told = [part(both, side) for side in ("shop_money", "presentment_money")]
    for one in told:
        if text(one, "currency_code") == currency:
            return amount(one.get("amount"))
    if any(text(one, "currency_code") for one in told):
        raise Unreadable(f"{name} is not told in {currency[:8]}")
    return amount(body.get(name))


def _lines(order: Json, currency: str) -> list[Line] | None:
    """The goods of an order with what they cost; None if it does not say. Gift cards and tips are none."""
    found = parts(order, "line_items")
    subscription = (text(order, "source_name") or "").startswith("subscription_contract")
    lines = []
    for line in found:
        price = _money(line, "price", currency)
        if price is None:
            return None
        if not _is_goods(line):
            continue
        quantity = count(line.get("quantity", 1))
        cost = max(price * quantity - _discount(line, currency), _NONE)
        category = "subscription" if subscription else text(line, "vendor")
        lines.append(Line(_product(line), quantity, cost, category and category[:LONGEST_NAME]))
    return lines if found else None


def _is_goods(line: Json) -> bool:
    tip = text(line, "tip_payment_gateway", "tip_payment_method") is not None or bool(part(line, "tip"))
    return not flag(line, "gift_card") and not tip


def _discount(line: Json, currency: str) -> Decimal:
    """What was taken off a line, its share of discounts on the whole order included."""
    shares = parts(line, "discount_allocations")
    if shares:
        return sum((_money(share, "amount", currency) or _NONE for share in shares), _NONE)
    return _money(line, "total_discount", currency) or _NONE


def _product(line: Json) -> str:
    name = text(line, "sku") or identifier(line, "product_id") or identifier(line, "variant_id")
    return (name or text(line, "title", "name") or "?")[:LONGEST_NAME]


def _without_lines(order: Json, currency: str) -> Decimal:
    """The worth of an order that does not list its goods."""
    for name in ("subtotal_price", "total_line_items_price"):
        if (found := _money(order, name, currency)) is not None:
            return max(found, _NONE)
    whole = _money(order, "total_price", currency)
    if whole is None:
        raise Unreadable("the order does not say what it comes to")
    shipping, tip = (_money(order, name, currency) or _NONE for name in ("total_shipping_price", "total_tip_received"))
    return max(whole - shipping - tip, _NONE)


def _refund(body: Json, order: str | None, currency: str) -> Refund:
    """What was given back on goods: the items, and the part of a corrected total that is no shipping."""
    id_ = identifier(body)
    if id_ is None or order is None:
        raise Unreadable("the refund does not say which it is or of which order")
    back, lines, items = _NONE, [], parts(body, "refund_line_items")
    for item in items:
        line, cost = part(item, "line_item"), _money(item, "subtotal", currency)
        if line and not _is_goods(line):
            continue
        back += cost or _NONE
        if line:
            lines.append(Line(_product(line), count(item.get("quantity", 1)), max(cost or _NONE, _NONE)))
    adjustments = parts(body, "order_adjustments")
    corrected = [one for one in adjustments if text(one, "kind") != "shipping_refund"]
    # Less was given back than the items cost: above zero. More, or no items at all: below zero.
    back -= sum((_money(one, "amount", currency) or _NONE for one in corrected), _NONE)
    if not items and not corrected:
        shipping = sum((_money(one, "amount", currency) or _NONE for one in adjustments), _NONE)
        back = _paid_back(body, currency) + shipping
    said_in = next((text(one, "currency") for one in parts(body, "transactions") if text(one, "currency")), None)
    has_sets = any(f"{name}_set" in one for one in (*items, *corrected) for name in ("subtotal", "amount"))
    at = _time(body, "created_at") or _time(body, "processed_at")
    return Refund(id_, order, max(back, _NONE), currency if has_sets else said_in, at, few(lines))


def _paid_back(refund: Json, currency: str) -> Decimal:
    """The money of a refund that names neither items nor corrections."""
    return sum(
        (
            _money(one, "amount", currency) or _NONE
            for one in parts(refund, "transactions")
            if text(one, "kind") in {None, "refund"} and text(one, "status") not in {"failure", "error"}
        ),
        _NONE,
    )


def _buyer(order: Json) -> Customer:
    customer, billing = part(order, "customer"), part(order, "billing_address")
    shipping, usual = part(order, "shipping_address"), part(order, "customer", "default_address")
    # Whoever a parcel goes to may be somebody else, so that phone comes last.
    phones = (text(order, "phone"), text(billing, "phone"), text(usual, "phone"), text(shipping, "phone"))
    places = (billing, shipping, usual)
    return Customer(
        identifier(customer), text(customer, "phone"), tuple(phone for phone in phones if phone),
        tuple(country for place in places if (country := text(place, "country_code"))),
        text(order, "email", "contact_email") or text(customer, "email"),
        next((found for place in places if (found := _address(place))), None),
    )  # fmt: skip


def _customer_of(body: Json) -> Customer:
    home = part(body, "default_address")
    country = text(home, "country_code")
    return Customer(
        identifier(body), text(body, "phone"), (), (country,) if country else (), text(body, "email"), _address(home)
    )


def _address(place: Json) -> str | None:
    said = [text(place, name) for name in ("address1", "zip", "city")]
    return ", ".join(one for one in said if one)[:500] if said[0] else None


def _codes(order: Json) -> tuple[str, ...]:
    noted = [one for one in parts(order, "note_attributes") if (text(one, "name") or "").lower() in REFERRAL_NAMES]
    return some_codes(
        [
            *(text(one, "code") for name in ("discount_codes", "discount_applications") for one in parts(order, name)),
            *(text(one, "value") for one in noted),
            *in_link(text(order, "landing_site")),
        ]
    )


def _discount_codes(order: Json) -> tuple[str, ...]:
    return some_codes(text(one, "code") for one in parts(order, "discount_codes"))


def _time(body: Json, name: str) -> datetime | None:
    return moment(body.get(name))
