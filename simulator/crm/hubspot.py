"""A stand-in for HubSpot's contacts, properties and deals, as version 3 and the dated versions of the API have them."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from simulator.crm.base import KEY, StandInCrm, read

LARGEST = 100


class StandInHubSpot(StandInCrm):
    """The stand-in; `token` is the one of the private app. It starts without our properties."""

    name = "hubspot"
    per_second = (100, 10.0)

    def __init__(self, token: str = "hubspot-token", **more: Any) -> None:  # noqa: S107 -- made up
        super().__init__(**more)
        self.token = token
        self.scopes = True
        self.fields = {"email", "firstname", "lastname", "phone"}

    async def answer(self, request: web.Request, raw: bytes) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return self.locked_out()
        if not self.scopes:
            return _error(403, "MISSING_SCOPES", "This app hasn't been granted all required scopes")
        path, body = request.match_info["path"], read(raw)
        if re.fullmatch(r"crm/(v3/properties|properties/[\d-]+)/contacts", path):
            return web.json_response({"results": [{"name": name} for name in sorted(self.fields)]})
        if path.endswith("contacts/batch/create") and "properties" in path:
            made = [one["name"] for one in body["inputs"]]
            if set(made) & self.fields:
                return _error(409, "OBJECT_ALREADY_EXISTS", "a property with this name exists")
            self.fields |= set(made)
            return web.json_response({"status": "COMPLETE", "results": [{"name": name} for name in made]}, status=201)
        if found := re.search(r"contacts/batch/(upsert|update)$", path):
            return self._batch(found[1], body)
        if found := re.search(r"/(contacts|deals)/(\d+)$", path):
            return self._one(found[1], int(found[2]))
        return _error(404, "OBJECT_NOT_FOUND", "no such path")

    def _batch(self, how: str, body: Any) -> web.Response:
        inputs = body["inputs"] if isinstance(body, dict) else []
        if not 0 < len(inputs) <= LARGEST:
            return _error(400, "VALIDATION_ERROR", f"the batch holds at most {LARGEST} inputs")
        unknown = {name for one in inputs for name in one["properties"]} - self.fields
        if unknown:
            return _error(400, "VALIDATION_ERROR", f"PROPERTY_DOESNT_EXIST: {sorted(unknown)[0]}")
        members = [one["objectWriteTraceId"] for one in inputs]
        self.fails_on(members)
        if self.refused & set(members):  # one that is not valid spoils the batch
            return _error(400, "VALIDATION_ERROR", "Property values were not valid: +393331234567")
        results, errors = [], []
        for one in inputs:
            id_ = self._find(one)
            if id_ is None and how == "update":
                errors.append({
                    "status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some CONTACT objects",
                    "context": {"ids": [one["id"]]},
                })  # fmt: skip
                continue
            new = id_ is None
            id_ = self.put() if id_ is None else id_
            if new and one.get("idProperty") == KEY:
                self.contacts[id_][KEY] = one["id"]
            self.contacts[id_].update(one["properties"])
            results.append({
                "id": str(id_), "new": new, "objectWriteTraceId": one["objectWriteTraceId"],
                "properties": {"hs_object_id": str(id_)},
            })  # fmt: skip
        answer: dict[str, Any] = {"status": "COMPLETE", "results": results}
        if errors:
            answer |= {"numErrors": len(errors), "errors": errors}
        return web.json_response(answer, status=207 if errors else 200)

    def _find(self, one: dict[str, Any]) -> int | None:
        if one.get("idProperty") == KEY:
            return next((id_ for id_, kept in self.contacts.items() if kept.get(KEY) == one["id"]), None)
        return int(one["id"]) if int(one["id"]) in self.contacts else None

    def _one(self, kind: str, id_: int) -> web.Response:
        rows = self.contacts if kind == "contacts" else self.deals
        if id_ not in rows:
            return _error(404, "OBJECT_NOT_FOUND", "Object not found")
        row = dict(rows[id_])
        links = [{"id": str(one), "type": "deal_to_contact"} for one in row.pop("contacts", [])]
        answer: dict[str, Any] = {"id": str(id_), "properties": row}
        return web.json_response(answer | ({"associations": {"contacts": {"results": links}}} if links else {}))

    def busy(self) -> web.Response:
        answer = _error(429, "RATE_LIMITS", "You have reached your ten_secondly_rolling limit.")
        answer.headers["Retry-After"] = "7"
        return answer

    def locked_out(self) -> web.Response:
        return _error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")

    def halved(self, body: Any) -> Any:
        return {**body, "results": body["results"][::2]} if isinstance(body, dict) and "results" in body else body


def _error(status: int, category: str, message: str) -> web.Response:
    body = {"status": "error", "category": category, "message": message, "correlationId": "c0ffee"}
    return web.json_response(body, status=status)
