"""A stand-in for Zoho CRM v8 and its accounts server: tokens of an hour, upserts, one result for each record."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from simulator.crm.base import KEY, StandInCrm, read

LARGEST = 100


def small(name: str) -> str:
    """`Loyalty_Points` as we call it."""
    return name.lower()


class StandInZoho(StandInCrm):
    """The stand-in. `expire()` ends the access token that is out."""

    name = "zoho"

    def __init__(self, refresh_token: str = "zoho-refresh", **more: Any) -> None:  # noqa: S107 -- made up
        super().__init__(**more)
        self.refresh_token, self.token, self.renewed = refresh_token, "", 0

    def expire(self) -> None:
        """The hour of the access token is over."""
        self.token = ""

    async def answer(self, request: web.Request, raw: bytes) -> web.Response:
        path, body = request.match_info["path"], read(raw) if raw[:1] in b"{[" else None
        if path == "oauth/v2/token":
            return self._renew(parse_qs(raw.decode()))
        if not self.token or request.headers.get("Authorization") != f"Zoho-oauthtoken {self.token}":
            return self.locked_out()
        if path == "crm/v8/settings/fields":
            return web.json_response({"fields": [{"api_name": name} for name in sorted(self.fields)]})
        if path in {"crm/v8/Contacts", "crm/v8/Contacts/upsert"}:
            return self._write(body, upsert=path.endswith("upsert"))
        if path == "crm/v8/Contacts/search":
            wanted = re.fullmatch(r"\(Loyalty_Member_Id:equals:(\w+)\)", request.query["criteria"])
            ids = [id_ for id_, one in self.contacts.items() if wanted and one.get(KEY) == wanted[1]]
            return web.json_response({"data": [{"id": str(id_)} for id_ in ids]}) if ids else web.Response(status=204)
        if found := re.fullmatch(r"crm/v8/(Contacts|Deals)/(\d+)", path):
            rows = self.contacts if found[1] == "Contacts" else self.deals
            row = rows.get(int(found[2]))
            if row is None:
                return web.Response(status=204)
            spelled = {"_".join(part.capitalize() for part in name.split("_")): value for name, value in row.items()}
            return web.json_response({"data": [{"id": found[2], **spelled}]})
        return web.json_response({"code": "INVALID_URL_PATTERN", "status": "error"}, status=404)

    def _renew(self, form: dict[str, list[str]]) -> web.Response:
        if form.get("refresh_token") != [self.refresh_token]:
            return web.json_response({"error": "invalid_code"})
        self.renewed += 1
        self.token = f"access-{self.renewed}"
        return web.json_response({"access_token": self.token, "expires_in": 3600, "token_type": "Bearer"})

    def _write(self, body: Any, *, upsert: bool) -> web.Response:
        data = body["data"]
        if not 0 < len(data) <= LARGEST:
            return web.json_response({"code": "INVALID_DATA", "message": "too many", "status": "error"}, status=400)
        self.fails_on([one["Loyalty_Member_Id"] or "" for one in data])
        results = [self._record(one, upsert=upsert) for one in data]
        bad = sum(one["status"] == "error" for one in results)
        return web.json_response({"data": results}, status=200 if not bad else 207 if bad < len(results) else 400)

    def _record(self, one: dict[str, Any], *, upsert: bool) -> dict[str, Any]:
        member = one["Loyalty_Member_Id"]
        if member in self.refused:
            return _wrong("INVALID_DATA", "Phone")
        if upsert and not one.get("Last_Name"):
            return _wrong("MANDATORY_NOT_FOUND", "Last_Name")
        values = {small(name): value for name, value in one.items() if name != "id"}
        if upsert:
            id_ = next((key for key, row in self.contacts.items() if row.get(KEY) == member), None)
        else:
            id_ = int(one["id"])
            if id_ not in self.contacts:
                return _wrong("INVALID_DATA", "id")
        new = id_ is None
        id_ = self.put() if id_ is None else id_
        self.contacts[id_].update(values)
        return {
            "code": "SUCCESS", "status": "success", "action": "insert" if new else "update",
            "message": "record added" if new else "record updated", "details": {"id": str(id_)},
        }  # fmt: skip

    def busy(self) -> web.Response:
        body = {"code": "TOO_MANY_REQUESTS", "message": "you have exceeded the limit", "status": "error"}
        return web.json_response(body, status=429)

    def locked_out(self) -> web.Response:
        body = {"code": "INVALID_TOKEN", "message": "invalid oauth token", "status": "error", "details": {}}
        return web.json_response(body, status=401)

    def halved(self, body: Any) -> Any:
        return {"data": body["data"][::2]} if isinstance(body, dict) and "data" in body else body


def _wrong(code: str, field: str) -> dict[str, Any]:
    return {"code": code, "status": "error", "message": "invalid data", "details": {"api_name": field}}


FIELDS = tuple(
    f"Loyalty_{name}"
    for name in (
        "Member_Id", "Programme", "Name", "Phone", "Language", "Points", "Points_Pending", "Points_Lifetime", "Tier",
        "Tier_Name", "Referral_Code", "Referral_Link", "Friends_Joined", "Friends_Converted", "Last_Reward",
        "Last_Reward_On", "Badges", "Marketing", "Joined_On",
    )
)  # fmt: skip
"""The fields that an operator makes by hand."""
