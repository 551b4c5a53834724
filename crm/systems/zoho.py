"""Zoho CRM: contacts upserted by a unique field of ours, with tokens that are renewed.

Sources: zoho.com/crm/developer/docs/api/v8, "Upsert records" (100 a call, `duplicate_check_fields`, one result for
each record in order), "Update records", "Fields metadata", "OAuth" (a refresh token gives access tokens of an hour;
the domain is that of the data centre), "Status codes" (INVALID_TOKEN, 429, API credits of a day).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Self

from calls.answers import Answer
from crm.card import FIELDS, KEY, Value, blank
from crm.errors import BadBatch, Down, Nonsense, NotAllowed, Wait, told
from crm.http import Http, wait_of
from crm.pace import Pace
from crm.reading import amount_of, instant_of, items, text_of
from crm.system import Checked, Contact, Deal, Known, Missing, Rejected, Result, Results, Written

BATCH = 100
RATE, BURST = 5.0, 5
WON = ("Closed Won",)


def spelled(key: str) -> str:
    """A field as Zoho names one with our label: `Loyalty_Points`."""
    return "_".join(part.capitalize() for part in key.split("_"))


_OURS = spelled(KEY)


@dataclass(frozen=True, slots=True)
class ZohoConfig:
    """`url` is the API domain of the data centre, `accounts_url` where tokens are renewed."""

    url: str
    accounts_url: str
    client_id: str
    client_secret: str
    refresh_token: str
    won: tuple[str, ...] = WON

    def __repr__(self) -> str:
        return f"ZohoConfig({self.url})"


class Zoho:
    """See `crm.system.System`."""

    name = "zoho"
    batch = BATCH

    def __init__(self, config: ZohoConfig, *, pace: Pace | None = None) -> None:
        self._config = config
        self._http = Http("Zoho", config.url, headers={}, pace=pace or Pace(RATE, BURST))
        self._token = ""

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.__aexit__(*error)

    async def check(self) -> Checked:
        answer = await self._call("GET", "crm/v8/settings/fields", query={"module": "Contacts"})
        known = {text_of(one.get("api_name")) for one in items(answer.fields.get("fields"), "Zoho's fields")}
        return Checked(tuple(spelled(field.key) for field in FIELDS if spelled(field.key) not in known))

    async def prepare(self) -> None:
        if left := (await self.check()).missing:
            raise NotAllowed(f"Zoho's Contacts lack the fields {', '.join(left)}; docs/crm.md says how to make them")

    async def push(self, contacts: Sequence[Contact], results: Results) -> None:
        known = [one for one in contacts if one.remote_id is not None]
        new = [one for one in contacts if one.remote_id is None and one.card is not None]
        if known:
            await self._write("PUT", "crm/v8/Contacts", {"data": [_known(one) for one in known]}, known, results)
        if new:
            body = {"data": [_new(one) for one in new], "duplicate_check_fields": [_OURS]}
            await self._write("POST", "crm/v8/Contacts/upsert", body, new, results)
        for gone in (one for one in contacts if one.remote_id is None and one.card is None):
            id_ = await self._find(gone)
            if id_ is None:
                results[gone.member] = Written(None)
            else:
                found = Contact(gone.member, id_, None)
                await self._write("PUT", "crm/v8/Contacts", {"data": [_known(found)]}, [found], results)

    async def deal(self, id_: str) -> Deal | None:
        answer = await self._call("GET", f"crm/v8/Deals/{id_}")
        if answer.status in {204, 404} or answer.fields.get("code") == "INVALID_DATA":
            return None
        found = items(answer.fields.get("data"), "a deal of Zoho's")
        if not found:
            return None
        said = found[0]
        person = said.get("Contact_Name")
        contact = text_of(person.get("id")) if isinstance(person, dict) else ""
        return Deal(
            id_, text_of(said.get("Stage")) in self._config.won, amount_of(said.get("Amount")),
            text_of(said.get("Currency")) or None,
            instant_of(said.get("Modified_Time")) or instant_of(said.get("Closing_Date")),
            (contact,) if contact else (),
        )  # fmt: skip

    async def contact(self, id_: str) -> Known:
        answer = await self._call("GET", f"crm/v8/Contacts/{id_}")
        found = answer.fields.get("data")
        if answer.status != 200 or not isinstance(found, list) or not found or not isinstance(found[0], dict):
            return Known()
        phone = text_of(found[0].get("Phone")) or text_of(found[0].get("Mobile"))
        return Known(text_of(found[0].get(_OURS)) or None, phone or None)

    async def _find(self, contact: Contact) -> str | None:
        query = {"criteria": f"({_OURS}:equals:{contact.member})"}
        answer = await self._call("GET", "crm/v8/Contacts/search", query=query)
        if answer.status == 204:
            return None
        found = items(answer.fields.get("data"), "what Zoho found")
        return text_of(found[0].get("id")) or None if found else None

    async def _write(
        self, method: str, path: str, body: dict[str, Any], contacts: Sequence[Contact], results: Results
    ) -> None:
        answer = await self._call(method, path, {**body, "trigger": []})
        if answer.status in {413, 414} or (answer.status == 400 and "data" not in answer.fields):
            raise BadBatch(told(answer.fields.get("message") or f"status {answer.status}"))
        if answer.status not in {200, 201, 202, 207, 400}:
            raise Nonsense(f"Zoho answered {answer.status} to a batch")
        said = items(answer.fields.get("data"), "Zoho's results")
        if len(said) != len(contacts):  # they are told apart by their order alone
            raise Nonsense(f"Zoho answered {len(said)} results to {len(contacts)} contacts")
        for contact, one in zip(contacts, said, strict=True):
            if (result := _result(contact, one)) is not None:
                results[contact.member] = result

    async def _call(
        self, method: str, path: str, body: Any = None, *, query: Mapping[str, str] | None = None
    ) -> Answer:
        """A call with a token; if that is over, once more with a new one."""
        if not self._token:
            await self._renew()
        try:
            answer = await self._try(method, path, body, query)
        except NotAllowed:
            await self._renew()
            answer = await self._try(method, path, body, query)
        code = answer.fields.get("code")
        if answer.status == 403 or code in {"OAUTH_SCOPE_MISMATCH", "NO_PERMISSION", "AUTHENTICATION_FAILURE"}:
            raise NotAllowed(f"Zoho says we may not do this ({told(code)}); docs/crm.md lists the scopes")
        if code in {"TOO_MANY_REQUESTS", "LIMIT_EXCEEDED"}:
            raise Wait("Zoho's API credits are used up", after=wait_of(answer, timedelta(hours=1)))
        if answer.status >= 500 or code == "INTERNAL_ERROR":
            raise Down(f"Zoho answered {answer.status}")
        if answer.status == 200 and not isinstance(answer.body, dict):
            raise Nonsense("Zoho answered something that is no object")
        return answer

    async def _try(self, method: str, path: str, body: Any, query: Mapping[str, str] | None) -> Answer:
        headers = {"Authorization": f"Zoho-oauthtoken {self._token}"}
        return await self._http.call(method, path, body=body, query=query, headers=headers)

    async def _renew(self) -> None:
        config = self._config
        form = {
            "grant_type": "refresh_token", "client_id": config.client_id, "client_secret": config.client_secret,
            "refresh_token": config.refresh_token,
        }  # fmt: skip
        answer = await self._http.call("POST", f"{config.accounts_url.rstrip('/')}/oauth/v2/token", form=form)
        token, wrong = answer.fields.get("access_token"), answer.fields.get("error")
        if isinstance(wrong, str):  # told with status 200
            if wrong in {"Access Denied", "access_denied"}:
                raise Wait("Zoho gives us no token: too many were asked for", after=timedelta(minutes=10))
            raise NotAllowed(f"Zoho does not renew our token ({told(wrong)}): check ZOHO_REFRESH_TOKEN and its client")
        if not isinstance(token, str) or not token:
            raise Nonsense("Zoho answered without a token")
        self._token = token


def _known(contact: Contact) -> dict[str, Any]:
    values = contact.card.values() if contact.card is not None else blank()
    return {"id": contact.remote_id, **{spelled(key): _plain(value) for key, value in values.items()}}


def _new(contact: Contact) -> dict[str, Any]:
    """`Last_Name` is mandatory: of one word it is that word, of several the last."""
    assert contact.card is not None
    card = contact.card
    first, _, last = (card.name or "").strip().rpartition(" ")
    record = {spelled(key): _plain(value) for key, value in card.values().items()}
    record["Last_Name"] = (last or f"Member {card.referral_code}")[:80]
    return {
        **record, **({"First_Name": first[:40]} if first else {}), **({"Phone": card.phone[:30]} if card.phone else {}),
    }  # fmt: skip


def _plain(value: Value) -> str | int | bool | None:
    return value.isoformat() if isinstance(value, date) else value


def _result(contact: Contact, one: Mapping[str, Any]) -> Result | None:
    details = one.get("details")
    id_ = text_of(details.get("id")) if isinstance(details, dict) else ""
    if one.get("code") == "SUCCESS" and id_:
        return Written(id_)
    if one.get("status") != "error":
        return None
    named = details.get("api_name") if isinstance(details, dict) else None
    if one.get("code") == "INVALID_DATA" and named == "id":
        return Missing() if contact.card is not None else Written(None)
    if one.get("code") in {"INTERNAL_ERROR", "RECORD_LOCKED"}:
        return None  # it is tried again
    return Rejected(told(f"{one.get('code')}: {one.get('message')}" + (f" ({named})" if named else "")))
