"""Shopify's Admin API: orders over REST, since that is the very shape of its webhooks; all else over GraphQL.

Facts (shopify.dev): REST lists are paged with a cursor in the `Link` header, which goes with `limit` alone; 429 has
`Retry-After`. GraphQL answers 200 with `errors`, whose `extensions.code` is `THROTTLED` when its points are used up;
`extensions.cost` tells how fast they come back. A code that is there already is the user error `TAKEN`. Webhooks are
shown to the app that made them, and to nobody else; since 2025-10 their address is `uri`.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from service.shops.apis.api import MARK, Snapshot, Subscription, Terms, snapshots
from service.shops.apis.errors import Down, Nonsense, NotAllowed, Rejected, Wait, told
from service.shops.apis.http import LONGEST_WAIT, Http, Sleep

PAGE = 100
_NEXT = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?')
_CREATE = """mutation($input: DiscountCodeBasicInput!) {
  result: discountCodeBasicCreate(basicCodeDiscount: $input) {
    codeDiscountNode { id } userErrors { code message } } }"""
_UPDATE = """mutation($id: ID!, $input: DiscountCodeBasicInput!) {
  result: discountCodeBasicUpdate(id: $id, basicCodeDiscount: $input) {
    codeDiscountNode { id } userErrors { code message } } }"""
_END = """mutation($id: ID!) {
  result: discountCodeDeactivate(id: $id) { codeDiscountNode { id } userErrors { code message } } }"""
_FIND = """query($code: String!) {
  result: codeDiscountNodeByCode(code: $code) { id codeDiscount { ... on DiscountCodeBasic { title } } } }"""
_LIST = "query { result: webhookSubscriptions(first: 250) { nodes { topic uri } } }"
_SUBSCRIBE = """mutation($topic: WebhookSubscriptionTopic!, $to: WebhookSubscriptionInput!) {
  result: webhookSubscriptionCreate(topic: $topic, webhookSubscription: $to) { userErrors { message } } }"""


@dataclass(frozen=True, slots=True)
class ShopifyConfig:
    """Which shop, and how we are known there."""

    shop: str
    """Its domain, `….myshopify.com`."""
    token: SecretStr
    version: str
    url: str
    """Where its API is: `https://` and its domain, or a stand-in's address."""


class ShopifyApi:
    """A shop on Shopify."""

    source, order_topic = "shopify", "orders/updated"
    topics = ("orders/create", "orders/paid", "orders/updated", "orders/cancelled", "refunds/create")

    def __init__(self, config: ShopifyConfig, *, page: int = PAGE, sleep: Sleep = asyncio.sleep) -> None:
        self.shop = config.shop
        self._page = page
        headers = {"X-Shopify-Access-Token": config.token.get_secret_value()}
        base = f"{config.url.rstrip('/')}/admin/api/{config.version}"
        self._http = Http(f"Shopify ({config.shop})", base, headers=headers, sleep=sleep)

    async def __aenter__(self) -> Self:
        await self._http.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.close()

    async def orders_changed_since(self, since: datetime) -> AsyncIterator[tuple[Snapshot, ...]]:
        first = {"status": "any", "order": "updated_at asc", "updated_at_min": since.astimezone(UTC).isoformat("T")}
        query, seen = {**first, "limit": str(self._page)}, set[str]()
        while True:
            answer = await self._http.patiently(lambda query=query: self._http.call("GET", "orders.json", query=query))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            if answer.status >= 400:
                raise Rejected(f"Shopify does not list orders ({answer.status}): {told(answer.fields.get('errors'))}")
            yield snapshots(answer.fields.get("orders"), "updated_at")
            cursor = _cursor(answer.headers.get("link", ""))
            if cursor is None:
                return
            if cursor in seen:
                raise Nonsense("Shopify's pages of orders go round in a circle")
            seen.add(cursor)
            query = {"limit": str(self._page), "page_info": cursor}

    async def orders_gone_since(self, since: datetime) -> AsyncIterator[tuple[Snapshot, ...]]:
        """Shopify shows no order that was deleted."""
        none: tuple[tuple[Snapshot, ...], ...] = ()
        for page in none:
            yield page

    async def put_code(self, terms: Terms) -> None:
        result = await self._graphql(_CREATE, {"input": _input(terms)})
        errors = _errors(result)
        if any(one.get("code") == "TAKEN" for one in errors):
            found = await self._find(terms.code)
            if found is None:
                raise Down("Shopify says that a code is taken, but does not find it")
            id_, ours = found
            if not ours:
                raise Rejected("the shop has a discount with this code that is not ours")
            result = await self._graphql(_UPDATE, {"id": id_, "input": _input(terms)})
            errors = _errors(result)
        _done(result, errors)

    async def end_code(self, code: str) -> None:
        found = await self._find(code)
        if found is not None and found[1]:
            result = await self._graphql(_END, {"id": found[0]})
            _done(result, _errors(result))

    async def subscriptions(self) -> tuple[Subscription, ...]:
        result = await self._graphql(_LIST, {})
        nodes = result.get("nodes") if isinstance(result, dict) else None
        if not isinstance(nodes, list) or not all(isinstance(one, dict) for one in nodes):
            raise Nonsense("Shopify's list of webhooks cannot be read")
        return tuple(Subscription(_topic(str(one.get("topic"))), str(one.get("uri")), True) for one in nodes)

    async def subscribe(self, topic: str, address: str) -> None:
        values = {"topic": topic.replace("/", "_").upper(), "to": {"uri": address, "format": "JSON"}}
        errors = _errors(await self._graphql(_SUBSCRIBE, values))
        if errors and not any("taken" in str(one.get("message")) for one in errors):
            raise Rejected(f"Shopify makes no webhook for {topic}: {told(errors[0].get('message'))}")

    async def _find(self, code: str) -> tuple[str, bool] | None:
        """The id of the discount that has a code, and whether it is ours."""
        result = await self._graphql(_FIND, {"code": code})
        if result is None:
            return None
        id_, kind = result.get("id"), result.get("codeDiscount")
        if not isinstance(id_, str) or not id_:
            raise Nonsense("Shopify names no id of a discount")
        title = kind.get("title") if isinstance(kind, dict) else None
        return id_, isinstance(title, str) and title.startswith(MARK)

    async def _graphql(self, query: str, variables: Mapping[str, Any]) -> Any:
        """What a query's `result` holds: an object, or None if there is nothing."""
        return await self._http.patiently(lambda: self._ask(query, variables))

    async def _ask(self, query: str, variables: Mapping[str, Any]) -> Any:
        answer = await self._http.call("POST", "graphql.json", body={"query": query, "variables": variables})
        errors = answer.fields.get("errors")
        if errors:
            _refuse(errors, answer.fields.get("extensions"))
        data = answer.fields.get("data")
        if not isinstance(data, dict) or "result" not in data or not isinstance(data["result"], dict | None):
            raise Nonsense(f"Shopify answered {answer.status} without what was asked for")
        return data["result"]


def _refuse(errors: object, extensions: object) -> None:
    """Raise what the errors of an answer mean."""
    found = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    codes = {str(one["extensions"].get("code")) for one in found if isinstance(one.get("extensions"), dict)}
    said = told(found[0].get("message") if found else errors)
    if "THROTTLED" in codes:
        raise Wait("Shopify asks us to slow down", after=_until_paid(extensions))
    if "ACCESS_DENIED" in codes:
        raise NotAllowed(f"Shopify does not give us the right: {said}")
    if codes & {"INTERNAL_SERVER_ERROR", "TIMEOUT"}:
        raise Down(f"Shopify failed: {said}")
    raise Rejected(f"Shopify refuses: {said}")


def _until_paid(extensions: object) -> timedelta:
    """How long until a query's cost has come back: what it asks for less what is there, by the rate of restoring."""
    cost = extensions.get("cost") if isinstance(extensions, dict) else None
    status = cost.get("throttleStatus") if isinstance(cost, dict) else None
    if not isinstance(cost, dict) or not isinstance(status, dict):
        return timedelta(seconds=2)
    try:
        asked, there, rate = (
            float(cost["requestedQueryCost"]), float(status["currentlyAvailable"]), float(status["restoreRate"]),
        )  # fmt: skip
        after = timedelta(seconds=(asked - there) / rate)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        after = timedelta(seconds=2)
    return min(max(after, timedelta(seconds=0.5)), LONGEST_WAIT)


def _input(terms: Terms) -> dict[str, Any]:
    if terms.percent is not None:
        value: dict[str, Any] = {"percentage": float(terms.percent / Decimal(100))}
    else:
        value = {"discountAmount": {"amount": str(terms.amount), "appliesOnEachItem": False}}
    products = [f"gid://shopify/Product/{id_}" for id_ in terms.products]
    items: dict[str, Any] = {"products": {"productsToAdd": products}} if products else {"all": True}
    return {
        "title": f"{MARK}{terms.code}", "code": terms.code, "startsAt": _iso(terms.starts_at),
        "endsAt": _iso(terms.expires_at), "usageLimit": 1, "context": {"all": "ALL"},
        "customerGets": {"value": value, "items": items},
        "minimumRequirement": (
            {"subtotal": {"greaterThanOrEqualToSubtotal": str(terms.minimum)}} if terms.minimum else None
        ),
    }  # fmt: skip


def _errors(result: Any) -> list[Mapping[str, Any]]:
    found = result.get("userErrors") if isinstance(result, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Nonsense("Shopify does not say whether it worked")
    return found


def _done(result: Mapping[str, Any], errors: list[Mapping[str, Any]]) -> None:
    if errors:
        raise Rejected(f"Shopify refuses the code: {told(errors[0].get('message'))}")
    if not isinstance(result.get("codeDiscountNode"), dict):
        raise Nonsense("Shopify does not show the discount")


def _cursor(link: str) -> str | None:
    """The cursor of the next page. Only that is taken of the address: nothing sends our token elsewhere."""
    found = _NEXT.search(link)
    if found is None:
        return None
    cursor = parse_qs(urlsplit(found[1]).query).get("page_info")
    if not cursor:
        raise Nonsense("Shopify names a next page without its cursor")
    return cursor[0]


def _topic(name: str) -> str:
    return name.lower().replace("_", "/", 1)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
