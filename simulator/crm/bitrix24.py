"""A stand-in for Bitrix24's REST API behind an inbound webhook: packages of fifty, a leaky bucket."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from simulator.crm.base import StandInCrm, read

LARGEST = 50
SECRET = "1/s3cr3t"  # noqa: S105 -- made up


class StandInBitrix24(StandInCrm):
    """The stand-in; its base address is `URL/rest/1/s3cr3t`."""

    name = "bitrix24"
    per_second = (50 + 2 * 25, 25.0)  # a bucket of 50 that empties by 2 a second

    async def answer(self, request: web.Request, raw: bytes) -> web.Response:
        found = re.fullmatch(r"rest/(\w+/\w+)/([\w.]+?)(\.json)?", request.match_info["path"])
        if found is None or found[1] != SECRET:
            return self.locked_out()
        body = read(raw)
        if found[2] != "batch":
            done = self._do(found[2], body if isinstance(body, dict) else {})
            return web.json_response(done, status=200 if "error" not in done else 400)
        results: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for number, (key, command) in enumerate(body["cmd"].items()):
            method, _, query = command.partition("?")
            done = (
                self._do(method, _nested(query))
                if number < LARGEST
                else {"error": "ERROR_BATCH_LENGTH_EXCEEDED", "error_description": "Max batch length exceeded"}
            )
            if "error" in done:
                errors[key] = done
            else:
                results[key] = done["result"]
        if writes := sum("crm.item." in one for one in body["cmd"].values()):
            self.batches.append(writes)
        inner: dict[str, Any] = {
            "result": results or [],
            "result_error": errors or [],
            "result_total": [],
            "result_next": [],
        }
        return web.json_response({"result": inner})

    def _do(self, method: str, params: dict[str, Any]) -> dict[str, Any]:  # noqa: PLR0911 -- a table of methods
        match method:
            case "crm.contact.userfield.list":
                return {"result": [{"FIELD_NAME": name} for name in sorted(self.fields)]}
            case "crm.contact.userfield.add":
                self.fields.add(f"UF_CRM_{params['fields']['FIELD_NAME']}")
                return {"result": len(self.fields)}
            case "crm.item.list":
                return self._list(params["filter"])
            case "crm.duplicate.findbycomm":
                values = params["values"].values() if isinstance(params["values"], dict) else params["values"]
                ids = [id_ for id_, one in self.contacts.items() if one.get("phone") in values]
                return {"result": {"CONTACT": ids} if ids else []}
            case "crm.item.add" | "crm.item.update":
                return self._write(params)
            case "crm.item.get":
                row = self.contacts.get(int(params["id"]))
                if row is None:
                    return {"error": "NOT_FOUND", "error_description": "not found"}
                lines = [{"id": 1, "typeId": "PHONE", "value": row["phone"]}] if row.get("phone") else []
                return {"result": {"item": {"id": int(params["id"]), "fm": lines, **_spelled(row)}}}
            case "crm.deal.get":
                deal = self.deals.get(int(params["id"]))
                return {"result": deal} if deal else {"error": "", "error_description": "Not found"}
        return {"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Method not found!"}

    def _list(self, which: dict[str, Any]) -> dict[str, Any]:
        ((name, values),) = which.items()
        key = "id" if name == "@id" else name.removeprefix("@UF_CRM_").lower()
        wanted = {str(value) for value in values}
        rows = [(id_, one) for id_, one in sorted(self.contacts.items())]
        found = [(id_, one) for id_, one in rows if str(id_ if key == "id" else one.get(key)) in wanted][:50]
        own = "UF_CRM_LOYALTY_MEMBER_ID"
        return {"result": {"items": [{"id": id_, own: one.get("loyalty_member_id", "")} for id_, one in found]}}

    def _write(self, params: dict[str, Any]) -> dict[str, Any]:
        values = {}
        for name, value in params["fields"].items():
            if name == "fm":
                values["phone"] = value["0"]["value"]
            else:
                values[name.removeprefix("UF_CRM_").lower()] = value
        if values.get("loyalty_member_id") in self.poisoned:
            raise web.HTTPInternalServerError(text="<html>oops</html>")
        if values.get("loyalty_member_id") in self.refused:
            return {"error": "CRM_FIELD_ERROR_REQUIRED", "error_description": "field LAST_NAME is required"}
        id_ = int(params["id"]) if "id" in params else self.put()
        if id_ not in self.contacts:
            return {"error": "NOT_FOUND", "error_description": "not found"}
        self.contacts[id_].update(values)
        return {"result": {"item": {"id": id_}}}

    def busy(self) -> web.Response:
        body = {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}
        return web.json_response(body, status=503)

    def locked_out(self) -> web.Response:
        body = {"error": "INVALID_CREDENTIALS", "error_description": "Invalid request credentials"}
        return web.json_response(body, status=401)

    def halved(self, body: Any) -> Any:
        inner = body.get("result") if isinstance(body, dict) else None
        done = inner.get("result") if isinstance(inner, dict) else None
        if inner is None or not isinstance(done, dict):
            return body
        return {"result": {**inner, "result": dict(list(done.items())[::2])}}


def _spelled(row: dict[str, Any]) -> dict[str, Any]:
    return {f"UF_CRM_{name.upper()}": value for name, value in row.items() if name.startswith("loyalty_")}


def _nested(query: str) -> dict[str, Any]:
    """A query as PHP reads it."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parts = [part for part in re.split(r"[\[\]]+", name) if part]
        inner = found
        for part in parts[:-1]:
            inner = inner.setdefault(part, {})
        inner[parts[-1]] = value
    return found
