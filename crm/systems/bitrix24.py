"""Bitrix24: contacts found by a field of ours or by phone, written in packages of fifty.

Sources: bitrix-tools/b24-rest-docs, `crm.item.add`, `.update`, `.list` (entityTypeId 3 is a contact),
`crm.duplicate.findbycomm` (20 values), `crm.contact.userfield.add`, `batch` (50 commands, errors by key),
`limits.md` (a bucket of 50 calls that empties by 2 a second; 503 QUERY_LIMIT_EXCEEDED; 480 s of a method in 10
minutes, then OPERATION_TIME_LIMIT until `operating_reset_at`), `crm.deal.get` (STAGE_SEMANTIC_ID S is won).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Self
from urllib.parse import urlencode

from calls.answers import Answer
from crm.card import FIELDS, KEY, Field, Value, blank
from crm.errors import Down, Nonsense, NotAllowed, Wait, told
from crm.http import Http
from crm.pace import Pace
from crm.reading import amount_of, instant_of, items, text_of
from crm.system import Checked, Contact, Deal, Known, Missing, Rejected, Results, Written
from loyalty.ids import MemberId

BATCH = 50
RATE, BURST = 2.0, 10
CONTACT = 3
_TYPES = {"text": "string", "number": "integer", "day": "date", "flag": "boolean"}
_BUSY = {"QUERY_LIMIT_EXCEEDED": timedelta(seconds=2), "OPERATION_TIME_LIMIT": timedelta(minutes=10)}
_LOCKED_OUT = frozenset({
    "INVALID_CREDENTIALS", "NO_AUTH_FOUND", "EXPIRED_TOKEN", "INSUFFICIENT_SCOPE", "INVALID_TOKEN", "USER_ACCESS_ERROR",
    "PORTAL_DELETED", "ACCESS_DENIED", "ERROR_METHOD_NOT_FOUND", "PAYMENT_REQUIRED", "OVERLOAD_LIMIT",
})  # fmt: skip


def spelled(key: str) -> str:
    """The name of a user field."""
    return f"UF_CRM_{key.upper()}"


_OURS = spelled(KEY)


@dataclass(frozen=True, slots=True)
class Bitrix24Config:
    """`url` is an inbound webhook's, which holds a secret."""

    url: str

    def __repr__(self) -> str:
        return "Bitrix24Config(…)"


class Bitrix24:
    """See `crm.system.System`."""

    name = "bitrix24"
    batch = BATCH

    def __init__(self, config: Bitrix24Config, *, pace: Pace | None = None) -> None:
        self._http = Http("Bitrix24", config.url, headers={}, pace=pace or Pace(RATE, BURST))

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.__aexit__(*error)

    async def check(self) -> Checked:
        known, start = set(), 0
        while True:
            answer = await self._call("crm.contact.userfield.list", {"start": start})
            known |= {text_of(one.get("FIELD_NAME")) for one in items(answer.fields.get("result"), "Bitrix24's fields")}
            following = answer.fields.get("next")
            if not isinstance(following, int) or following <= start:
                return Checked(tuple(spelled(field.key) for field in FIELDS if spelled(field.key) not in known))
            start = following

    async def prepare(self) -> None:
        missing = (await self.check()).missing
        fields = [field for field in FIELDS if spelled(field.key) in missing]
        if not fields:
            return
        commands = {field.key: ("crm.contact.userfield.add", {"fields": _definition(field)}) for field in fields}
        await self._package(commands)
        if left := (await self.check()).missing:
            raise NotAllowed(f"Bitrix24 lacks the contact fields {', '.join(left)}; docs/crm.md says how to make them")

    async def push(self, contacts: Sequence[Contact], results: Results) -> None:
        ids = {one.member: one.remote_id for one in contacts if one.remote_id is not None}
        unknown = [one for one in contacts if one.remote_id is None]
        ids |= await self._ours(unknown)
        ids |= await self._by_phone([one for one in unknown if one.member not in ids], set(ids.values()))
        commands: dict[str, tuple[str, Mapping[str, Any]]] = {}
        asked: dict[str, Contact] = {}
        for number, one in enumerate(contacts):
            if one.member not in ids and one.card is None:
                results[one.member] = Written(None)
                continue
            asked[key := f"c{number}"] = one
            commands[key] = ("crm.item.update", _known(one, ids[one.member])) if one.member in ids else _new(one)
        if commands:
            done, wrong = await self._package(commands)
            self._read(asked, done, wrong, results)

    def _read(
        self, asked: Mapping[str, Contact], done: Mapping[str, Any], wrong: Mapping[str, Any], results: Results
    ) -> None:
        busy: Wait | None = None
        for key, contact in asked.items():
            if key in wrong:
                code, said = _error(wrong[key])
                if code in _BUSY:
                    busy = Wait(f"Bitrix24 asks us to slow down ({code})", after=_BUSY[code])
                elif code == "NOT_FOUND":
                    results[contact.member] = Missing() if contact.card is not None else Written(None)
                elif code in _LOCKED_OUT:
                    raise NotAllowed(f"Bitrix24 does not let us write contacts ({code}): {said}")
                elif code not in {"INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER"}:
                    results[contact.member] = Rejected(f"{code}: {said}")
            elif id_ := _item_id(done.get(key)):
                results[contact.member] = Written(id_)
        if busy is not None:
            raise busy

    async def deal(self, id_: str) -> Deal | None:
        answer = await self._call("crm.deal.get", {"id": id_}, missing_is_fine=True)
        said = answer.fields.get("result")
        if said is None:
            return None
        if not isinstance(said, dict):
            raise Nonsense("Bitrix24 answered something that is no deal")
        contact = text_of(said.get("CONTACT_ID"))
        return Deal(
            id_, said.get("STAGE_SEMANTIC_ID") == "S", amount_of(said.get("OPPORTUNITY")),
            text_of(said.get("CURRENCY_ID")) or None,
            instant_of(said.get("MOVED_TIME")) or instant_of(said.get("DATE_MODIFY")),
            (contact,) if contact not in {"", "0"} else (),
        )  # fmt: skip

    async def contact(self, id_: str) -> Known:
        asked = {"entityTypeId": CONTACT, "id": id_, "useOriginalUfNames": "Y"}
        answer = await self._call("crm.item.get", asked, missing_is_fine=True)
        result = answer.fields.get("result")
        item = result.get("item") if isinstance(result, dict) else None
        if not isinstance(item, dict):
            return Known()
        lines = item.get("fm")
        found = list(lines.values()) if isinstance(lines, dict) else lines if isinstance(lines, list) else []
        phones = [text_of(one.get("value")) for one in found if isinstance(one, dict) and one.get("typeId") == "PHONE"]
        return Known(text_of(item.get(_OURS)) or None, next(iter(phones), None))

    async def _ours(self, contacts: Sequence[Contact]) -> dict[MemberId, str]:
        """Contacts that have our key."""
        if not contacts:
            return {}
        found = await self._list({f"@{_OURS}": [one.member for one in contacts]})
        members = {one.member for one in contacts}
        ids: dict[MemberId, str] = {}
        for one in found:  # the oldest first
            if (member := MemberId(text_of(one.get(_OURS)))) in members:
                ids.setdefault(member, text_of(one.get("id")))
        return ids

    async def _by_phone(self, contacts: Sequence[Contact], taken: set[str]) -> dict[MemberId, str]:
        """Contacts with the same phone that are nobody's yet."""
        asked = {f"p{number}": one for number, one in enumerate(contacts) if one.card is not None and one.card.phone}
        if not asked:
            return {}
        done, wrong = await self._package({
            key: ("crm.duplicate.findbycomm", {"entity_type": "CONTACT", "type": "PHONE", "values": [one.card.phone]})
            for key, one in asked.items() if one.card is not None
        })  # fmt: skip
        for error in wrong.values():
            code, said = _error(error)
            raise (
                Wait("Bitrix24 asks us to slow down", after=_BUSY[code])
                if code in _BUSY
                else Down(f"Bitrix24 does not look for phones ({code}: {said})")
            )
        found = {key: _ids(done.get(key)) for key in asked}
        every = sorted({id_ for ids in found.values() for id_ in ids})
        owners: dict[str, str] = {}
        for start in range(0, len(every), BATCH):
            rows = await self._list({"@id": every[start : start + BATCH]})
            owners |= {text_of(one.get("id")): text_of(one.get(_OURS)) for one in rows}
        ids: dict[MemberId, str] = {}
        used = set(taken)
        for key, one in asked.items():
            free = [str(id_) for id_ in found[key] if owners.get(str(id_)) == "" and str(id_) not in used]
            if free:
                ids[one.member] = free[0]
                used.add(free[0])
        return ids

    async def _list(self, which: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        body = {
            "entityTypeId": CONTACT, "select": ["id", _OURS], "filter": which, "order": {"id": "ASC"},
            "useOriginalUfNames": "Y",
        }  # fmt: skip
        answer = await self._call("crm.item.list", body)
        result = answer.fields.get("result")
        return items(result.get("items") if isinstance(result, dict) else None, "Bitrix24's contacts")

    async def _package(
        self, commands: Mapping[str, tuple[str, Mapping[str, Any]]]
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Several commands in one call: results and errors by key."""
        lines = {key: f"{method}?{urlencode(_flat(params))}" for key, (method, params) in commands.items()}
        answer = await self._call("batch", {"halt": 0, "cmd": lines})
        inner = answer.fields.get("result")
        if not isinstance(inner, dict):
            raise Nonsense("Bitrix24 answered a package without results")
        done, wrong = inner.get("result"), inner.get("result_error")
        return done if isinstance(done, dict) else {}, wrong if isinstance(wrong, dict) else {}  # [] if it is empty

    async def _call(self, method: str, body: Any, *, missing_is_fine: bool = False) -> Answer:
        answer = await self._http.call("POST", f"{method}.json", body=body)
        if "error" in answer.fields:
            code, said = _error(answer.fields)
            if code in _BUSY:
                raise Wait(f"Bitrix24 asks us to slow down ({code})", after=_BUSY[code])
            if answer.status == 403 or code in _LOCKED_OUT:
                raise NotAllowed(f"Bitrix24 does not let us in ({code}): {said}; is BITRIX24_WEBHOOK_URL right?")
            if answer.status < 500 and missing_is_fine:
                return Answer(answer.status, {}, answer.headers)
            raise Down(f"Bitrix24 failed ({code}): {said}")
        if not isinstance(answer.body, dict) or answer.status != 200:
            raise Nonsense(f"Bitrix24 answered {answer.status} with something that is no answer")
        return answer


def _definition(field: Field) -> dict[str, Any]:
    return {
        "FIELD_NAME": field.key.upper(), "USER_TYPE_ID": _TYPES[field.kind], "LABEL": field.label,
        "XML_ID": field.key.upper(), "SHOW_FILTER": "Y",
        **{name: {"en": field.label, "ru": field.label} for name in ("EDIT_FORM_LABEL", "LIST_COLUMN_LABEL")},
    }  # fmt: skip


def _known(contact: Contact, id_: str) -> Mapping[str, Any]:
    values = contact.card.values() if contact.card is not None else blank()
    fields = {spelled(key): _plain(value) for key, value in values.items()}
    return {"entityTypeId": CONTACT, "id": id_, "useOriginalUfNames": "Y", "fields": fields}


def _new(contact: Contact) -> tuple[str, Mapping[str, Any]]:
    assert contact.card is not None
    card = contact.card
    fields: dict[str, Any] = {spelled(key): _plain(value) for key, value in card.values().items()}
    fields["name"] = card.name or f"Member {card.referral_code}"
    if card.phone:
        fields["fm"] = [{"valueType": "WORK", "value": card.phone, "typeId": "PHONE"}]
    return "crm.item.add", {"entityTypeId": CONTACT, "useOriginalUfNames": "Y", "fields": fields}


def _plain(value: Value) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested values as PHP reads them from a query: `fields[name]=…`."""
    if isinstance(value, Mapping):
        return [pair for key, one in value.items() for pair in _flat(one, f"{name}[{key}]" if name else str(key))]
    if isinstance(value, list):
        return [pair for number, one in enumerate(value) for pair in _flat(one, f"{name}[{number}]")]
    return [(name, str(value))]


def _item_id(result: Any) -> str:
    item = result.get("item") if isinstance(result, dict) else None
    return text_of(item.get("id")) if isinstance(item, dict) else ""


def _ids(found: Any) -> list[int]:
    """What `findbycomm` found: an empty list instead of an object if nothing."""
    ids = found.get("CONTACT") if isinstance(found, dict) else None
    return sorted(int(text_of(id_)) for id_ in ids if text_of(id_).isdigit()) if isinstance(ids, list) else []


def _error(said: Any) -> tuple[str, str]:
    """Code and words of an error; a moment at which a method is free again is left to the header of the answer."""
    if not isinstance(said, dict):
        return "ERROR", told(said)
    return str(said.get("error") or "ERROR").upper()[:60], told(said.get("error_description") or "")
