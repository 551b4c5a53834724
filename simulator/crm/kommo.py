"""A stand-in for Kommo v4: arrays of contacts, fields by code, 204 where nothing is found, seven calls a second."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from simulator.crm.base import StandInCrm, read

LARGEST = 250


class StandInKommo(StandInCrm):
    """The stand-in; `token` is a long-lived one."""

    name = "kommo"
    per_second = (7, 1.0)

    def __init__(self, token: str = "kommo-token", **more: Any) -> None:  # noqa: S107 -- made up
        super().__init__(**more)
        self.token = token
        self.fields = {"PHONE", "EMAIL"}

    async def answer(self, request: web.Request, raw: bytes) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return self.locked_out()
        path, body = request.match_info["path"], read(raw)
        if path == "api/v4/contacts/custom_fields":
            return self._fields(request, body)
        if path == "api/v4/contacts":
            return self._search(request.query.get("query", "")) if request.method == "GET" else self._write(body)
        if found := re.fullmatch(r"api/v4/(contacts|leads)/(\d+)", path):
            id_ = int(found[2])
            row = (self.contacts if found[1] == "contacts" else self.deals).get(id_)
            if row is None:
                return web.Response(status=204)
            return web.json_response(_shown(id_, row) if found[1] == "contacts" else {"id": id_, **row})
        return _problem(404, "Not Found")

    def _fields(self, request: web.Request, body: Any) -> web.Response:
        if request.method == "POST":
            self.fields |= {one["code"] for one in body}
        page, size = int(request.query.get("page", 1)), int(request.query.get("limit", 50))
        found = [{"code": code} for code in sorted(self.fields)][(page - 1) * size : page * size]
        return web.json_response({"_embedded": {"custom_fields": found}}) if found else web.Response(status=204)

    def _search(self, words: str) -> web.Response:
        found = [
            _shown(id_, one) for id_, one in self.contacts.items()
            if any(words in str(value) for value in one.values())
        ]  # fmt: skip
        return web.json_response({"_embedded": {"contacts": found}}) if found else web.Response(status=204)

    def _write(self, body: Any) -> web.Response:
        if not 0 < len(body) <= LARGEST:
            return _problem(400, "too many")
        read_ = [(one, _values(one)) for one in body]
        self.fails_on([one["request_id"] for one in body])
        wrong = [one["request_id"] for one in body if one["request_id"] in self.refused]
        unknown = {name.upper() for _, values in read_ for name in values if name != "phone"} - self.fields
        if wrong or unknown:
            detail = {"code": "InvalidValue", "path": "custom_fields_values.0", "detail": "Invalid value +393331234567"}
            errors = [{"request_id": one, "errors": [detail]} for one in wrong or ["0"]]
            return _problem(400, "Request validation failed", **{"validation-errors": errors})
        if any("id" in one and one["id"] not in self.contacts for one in body):
            return _problem(404 if len(body) == 1 else 400, "Entity not found")
        made = []
        for one, values in read_:
            id_ = one["id"] if "id" in one else self.put()
            self.contacts[id_].update(values, **({"name": one["name"]} if "name" in one else {}))
            made.append({"id": id_, "request_id": one["request_id"]})
        return web.json_response({"_embedded": {"contacts": made}})

    def busy(self) -> web.Response:
        return _problem(429, "Too many requests")

    def locked_out(self) -> web.Response:
        return _problem(401, "Unauthorized")

    def halved(self, body: Any) -> Any:
        if not isinstance(body, dict) or "contacts" not in body.get("_embedded", {}):
            return body
        return {"_embedded": {"contacts": body["_embedded"]["contacts"][::2]}}


def _values(one: dict[str, Any]) -> dict[str, Any]:
    """Fields by our names; an emptied one is an empty text."""
    found = {}
    for field in one["custom_fields_values"]:
        values = field["values"]
        found[field["field_code"].lower()] = values[0]["value"] if values else ""
    return found


def _shown(id_: int, row: dict[str, Any]) -> dict[str, Any]:
    fields = [
        {"field_code": name.upper(), "values": [{"value": value}]}
        for name, value in row.items()
        if name != "name" and value != ""
    ]
    return {"id": id_, "name": row.get("name", ""), "custom_fields_values": fields or None}


def _problem(status: int, detail: str, **more: Any) -> web.Response:
    body = {"title": "Error", "status": status, "detail": detail, **more}
    return web.json_response(body, status=status, content_type="application/problem+json")
