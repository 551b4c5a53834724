"""`POST /webhooks/shopify` and `/webhooks/woocommerce`: the signature is checked, the delivery stored, then 200.

Nothing else happens in the request: shops wait for five seconds at most, and give up on who answers slowly or with an
error. So what is the shop's own, but cannot be read, is stored and answered with 200 as well: it would be the same if
it came again, and after some errors in a row Shopify deletes a subscription and WooCommerce disables a webhook.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from aiohttp import web
from pydantic import SecretStr

from service.context import CONTEXT, Context
from service.metrics import METRICS
from service.middleware import error
from service.shops import inbox, shopify, woocommerce
from service.shops.errors import BadDelivery
from service.shops.signature import is_signed, secrets_of, unescaped
from service.shops.worker import JOB

LARGEST = 2 * 1024 * 1024
"""Bytes of a delivery; an order of a thousand lines has half of that."""
_PING = re.compile(rb"\s*webhook_id=[0-9]{1,20}\s*")
"""What WooCommerce posts, unsigned, when a webhook is saved (`WC_Webhook::deliver_ping`)."""
_SHOP = re.compile(r"[a-z0-9.-]+(:[0-9]{1,5})?(/[^\s?#]*)?")
_TOPIC = re.compile(r"[a-z0-9_./-]{1,64}")
_LONGEST_ID = 128


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of shop tells what a delivery is."""

    source: str
    setting: str
    signature: str
    topic: str
    shop: str
    delivery: str
    secret: Callable[[Context], SecretStr | None]
    unescape: Callable[[str], str]
    is_known: Callable[[str], bool]


SHOPIFY = Kind(
    shopify.SOURCE, "SHOPIFY_WEBHOOK_SECRET", "X-Shopify-Hmac-Sha256", "X-Shopify-Topic", "X-Shopify-Shop-Domain",
    "X-Shopify-Webhook-Id", lambda context: context.shopify_secret, str, shopify.is_known,
)  # fmt: skip
WOOCOMMERCE = Kind(
    woocommerce.SOURCE, "WOOCOMMERCE_WEBHOOK_SECRET", "X-WC-Webhook-Signature", "X-WC-Webhook-Topic",
    "X-WC-Webhook-Source", "X-WC-Webhook-Delivery-ID", lambda context: context.woocommerce_secret, unescaped,
    woocommerce.is_known,
)  # fmt: skip


async def from_shopify(request: web.Request) -> web.Response:
    """A delivery of Shopify's."""
    return await _accept(request, SHOPIFY)


async def from_woocommerce(request: web.Request) -> web.Response:
    """A delivery of WooCommerce's, or the ping that it sends when a webhook is saved."""
    return await _accept(request, WOOCOMMERCE)


async def _accept(request: web.Request, kind: Kind) -> web.Response:
    context, metrics = request.app[CONTEXT], request.app[METRICS]
    try:
        outcome = await _take(request, context, kind)
    except BadDelivery as problem:
        metrics.shop(kind.source, problem.code)
        return error(problem.status, problem.code, str(problem), problem.field)
    metrics.shop(kind.source, outcome)
    return web.json_response({"status": outcome})


async def _take(request: web.Request, context: Context, kind: Kind) -> str:
    """What became of a delivery, in a word. Raises `BadDelivery`; then nothing was stored."""
    keys = _keys(kind.secret(context), kind.unescape)
    if not keys:
        raise BadDelivery(
            503, "not_connected", f"{kind.setting} is not set; set it, or report orders to POST /v1/events"
        )
    body = await _body(request)
    signature = request.headers.get(kind.signature)
    if kind is WOOCOMMERCE and signature is None and _PING.fullmatch(body):
        return "pong"
    if not is_signed(keys, body, signature):
        raise BadDelivery(
            401, "unsigned", f"{kind.signature} is missing or wrong: is {kind.setting} the secret of this webhook?",
            field=kind.signature,
        )  # fmt: skip
    topic = _header(request, kind.topic, _TOPIC, "a topic")
    if not kind.is_known(topic):
        return "ignored"
    shop = _header(request, kind.shop, _SHOP, "the shop's address")
    given = request.headers.get(kind.delivery, "").strip()
    delivery = given if 0 < len(given) <= _LONGEST_ID and given.isprintable() and given.isascii() else inbox.id_of(body)
    row = inbox.row_of(kind.source, shop, topic, delivery, body, context.clock.now())
    new = await context.store.write(partial(inbox.put, row=row))
    if new and context.wake is not None:
        context.wake(JOB)
    return ("parked" if row["state"] == inbox.PARKED else "stored") if new else "repeated"


async def _body(request: web.Request) -> bytes:
    if (request.content_length or 0) <= LARGEST:
        body = await request.read()
        if len(body) <= LARGEST:
            return body
    raise BadDelivery(413, "too_large", f"a delivery has at most {LARGEST} bytes")


def _header(request: web.Request, name: str, form: re.Pattern[str], what: str) -> str:
    value = request.headers.get(name, "").strip().lower()
    value = re.sub(r"^https?://", "", value).removesuffix("/")
    if len(value) > 200 or not form.fullmatch(value):
        raise BadDelivery(400, "header", f"{name} is missing or is not {what}", field=name)
    return value


@lru_cache(8)
def _keys(secret: SecretStr | None, unescape: Callable[[str], str]) -> tuple[bytes, ...]:
    """The keys that may have signed."""
    if secret is None:
        return ()
    return tuple(unescape(one).encode() for one in secrets_of(secret.get_secret_value()))
