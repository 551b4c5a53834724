"""A stand-in for RetailCRM v5: forms with JSON in them, customers by external id, bonus accounts without keys."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from simulator.crm.base import KEY, StandInCrm

PREFIX = "passaparola-"


class StandInRetailCrm(StandInCrm):
    """The stand-in; `accounts` are bonus accounts by number, `operations` what was credited and charged."""

    name = "retailcrm"
    per_second = (10, 1.0)

    def __init__(self, key: str = "retail-key", site: str = "shop", **more: Any) -> None:
        super().__init__(**more)
        self.key, self.site = key, site
        self.accounts: dict[int, dict[str, Any]] = {}
        self.operations: list[tuple[int, int]] = []

    async def answer(self, request: web.Request, raw: bytes) -> web.Response:  # noqa: PLR0911 -- a table of paths
        if request.headers.get("X-API-KEY") != self.key:
            return self.locked_out()
        path = request.match_info["path"].removeprefix("api/v5/")
        form = {name: values[0] for name, values in parse_qs(raw.decode()).items()}
        query = request.query
        if path == "custom-fields":
            fields = [{"code": code} for code in sorted(self.fields)]
            return _fine(customFields=fields, pagination={"totalPageCount": 1})
        if path == "custom-fields/customer/create":
            self.fields.add(json.loads(form["customField"])["code"])
            return _fine()
        if path == "customers":
            wanted = query.getall("filter[externalIds][]")
            rows = [(id_, one) for id_, one in self.contacts.items() if one.get("externalId") in wanted]
            return _fine(customers=[{"id": id_, "externalId": one["externalId"]} for id_, one in rows])
        if path == "customers/create":
            return self._write(None, json.loads(form["customer"]), form)
        if found := re.fullmatch(r"customers/(\d+)/edit", path):
            return self._write(int(found[1]), json.loads(form["customer"]), form)
        if found := re.fullmatch(r"(customers|orders)/(\d+)", path):
            rows_ = self.contacts if found[1] == "customers" else self.deals
            row = rows_.get(int(found[2]))
            if row is None:
                return _wrong(404, "Not found")
            shown: dict[str, Any] = {found[1][:-1]: {"id": int(found[2]), **row}}
            return _fine(200, **shown)
        return self._loyalty(path, query.get("filter[customerId]", ""), form)

    def _write(self, id_: int | None, customer: dict[str, Any], form: dict[str, str]) -> web.Response:
        values = customer["customFields"]
        if form["site"] != self.site:
            return _wrong(400, "Site not found")
        self.fails_on([values[KEY] or ""])
        if values[KEY] in self.refused:
            return _wrong(400, "Errors in the entity format", errors={"customer[phones]": "wrong +393331234567"})
        if set(values) - self.fields:
            return _wrong(400, "unknown custom field")
        if id_ is None:
            if any(one.get("externalId") == customer["externalId"] for one in self.contacts.values()):
                return _wrong(400, "Customer already exists.")
            id_ = self.put(externalId=customer["externalId"], firstName=customer["firstName"])
            self.contacts[id_]["phones"] = customer.get("phones", [])
            self.contacts[id_].update(values)
            return _fine(201, id=id_)
        if id_ not in self.contacts:
            return _wrong(404, "Not found")
        self.contacts[id_].update(values)
        return _fine(id=id_)

    def _loyalty(self, path: str, customer: str, form: dict[str, str]) -> web.Response:
        if path == "loyalty/accounts":
            found = [one for one in self.accounts.values() if str(one["customer"]["id"]) == customer]
            return _fine(loyaltyAccounts=found)
        if path == "loyalty/account/create":
            number = len(self.accounts) + 1
            said = json.loads(form["loyaltyAccount"])
            self.accounts[number] = {"id": number, "active": False, "amount": 0, "customer": said["customer"]}
            return _fine(loyaltyAccount={"customer": said["customer"]}, warnings=[])
        found_ = re.fullmatch(r"loyalty/account/(\d+)/(activate|bonus/credit|bonus/charge)", path)
        if found_ is None or (account := self.accounts.get(int(found_[1]))) is None:
            return _wrong(404, "Not found")
        if found_[2] == "activate":
            account["active"] = True
            return _fine()
        amount = int(form["amount"]) * (1 if found_[2] == "bonus/credit" else -1)
        if not account["active"] or account["amount"] + amount < 0:
            return _wrong(400, "Not enough bonuses")
        account["amount"] += amount
        self.operations.append((account["id"], amount))
        return _fine()

    def busy(self) -> web.Response:
        return _wrong(503, "API rate limit exceeded")

    def locked_out(self) -> web.Response:
        return _wrong(403, 'Wrong "apiKey" value.')

    def halved(self, body: Any) -> Any:
        return {"success": True}


def _fine(status: int = 200, **more: Any) -> web.Response:
    return web.json_response({"success": True, **more}, status=status)


def _wrong(status: int, message: str, **more: Any) -> web.Response:
    return web.json_response({"success": False, "errorMsg": message, **more}, status=status)
