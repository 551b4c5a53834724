"""WooCommerce's REST API, version 3, over HTTPS with a key and its secret.

Facts (developer.woocommerce.com, `WC_REST_Orders_Controller`): `modified_after` leaves out the moment itself and knows
seconds; `orderby=modified` puts orders of one second by id; `X-WP-TotalPages` counts pages. Codes of coupons are kept
in small letters; one that is there already is the error `woocommerce_rest_coupon_code_already_exists`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import aiohttp
from pydantic import SecretStr

from calls.answers import Answer
from service.shops.apis.api import MARK, Snapshot, Subscription, Terms, snapshots
from service.shops.apis.errors import Down, Nonsense, Rejected, told
from service.shops.apis.http import Http, Sleep

PAGE = 100
_SECOND = timedelta(seconds=1)
_OVER = "2000-01-01T00:00:00"
"""The expiry of a coupon that was ended: long ago by any clock."""
_TAKEN = "woocommerce_rest_coupon_code_already_exists"


@dataclass(frozen=True, slots=True)
class WooCommerceConfig:
    """Which shop, and how we are known there."""

    url: str
    key: SecretStr
    secret: SecretStr
    webhook_secret: SecretStr | None = None
    """What webhooks are to be signed with that we make."""


class WooCommerceApi:
    """A shop on WooCommerce."""

    source, order_topic = "woocommerce", "order.updated"
    topics = ("order.created", "order.updated", "order.deleted", "order.restored")

    def __init__(self, config: WooCommerceConfig, *, page: int = PAGE, sleep: Sleep = asyncio.sleep) -> None:
        self.shop = config.url.partition("://")[2].rstrip("/").lower()
        self._page = page
        self._webhook_secret = config.webhook_secret
        auth = aiohttp.encode_basic_auth(config.key.get_secret_value(), config.secret.get_secret_value())
        base = f"{config.url.rstrip('/')}/wp-json/wc/v3"
        self._http = Http(f"WooCommerce ({self.shop})", base, headers={"Authorization": auth}, sleep=sleep)

    async def __aenter__(self) -> Self:
        await self._http.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.close()

    def orders_changed_since(self, since: datetime) -> AsyncIterator[tuple[Snapshot, ...]]:
        return self._orders(since, "any")

    def orders_gone_since(self, since: datetime) -> AsyncIterator[tuple[Snapshot, ...]]:
        return self._orders(since, "trash")  # which `any` leaves out

    async def _orders(self, since: datetime, status: str) -> AsyncIterator[tuple[Snapshot, ...]]:
        """Each page begins where the one before ended: pages by number shift when an order changes meanwhile."""
        after, page = since.astimezone(UTC).replace(microsecond=0) - _SECOND, 1
        while True:
            query = {
                "modified_after": after.strftime("%Y-%m-%dT%H:%M:%S"), "dates_are_gmt": "true", "orderby": "modified",
                "order": "asc", "status": status, "per_page": str(self._page), "page": str(page),
            }  # fmt: skip
            answer = await self._call("GET", "orders", query=query)
            found = snapshots(answer.body, "date_modified_gmt", utc=True)
            times = [one.changed_at for one in found]
            if times != sorted(times):
                raise Nonsense("WooCommerce's orders are not in the order that was asked for")
            yield found
            if page >= _pages(answer):
                return
            if not found:
                raise Nonsense("WooCommerce counts more pages than it has")
            further = times[-1] - _SECOND
            after, page = (further, 1) if further > after else (after, page + 1)  # a page full of one second

    async def put_code(self, terms: Terms) -> None:
        body = _coupon(terms)
        answer = await self._call("POST", "coupons", body=body, refused=True)
        if answer.fields.get("code") == _TAKEN:
            found = await self._find(terms.code)
            if found is None:
                raise Down("WooCommerce says that a code is taken, but does not find it")
            id_, ours = found
            if not ours:
                raise Rejected("the shop has a coupon with this code that is not ours")
            answer = await self._call("PUT", f"coupons/{id_}", body=body)
        _accept(answer)
        _id(answer.fields)

    async def end_code(self, code: str) -> None:
        found = await self._find(code)
        if found is not None and found[1]:
            _id((await self._call("PUT", f"coupons/{found[0]}", body={"date_expires_gmt": _OVER})).fields)

    async def subscriptions(self) -> tuple[Subscription, ...]:
        return tuple(
            Subscription(str(one.get("topic")), str(one.get("delivery_url")), one.get("status") == "active")
            for one in await self._webhooks()
        )

    async def subscribe(self, topic: str, address: str) -> None:
        known = [
            one for one in await self._webhooks() if (one.get("topic"), one.get("delivery_url")) == (topic, address)
        ]
        if any(one.get("status") == "active" for one in known):
            return
        if known:
            await self._call("PUT", f"webhooks/{_id(known[0])}", body={"status": "active"})
            return
        if self._webhook_secret is None:
            raise Rejected("WOOCOMMERCE_WEBHOOK_SECRET is not set: no webhook can be made that we would believe")
        body = {
            "name": f"{MARK}{topic}", "topic": topic, "delivery_url": address,
            "secret": self._webhook_secret.get_secret_value(),
        }  # fmt: skip
        await self._call("POST", "webhooks", body=body)

    async def _webhooks(self) -> list[Mapping[str, Any]]:
        return _listed((await self._call("GET", "webhooks", query={"per_page": "100"})).body, "webhooks")

    async def _find(self, code: str) -> tuple[int, bool] | None:
        """The number of the coupon that has a code, and whether it is ours."""
        answer = await self._call("GET", "coupons", query={"code": code.lower()})
        same = [one for one in _listed(answer.body, "coupons") if str(one.get("code")).lower() == code.lower()]
        return (_id(same[0]), str(same[0].get("description")).startswith(MARK)) if same else None

    async def _call(
        self, method: str, path: str, *, body: Any = None, query: Mapping[str, str] | None = None, refused: bool = False
    ) -> Answer:
        """A call. Raises `Rejected` for a 4xx, unless the caller wants to see what was `refused`."""
        answer = await self._http.patiently(lambda: self._http.call(method, path, body=body, query=query))
        if not refused:
            _accept(answer)
        return answer


def _accept(answer: Answer) -> None:
    if answer.status >= 400:
        raise Rejected(f"WooCommerce refuses ({answer.status}): {told(answer.fields.get('message'))}")


def _pages(answer: Answer) -> int:
    text = answer.headers.get("x-wp-totalpages", "")
    if not text.isdecimal() or len(text) > 9:
        raise Nonsense("WooCommerce does not say how many pages of orders there are")
    return int(text)


def _listed(body: object, what: str) -> list[Mapping[str, Any]]:
    if not isinstance(body, list) or not all(isinstance(one, dict) for one in body):
        raise Nonsense(f"WooCommerce's {what} cannot be read")
    return body


def _id(fields: Mapping[str, Any]) -> int:
    id_ = fields.get("id")
    if not isinstance(id_, int) or isinstance(id_, bool):
        raise Nonsense("WooCommerce names no id of what it made")
    return id_


def _coupon(terms: Terms) -> dict[str, Any]:
    percent = terms.percent is not None
    expires = None if terms.expires_at is None else terms.expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return {
        "code": terms.code.lower(), "description": f"{MARK}{terms.code}",
        "discount_type": "percent" if percent else "fixed_cart",
        "amount": str(terms.percent if percent else terms.amount), "date_expires_gmt": expires, "usage_limit": 1,
        "minimum_amount": str(terms.minimum), "product_ids": [int(id_) for id_ in terms.products],
    }  # fmt: skip
