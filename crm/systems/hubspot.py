"""HubSpot: contacts upserted by a unique property of ours.

Sources: developers.hubspot.com, "Contacts" (batch upsert and update, 100 inputs), "Properties" (batch create), "Error
handling" (207 with `objectWriteTraceId` for each input, 429 with `policyName`), "API usage guidelines" (100 calls in
10 s on the smallest plan), "Deals".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Self

from calls.answers import Answer
from crm.card import FIELDS, KEY, Field, Value, blank
from crm.errors import BadBatch, Down, Nonsense, NotAllowed, Wait, told
from crm.http import Http, wait_of
from crm.pace import Pace
from crm.reading import amount_of, instant_of, items, text_of
from crm.system import Checked, Contact, Deal, Known, Missing, Rejected, Results, Written
from loyalty.ids import MemberId

BATCH = 100
RATE, BURST = 8.0, 10
_TYPES = {"text": ("string", "text"), "number": ("number", "number"), "day": ("date", "date"),
          "flag": ("bool", "booleancheckbox")}  # fmt: skip
_YES_NO = [{"label": "Yes", "value": "true"}, {"label": "No", "value": "false"}]


@dataclass(frozen=True, slots=True)
class HubSpotConfig:
    """`version` is `v3` or a dated one such as `2026-03`: it decides the paths."""

    url: str
    token: str
    version: str = "v3"

    def __repr__(self) -> str:
        return f"HubSpotConfig({self.url}, {self.version})"

    def path(self, what: str) -> str:
        """The path of `objects` or `properties`."""
        return f"crm/v3/{what}" if self.version == "v3" else f"crm/{what}/{self.version}"


class HubSpot:
    """See `crm.system.System`."""

    name = "hubspot"
    batch = BATCH

    def __init__(self, config: HubSpotConfig, *, pace: Pace | None = None) -> None:
        self._contacts, self._deals = f"{config.path('objects')}/contacts", f"{config.path('objects')}/deals"
        self._properties = f"{config.path('properties')}/contacts"
        headers = {"Authorization": f"Bearer {config.token}"}
        self._http = Http("HubSpot", config.url, headers=headers, pace=pace or Pace(RATE, BURST))

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.__aexit__(*error)

    async def check(self) -> Checked:
        answer = await self._call("GET", self._properties)
        known = {text_of(one.get("name")) for one in items(answer.fields.get("results"), "HubSpot's properties")}
        return Checked(tuple(field.key for field in FIELDS if field.key not in known))

    async def prepare(self) -> None:
        missing = (await self.check()).missing
        if not missing:
            return
        inputs = [_definition(field) for field in FIELDS if field.key in missing]
        answer = await self._call("POST", f"{self._properties}/batch/create", {"inputs": inputs})
        if answer.status not in {200, 201, 409}:
            raise NotAllowed(f"HubSpot does not let us make properties: {_said(answer)}; docs/crm.md has the scopes")
        if left := (await self.check()).missing:
            raise NotAllowed(
                f"HubSpot lacks the contact properties {', '.join(left)}; docs/crm.md says how to make them"
            )

    async def push(self, contacts: Sequence[Contact], results: Results) -> None:
        known = [one for one in contacts if one.remote_id is not None]
        new = [one for one in contacts if one.remote_id is None and one.card is not None]
        gone = [one for one in contacts if one.remote_id is None and one.card is None]
        if known:
            inputs = [{"id": one.remote_id, "properties": _known(one), **_trace(one)} for one in known]
            await self._write("update", inputs, known, results)
        if new:
            inputs = [{"idProperty": KEY, "id": one.member, "properties": _new(one), **_trace(one)} for one in new]
            await self._write("upsert", inputs, new, results)
        if gone:
            inputs = [{"idProperty": KEY, "id": one.member, "properties": _known(one), **_trace(one)} for one in gone]
            await self._write("update", inputs, gone, results)

    async def deal(self, id_: str) -> Deal | None:
        asked = {"properties": "amount,deal_currency_code,hs_is_closed_won,closedate", "associations": "contacts"}
        answer = await self._call("GET", f"{self._deals}/{id_}", query=asked)
        if answer.status == 404:
            return None
        said = answer.fields.get("properties")
        if answer.status != 200 or not isinstance(said, dict):
            raise Nonsense("HubSpot answered something that is no deal")
        links = answer.fields.get("associations")
        found = links.get("contacts", {}).get("results") if isinstance(links, dict) else None
        return Deal(
            id_, str(said.get("hs_is_closed_won")).lower() == "true", amount_of(said.get("amount")),
            text_of(said.get("deal_currency_code")) or None, instant_of(said.get("closedate")),
            tuple(dict.fromkeys(text_of(one.get("id")) for one in items(found or [], "a deal's contacts"))),
        )  # fmt: skip

    async def contact(self, id_: str) -> Known:
        answer = await self._call("GET", f"{self._contacts}/{id_}", query={"properties": f"{KEY},phone,mobilephone"})
        said = answer.fields.get("properties")
        if answer.status != 200 or not isinstance(said, dict):
            return Known()
        return Known(text_of(said.get(KEY)) or None, text_of(said.get("phone") or said.get("mobilephone")) or None)

    async def _write(
        self, how: str, inputs: list[dict[str, Any]], contacts: Sequence[Contact], results: Results
    ) -> None:
        answer = await self._call("POST", f"{self._contacts}/batch/{how}", {"inputs": inputs})
        if answer.status == 404:
            if len(contacts) > 1:
                raise BadBatch(_said(answer))
            results[contacts[0].member] = _not_there(contacts[0])
            return
        if answer.status in {400, 409, 413, 414}:
            if "PROPERTY_DOESNT_EXIST" in str(answer.body):
                raise NotAllowed("HubSpot lacks a contact property of ours; `passaparola crm check` says which")
            raise BadBatch(_said(answer))
        if answer.status not in {200, 201, 207}:
            raise Nonsense(f"HubSpot answered {answer.status} to a batch")
        by_id = {one.remote_id: one for one in contacts if one.remote_id is not None}
        by_member = {one.member: one for one in contacts}
        for one in items(answer.fields.get("results"), "HubSpot's results"):
            contact = _whose(one, by_id, by_member)
            if contact is not None and (id_ := text_of(one.get("id"))):
                results[contact.member] = Written(id_)
        for wrong in items(answer.fields.get("errors") or [], "HubSpot's errors"):
            for contact in _blamed(wrong, by_id, by_member):
                gone = str(wrong.get("category")) == "OBJECT_NOT_FOUND"
                results[contact.member] = _not_there(contact) if gone else Rejected(told(wrong.get("message")))

    async def _call(
        self, method: str, path: str, body: Any = None, *, query: Mapping[str, str] | None = None
    ) -> Answer:
        answer = await self._http.call(method, path, body=body, query=query)
        if answer.status == 403:
            raise NotAllowed(f"HubSpot says we lack a scope: {_said(answer)}; docs/crm.md lists them")
        if answer.status in {423, 477}:
            raise Wait("HubSpot is busy with this account", after=wait_of(answer, timedelta(seconds=10)))
        if answer.status >= 500:
            raise Down(f"HubSpot answered {answer.status}")
        if answer.status == 200 and not isinstance(answer.body, dict):
            raise Nonsense("HubSpot answered something that is no object")
        return answer


def _definition(field: Field) -> dict[str, Any]:
    type_, looks = _TYPES[field.kind]
    more: dict[str, Any] = {"options": _YES_NO} if field.kind == "flag" else {}
    if field.key == KEY:
        more["hasUniqueValue"] = True
    return {
        "name": field.key, "label": field.label, "type": type_, "fieldType": looks, "groupName": "contactinformation",
        **more,
    }  # fmt: skip


def _trace(contact: Contact) -> dict[str, str]:
    return {"objectWriteTraceId": contact.member}


def _known(contact: Contact) -> dict[str, str]:
    """What is written of a contact that is there: our own properties. Her name and phone are the CRM's."""
    values = contact.card.values() if contact.card is not None else blank()
    return {key: _plain(value) for key, value in values.items()}


def _new(contact: Contact) -> dict[str, str]:
    assert contact.card is not None
    card = contact.card
    more = {"firstname": card.name or f"Member {card.referral_code}"}
    return {**_known(contact), **more, **({"phone": card.phone} if card.phone else {})}


def _plain(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)


def _not_there(contact: Contact) -> Missing | Written:
    """Of somebody who is no member there is nothing to blank then."""
    return Missing() if contact.card is not None else Written(None)


def _whose(
    one: Mapping[str, Any], by_id: Mapping[str, Contact], by_member: Mapping[MemberId, Contact]
) -> Contact | None:
    properties = one.get("properties")
    named = properties.get(KEY) if isinstance(properties, dict) else None
    for name in (one.get("objectWriteTraceId"), named):
        if isinstance(name, str) and MemberId(name) in by_member:
            return by_member[MemberId(name)]
    return by_id.get(text_of(one.get("id")))


def _blamed(
    wrong: Mapping[str, Any], by_id: Mapping[str, Contact], by_member: Mapping[MemberId, Contact]
) -> list[Contact]:
    """Whom an error of a 207 is about: its context names trace ids or ids."""
    context = wrong.get("context")
    named = [] if not isinstance(context, dict) else [
        name for key in ("objectWriteTraceId", "ids", "id") for name in context.get(key) or [] if isinstance(name, str)
    ]  # fmt: skip
    found = [by_member.get(MemberId(name)) or by_id.get(name) for name in named]
    return [contact for contact in found if contact is not None]


def _said(answer: Answer) -> str:
    return told(answer.fields.get("message") or f"status {answer.status}")
