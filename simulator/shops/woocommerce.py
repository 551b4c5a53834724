"""A stand-in for WooCommerce's REST API: orders with pages by number, coupons in small letters, webhooks."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from datetime import datetime
from typing import Any

from aiohttp import web

from simulator.shops.base import Code, StandInShop, Webhook

_COUPON, _WEBHOOK = re.compile(r"coupons/(\d+)"), re.compile(r"webhooks/(\d+)")


class StandInWooCommerce(StandInShop):
    """The stand-in, with the key of its user."""

    def __init__(self, key: str = "ck_stand_in", secret: str = "cs_stand_in") -> None:  # noqa: S107 -- made up
        super().__init__()
        self.expected = f"Basic {b64encode(f'{key}:{secret}'.encode()).decode()}"
        self.secrets: list[str] = []
        """What webhooks are signed with that were made over the API."""

    def lets_in(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == self.expected

    async def answer(self, request: web.Request, body: Any) -> web.Response:
        path = request.match_info["path"].removeprefix("wp-json/wc/v3/")
        match request.method, path:
            case "GET", "orders":
                return await self._orders(dict(request.query))
            case "POST", "coupons":
                return self._create(body)
            case "GET", "coupons":
                known = self.codes.get(request.query["code"].upper())
                return web.json_response([_coupon(known)] if known is not None else [])
            case "GET", "webhooks":
                return web.json_response([_webhook(one) for one in self.webhooks])
            case "POST", "webhooks":
                self.webhooks.append(Webhook(self.number(), body["topic"], body["delivery_url"]))
                self.secrets.append(body["secret"])
                return web.json_response(_webhook(self.webhooks[-1]), status=201)
            case "PUT", _ if found := _COUPON.fullmatch(path):
                return self._change(int(found[1]), body)
            case "PUT", _ if found := _WEBHOOK.fullmatch(path):
                hook = next(one for one in self.webhooks if one.id == int(found[1]))
                hook.active = body["status"] == "active"
                return web.json_response(_webhook(hook))
        return _error("rest_no_route", "No route was found matching the URL and request method.", 404)

    async def _orders(self, query: dict[str, str]) -> web.Response:
        per_page, page = int(query.get("per_page", "10")), int(query.get("page", "1"))
        if not 1 <= per_page <= 100:
            return _error("rest_invalid_param", "Invalid parameter(s): per_page", 400)
        wanted = {"orderby": "modified", "order": "asc", "dates_are_gmt": "true"}
        if query.get("status") not in {"any", "trash"} or any(
            query.get(name) != value for name, value in wanted.items()
        ):
            return _error("rest_invalid_param", "the stand-in wants the orders by their change", 400)
        after, binned = datetime.fromisoformat(query["modified_after"]), query["status"] == "trash"
        found = sorted(
            (at, id_) for id_, one in self.orders.items()
            if (at := datetime.fromisoformat(one["date_modified_gmt"])) > after and binned is (one["status"] == "trash")
        )  # fmt: skip
        here = found[per_page * (page - 1) : per_page * page]
        headers = {"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(math.ceil(len(found) / per_page))}
        answer = web.json_response([self.orders[id_] for _, id_ in here], headers=headers)
        if not binned:
            await self.listed()
        return answer

    def _create(self, body: dict[str, Any]) -> web.Response:
        code = body["code"].upper()
        if code in self.codes:
            return _error("woocommerce_rest_coupon_code_already_exists", "The coupon code already exists", 400)
        if body["discount_type"] == "percent" and float(body["amount"]) > 100:
            return _error("coupon_invalid_amount", "Invalid discount amount.", 400)
        self.codes[code] = Code(self.number(), body["description"], dict(body))
        return web.json_response(_coupon(self.codes[code]), status=201)

    def _change(self, id_: int, body: dict[str, Any]) -> web.Response:
        known = next((one for one in self.codes.values() if one.id == id_), None)
        if known is None:
            return _error("woocommerce_rest_shop_coupon_invalid_id", "Invalid ID.", 400)
        known.terms |= body
        over = (known.terms.get("date_expires_gmt") or "9") < "2001"
        if over:
            known.ends += 1
        else:
            known.made += 1
        known.ended = over
        return web.json_response(_coupon(known))

    def busy(self, request: web.Request) -> web.Response:
        return web.json_response({"message": "Too many requests"}, status=429, headers={"Retry-After": "3"})

    def locked_out(self) -> web.Response:
        return _error("woocommerce_rest_authentication_error", "Consumer key is invalid.", 401)

    def forbidden(self, request: web.Request) -> web.Response:
        return _error("woocommerce_rest_cannot_view", "Sorry, you cannot list resources.", 403)


def _coupon(code: Code) -> dict[str, Any]:
    return {"id": code.id, "code": code.terms["code"].lower(), "description": code.title, "usage_count": code.used}


def _webhook(hook: Webhook) -> dict[str, Any]:
    status = "active" if hook.active else "disabled"
    return {"id": hook.id, "topic": hook.topic, "delivery_url": hook.address, "status": status}


def _error(code: str, message: str, status: int) -> web.Response:
    return web.json_response({"code": code, "message": message, "data": {"status": status}}, status=status)
