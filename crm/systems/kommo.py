"""Kommo: contacts written in arrays, found by phone or by a field of ours.

Sources: developers.kommo.com, "Contacts" (POST and PATCH of arrays, `request_id` comes back; 204: nothing found),
"Custom fields" (fields may have a `code` by which values are set), "Limitations" (7 calls a second, then 429; who goes
on is blocked by address, 403; 250 entities a call, 50 are advised), "Leads" (status 142 is won).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self

from calls.answers import Answer
from crm.card import FIELDS, KEY, Field, Value, blank
from crm.errors import BadBatch, Down, Nonsense, NotAllowed, Wait, told
from crm.http import Http, wait_of
from crm.pace import Pace
from crm.reading import amount_of, instant_of, items, text_of
from crm.system import Checked, Contact, Deal, Known, Missing, Results, Written
from loyalty.ids import MemberId

BATCH = 50
RATE = 6.0
WON = "142"
PAGE = 250
_TYPES = {"text": "text", "number": "numeric", "day": "date", "flag": "checkbox"}


def spelled(key: str) -> str:
    """The code of a field: in capitals."""
    return key.upper()


@dataclass(frozen=True, slots=True)
class KommoConfig:
    """`url` is the account's own address, such as https://example.kommo.com."""

    url: str
    token: str

    def __repr__(self) -> str:
        return f"KommoConfig({self.url})"


class Kommo:
    """See `crm.system.System`."""

    name = "kommo"
    batch = BATCH

    def __init__(self, config: KommoConfig, *, pace: Pace | None = None) -> None:
        headers = {"Authorization": f"Bearer {config.token}"}
        self._http = Http("Kommo", config.url, headers=headers, pace=pace or Pace(RATE))

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.__aexit__(*error)

    async def check(self) -> Checked:
        known: set[str] = set()
        for page in range(1, 100):
            query = {"limit": str(PAGE), "page": str(page)}
            answer = await self._call("GET", "api/v4/contacts/custom_fields", query=query)
            found = [] if answer.status == 204 else _embedded(answer, "custom_fields")
            known |= {text_of(one.get("code")) for one in found}
            if len(found) < PAGE:
                break
        return Checked(tuple(spelled(field.key) for field in FIELDS if spelled(field.key) not in known))

    async def prepare(self) -> None:
        missing = (await self.check()).missing
        if not missing:
            return
        fields = [_definition(field) for field in FIELDS if spelled(field.key) in missing]
        answer = await self._call("POST", "api/v4/contacts/custom_fields", fields)
        if answer.status not in {200, 201} or (await self.check()).missing:
            names = ", ".join(missing)
            raise NotAllowed(f"Kommo did not make the contact fields {names}; docs/crm.md says how to make them")

    async def push(self, contacts: Sequence[Contact], results: Results) -> None:
        ids: dict[MemberId, str] = {one.member: one.remote_id for one in contacts if one.remote_id is not None}
        for one in contacts:
            if one.remote_id is None and (found := await self._find(one, set(ids.values()))):
                ids[one.member] = found
            elif one.remote_id is None and one.card is None:
                results[one.member] = Written(None)
        known = [one for one in contacts if one.member in ids]
        new = [one for one in contacts if one.member not in ids and one.card is not None]
        if known:
            await self._write("PATCH", [{"id": int(ids[one.member]), **_known(one)} for one in known], known, results)
        if new:
            await self._write("POST", [_new(one) for one in new], new, results)

    async def deal(self, id_: str) -> Deal | None:
        answer = await self._call("GET", f"api/v4/leads/{id_}", query={"with": "contacts"})
        if answer.status in {204, 404}:
            return None
        said = answer.fields
        if answer.status != 200 or not text_of(said.get("id")):
            raise Nonsense("Kommo answered something that is no lead")
        people = said.get("_embedded")
        found = items(people.get("contacts") or [], "a lead's contacts") if isinstance(people, dict) else []
        found = sorted(found, key=lambda one: one.get("is_main") is not True)
        contacts = tuple(text_of(one.get("id")) for one in found if text_of(one.get("id")))
        won = text_of(said.get("status_id")) == WON
        return Deal(id_, won, amount_of(said.get("price")), None, instant_of(said.get("closed_at")), contacts)

    async def contact(self, id_: str) -> Known:
        answer = await self._call("GET", f"api/v4/contacts/{id_}")
        if answer.status != 200:
            return Known()
        return Known(_value(answer.fields, spelled(KEY)) or None, _value(answer.fields, "PHONE") or None)

    async def _find(self, contact: Contact, taken: set[str]) -> str | None:
        """The contact with our key, or one with the phone that is nobody's yet. One of the two searches does mostly."""
        phone = contact.card.phone if contact.card is not None else None
        found = await self._search(phone.removeprefix("+")) if phone else []
        if contact.tried or not phone:
            found = [*await self._search(contact.member), *found]
        ours = [one for one in found if _value(one, spelled(KEY)) == contact.member]
        free = [one for one in found if not _value(one, spelled(KEY)) and phone and _has(one, phone)]
        ids = sorted(int(text_of(one.get("id")) or 0) for one in ours or free)
        return next((str(id_) for id_ in ids if id_ and str(id_) not in taken), None)

    async def _search(self, words: str) -> list[Mapping[str, Any]]:
        answer = await self._call("GET", "api/v4/contacts", query={"query": words, "limit": str(PAGE)})
        return [] if answer.status == 204 else _embedded(answer, "contacts")

    async def _write(
        self, method: str, body: list[dict[str, Any]], contacts: Sequence[Contact], results: Results
    ) -> None:
        answer = await self._call(method, "api/v4/contacts", body)
        if answer.status == 404 and len(contacts) == 1:
            results[contacts[0].member] = Missing() if contacts[0].card is not None else Written(None)
            return
        if answer.status in {400, 402, 404, 413, 422}:
            raise BadBatch(_said(answer))
        by_member = {one.member: one for one in contacts}
        by_id = {text_of(one.get("id")): contact for one, contact in zip(body, contacts, strict=True)}
        for one in _embedded(answer, "contacts"):
            id_ = text_of(one.get("id"))
            contact = by_member.get(MemberId(text_of(one.get("request_id")))) or by_id.get(id_)
            if contact is not None and id_:
                results[contact.member] = Written(id_)

    async def _call(
        self, method: str, path: str, body: Any = None, *, query: Mapping[str, str] | None = None
    ) -> Answer:
        answer = await self._http.call(method, path, body=body, query=query)
        if answer.status == 403:
            raise NotAllowed("Kommo has blocked us (403): check the token's rights, and whether the address is blocked")
        if answer.status == 504 or answer.status >= 500:
            raise Down(f"Kommo answered {answer.status}")
        if answer.status == 423:
            raise Wait("Kommo is busy with this account", after=wait_of(answer, timedelta(seconds=30)))
        return answer


def _definition(field: Field) -> dict[str, Any]:
    return {"name": field.label, "type": _TYPES[field.kind], "code": spelled(field.key)}


def _known(contact: Contact) -> dict[str, Any]:
    values = contact.card.values() if contact.card is not None else blank()
    return {
        "request_id": contact.member,
        "custom_fields_values": [_field(key, value) for key, value in values.items()],
    }


def _new(contact: Contact) -> dict[str, Any]:
    assert contact.card is not None
    card, record = contact.card, _known(contact)
    fields = [one for one in record["custom_fields_values"] if one["values"] is not None]
    if card.phone:
        fields.append({"field_code": "PHONE", "values": [{"value": card.phone, "enum_code": "WORK"}]})
    return {**record, "name": card.name or f"Member {card.referral_code}", "custom_fields_values": fields}


def _field(key: str, value: Value) -> dict[str, Any]:
    """A field as Kommo takes it: `values` of null empties it; a day is the second of its midnight."""
    if value is None:
        return {"field_code": spelled(key), "values": None}
    plain: str | int | bool = value if isinstance(value, bool | str) else ""
    if isinstance(value, date):
        plain = int(datetime.combine(value, time(), UTC).timestamp())
    elif isinstance(value, int) and not isinstance(value, bool):
        plain = str(value)
    return {"field_code": spelled(key), "values": [{"value": plain}]}


def _value(contact: Mapping[str, Any], code: str) -> str:
    """The first value of a field."""
    return next(iter(_values(contact, code)), "")


def _values(contact: Mapping[str, Any], code: str) -> list[str]:
    fields = contact.get("custom_fields_values")
    return [
        text_of(value.get("value"))
        for one in (fields if isinstance(fields, list) else [])
        if isinstance(one, dict) and one.get("field_code") == code
        for value in one.get("values") or []
        if isinstance(value, dict)
    ]


def _has(contact: Mapping[str, Any], phone: str) -> bool:
    """Whether it has exactly this number: a search finds parts of one as well."""
    wanted = "".join(filter(str.isdigit, phone))
    return any("".join(filter(str.isdigit, one)) == wanted for one in _values(contact, "PHONE"))


def _embedded(answer: Answer, what: str) -> list[Mapping[str, Any]]:
    inner = answer.fields.get("_embedded")
    if answer.status not in {200, 201} or not isinstance(inner, dict):
        raise Nonsense(f"Kommo answered {answer.status} without {what}")
    return items(inner.get(what), f"Kommo's {what}")


def _said(answer: Answer) -> str:
    """What was wrong, from the errors of the fields if there are some."""
    found = answer.fields.get("validation-errors")
    details = [
        f"{one.get('path')}: {one.get('detail')}"
        for group in (found if isinstance(found, list) else [])
        if isinstance(group, dict)
        for one in group.get("errors") or []
        if isinstance(one, dict)
    ]
    return told("; ".join(details) or answer.fields.get("detail") or f"status {answer.status}")
