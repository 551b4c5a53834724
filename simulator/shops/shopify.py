"""A stand-in for Shopify's Admin API: orders over REST with cursors, discounts and webhooks over GraphQL.

It knows the documents that it is asked by the name of their one field, not GraphQL as such, and checks their variables.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any

from aiohttp import web

from simulator.shops.base import Code, StandInShop, Webhook

_FIELD = re.compile(r"result:\s*(\w+)")
_REQUIRED = {"title", "code", "startsAt", "context", "customerGets"}


class StandInShopify(StandInShop):
    """The stand-in; `token` is the app's. `points` are what GraphQL queries cost, restored at `rate` a second."""

    def __init__(self, token: str = "shpat_stand_in", version: str = "2026-10") -> None:  # noqa: S107 -- made up
        super().__init__()
        self.token, self.version = token, version
        self.rate = 100.0
        self.short = 30.0
        """So many points a query lacks that is throttled."""

    def lets_in(self, request: web.Request) -> bool:
        return request.headers.get("X-Shopify-Access-Token") == self.token

    async def answer(self, request: web.Request, body: Any) -> web.Response:
        base = f"admin/api/{self.version}/"
        path = request.match_info["path"]
        if path == f"{base}orders.json" and request.method == "GET":
            return await self._orders(request)
        if path == f"{base}graphql.json" and request.method == "POST" and isinstance(body, dict):
            return self._graphql(body)
        return web.json_response({"errors": "Not Found"}, status=404)

    async def _orders(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        limit = int(query.pop("limit", "50"))
        if not 1 <= limit <= 250:
            return web.json_response({"errors": "limit must be between 1 and 250"}, status=400)
        if cursor := query.pop("page_info", None):
            if query:  # as documented: nothing but limit goes with a cursor
                return web.json_response({"errors": f"page_info cannot be used with {sorted(query)}"}, status=400)
            since, _, last = urlsafe_b64decode(cursor).decode().partition("|")
            after = (datetime.fromisoformat(since), int(last))
        else:
            if query.get("status") != "any" or query.get("order") != "updated_at asc":
                return web.json_response({"errors": "the stand-in wants status=any and an order"}, status=400)
            after = (datetime.fromisoformat(query["updated_at_min"]), -1)
        rows = sorted((datetime.fromisoformat(one["updated_at"]), id_) for id_, one in self.orders.items())
        found = [row for row in rows if row > after]
        page = found[:limit]
        headers = {}
        if len(found) > limit:
            at, id_ = page[-1]
            cursor = urlsafe_b64encode(f"{at.isoformat()}|{id_}".encode()).decode()
            headers["Link"] = f'<https://evil.example/orders.json?limit={limit}&page_info={cursor}>; rel="next"'
        answer = web.json_response({"orders": [self.orders[id_] for _, id_ in page]}, headers=headers)
        await self.listed()
        return answer

    def _graphql(self, body: dict[str, Any]) -> web.Response:
        named = _FIELD.search(str(body.get("query")))
        given = body.get("variables") or {}
        match named and named[1]:
            case "discountCodeBasicCreate":
                return self._put(given["input"], None)
            case "discountCodeBasicUpdate":
                return self._put(given["input"], given["id"])
            case "discountCodeDeactivate":
                return self._end(given["id"])
            case "codeDiscountNodeByCode":
                found = self.codes.get(given["code"].upper())
                return _data(found and {"id": _gid(found), "codeDiscount": {"title": found.title}})
            case "webhookSubscriptions":
                nodes = [{"topic": one.topic.replace("/", "_").upper(), "uri": one.address} for one in self.webhooks]
                return _data({"nodes": nodes})
            case "webhookSubscriptionCreate":
                return self._subscribe(given["topic"].lower().replace("_", "/", 1), given["to"]["uri"])
        return web.json_response(
            {"errors": [{"message": "Field doesn't exist", "extensions": {"code": "undefinedField"}}]}
        )

    def _put(self, given: dict[str, Any], id_: str | None) -> web.Response:
        if missing := sorted(_REQUIRED - given.keys()):
            return _said([{"code": "BLANK", "message": f"{missing[0]} can't be blank"}])
        value = given["customerGets"]["value"]
        if not 0 < value.get("percentage", 0.5) <= 1:
            return _said([{"code": "VALUE_OUTSIDE_RANGE", "message": "Value must be between 0.0 and 1.0"}])
        code = given["code"].upper()
        known = self.codes.get(code)
        if id_ is None and known is not None:
            return _said([{"code": "TAKEN", "message": "Code must be unique. Please try a different code."}])
        if id_ is None:
            known = self.codes[code] = Code(self.number(), given["title"], given)
        elif known is None or _gid(known) != id_:
            return _said([{"code": "INVALID", "message": "Discount does not exist"}])
        else:
            known.terms, known.ended, known.made = given, False, known.made + 1
        return _said([], known)

    def _end(self, id_: str) -> web.Response:
        known = next((one for one in self.codes.values() if _gid(one) == id_), None)
        if known is None:
            return _said([{"code": "INVALID", "message": "Discount does not exist"}])
        known.ended, known.ends = True, known.ends + 1
        return _said([], known)

    def _subscribe(self, topic: str, address: str) -> web.Response:
        if any((one.topic, one.address) == (topic, address) for one in self.webhooks):
            return _data({"userErrors": [{"message": "Address for this topic has already been taken"}]})
        if not address.startswith("https://"):
            return _data({"userErrors": [{"message": "Address protocol http:// is not supported"}]})
        self.webhooks.append(Webhook(self.number(), topic, address))
        return _data({"userErrors": []})

    def busy(self, request: web.Request) -> web.Response:
        if not request.match_info["path"].endswith("graphql.json"):
            return web.json_response(
                {"errors": "Exceeded 2 calls per second"}, status=429, headers={"Retry-After": "2.0"}
            )
        status = {"maximumAvailable": 2000.0, "currentlyAvailable": 10.0, "restoreRate": self.rate}
        cost = {"requestedQueryCost": 10 + self.short, "actualQueryCost": None, "throttleStatus": status}
        errors = [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
        return web.json_response({"errors": errors, "extensions": {"cost": cost}})

    def locked_out(self) -> web.Response:
        said = "[API] Invalid API key or access token (unrecognized login or wrong password)"
        return web.json_response({"errors": said}, status=401)

    def forbidden(self, request: web.Request) -> web.Response:
        if request.match_info["path"].endswith("graphql.json"):
            denied = {
                "message": "Access denied for discountCodeBasicCreate field.",
                "extensions": {"code": "ACCESS_DENIED"},
            }
            return web.json_response({"errors": [denied]})
        said = "[API] This action requires merchant approval for read_orders scope."
        return web.json_response({"errors": said}, status=403)


def _gid(code: Code) -> str:
    return f"gid://shopify/DiscountCodeNode/{code.id}"


def _data(result: Any) -> web.Response:
    return web.json_response({"data": {"result": result}, "extensions": {"cost": {"requestedQueryCost": 10}}})


def _said(errors: list[dict[str, str]], code: Code | None = None) -> web.Response:
    return _data({"codeDiscountNode": None if code is None else {"id": _gid(code)}, "userErrors": errors})
