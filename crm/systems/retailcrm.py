"""RetailCRM (Simla) v5: customers by an external id of ours, and, if wanted, their bonus accounts kept level.

Sources: retailcrm/api-client-php (`Customers`, `CustomFields`, `Loyalty`, `Orders`: paths, forms, enums), RetailCRM's
API reference v5 (forms with JSON in them, `X-API-KEY`, `success` and `errorMsg`, ten calls a second, then 503).

`bonus/credit` has no idempotency key, and operations come back without their comment. So nothing is ever repeated
blindly: the balance is read first, and only its difference to ours is credited or charged. After a call in doubt the
contact waits until the call must have had its effect.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Self

from calls.answers import Answer
from crm.card import FIELDS, Field, Value, blank
from crm.errors import Down, Nonsense, NotAllowed, Wait, told
from crm.http import IN_DOUBT, Http, wait_of
from crm.pace import Pace
from crm.reading import amount_of, instant_of, items, text_of
from crm.system import Checked, Contact, Deal, Known, Missing, Rejected, Results, Written

BATCH = 50
RATE = 8.0
PAGE = 100
PREFIX = "passaparola-"
"""Before our member id: it makes the external id of a customer that we create."""
WON = ("complete",)
_TYPES = {"text": "string", "number": "integer", "day": "date", "flag": "boolean"}


@dataclass(frozen=True, slots=True)
class RetailCrmConfig:
    """`site` is the shop's code there; `won` the statuses of orders that count; `bonuses` whether accounts are kept."""

    url: str
    key: str
    site: str
    won: tuple[str, ...] = WON
    bonuses: bool = False

    def __repr__(self) -> str:
        return f"RetailCrmConfig({self.url}, {self.site})"


class RetailCrm:
    """See `crm.system.System`."""

    name = "retailcrm"
    batch = BATCH

    def __init__(self, config: RetailCrmConfig, *, pace: Pace | None = None) -> None:
        self._config = config
        headers = {"X-API-KEY": config.key}
        self._http = Http("RetailCRM", f"{config.url.rstrip('/')}/api/v5", headers=headers, pace=pace or Pace(RATE))

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.__aexit__(*error)

    async def check(self) -> Checked:
        known: set[str] = set()
        page, pages = 1, 1
        while page <= min(pages, 100):
            query = [("filter[entity]", "customer"), ("limit", str(PAGE)), ("page", str(page))]
            answer = await self._asked("custom-fields", query)
            known |= {
                text_of(one.get("code")) for one in items(answer.fields.get("customFields"), "RetailCRM's fields")
            }
            places = answer.fields.get("pagination")
            total = places.get("totalPageCount") if isinstance(places, dict) else None
            pages, page = total if isinstance(total, int) else 1, page + 1
        return Checked(tuple(field.key for field in FIELDS if field.key not in known))

    async def prepare(self) -> None:
        missing = (await self.check()).missing
        for field in FIELDS:
            if field.key in missing:
                answer = await self._call("POST", "custom-fields/customer/create", {"customField": _definition(field)})
                if not _fine(answer):
                    raise NotAllowed(
                        f"RetailCRM does not let us make the field {field.key}: {_said(answer)}; docs/crm.md"
                    )

    async def push(self, contacts: Sequence[Contact], results: Results) -> None:
        ids = {one.member: one.remote_id for one in contacts if one.remote_id is not None}
        if unknown := [one for one in contacts if one.remote_id is None]:
            ids |= await self._ours(unknown)
        for one in contacts:
            id_ = ids.get(one.member)
            if id_ is None and one.card is None:
                results[one.member] = Written(None)
            elif id_ is None:
                await self._create(one, results)
            else:
                await self._edit(one, id_, results)

    async def deal(self, id_: str) -> Deal | None:
        answer = await self._call("GET", f"orders/{id_}", query=[("by", "id"), ("site", self._config.site)])
        if answer.status == 404:
            return None
        said = answer.fields.get("order")
        if not _fine(answer) or not isinstance(said, dict):
            raise Nonsense("RetailCRM answered something that is no order")
        customer = said.get("customer")
        contact = text_of(customer.get("id")) if isinstance(customer, dict) else ""
        at = instant_of(said.get("statusUpdatedAt")) or instant_of(said.get("createdAt"))
        return Deal(
            id_, text_of(said.get("status")) in self._config.won, amount_of(said.get("totalSumm")),
            text_of(said.get("currency")) or None, at, (contact,) if contact else (),
        )  # fmt: skip

    async def contact(self, id_: str) -> Known:
        answer = await self._call("GET", f"customers/{id_}", query=[("by", "id"), ("site", self._config.site)])
        said = answer.fields.get("customer")
        if not _fine(answer) or not isinstance(said, dict):
            return Known()
        phones = said.get("phones")
        found = (
            [text_of(one.get("number")) for one in phones if isinstance(one, dict)] if isinstance(phones, list) else []
        )
        external = text_of(said.get("externalId"))
        member = external.removeprefix(PREFIX) if external.startswith(PREFIX) else None
        return Known(member, next((phone for phone in found if phone), None))

    async def _ours(self, contacts: Sequence[Contact]) -> dict[Any, str]:
        """Customers that have an external id of ours."""
        by_external = {f"{PREFIX}{one.member}": one for one in contacts}
        query = [("filter[externalIds][]", external) for external in by_external]
        answer = await self._asked("customers", [*query, ("limit", str(PAGE))])
        found = items(answer.fields.get("customers"), "RetailCRM's customers")
        named = [(by_external.get(text_of(one.get("externalId"))), text_of(one.get("id"))) for one in found]
        return {contact.member: id_ for contact, id_ in named if contact is not None and id_}

    async def _create(self, contact: Contact, results: Results) -> None:
        assert contact.card is not None
        card = contact.card
        customer: dict[str, Any] = {
            "externalId": f"{PREFIX}{card.member}", "firstName": card.name or f"Member {card.referral_code}",
            "customFields": _values(contact),
        }  # fmt: skip
        if card.phone:
            customer["phones"] = [{"number": card.phone}]
        answer = await self._call("POST", "customers/create", {"site": self._config.site, "customer": customer})
        if not _fine(answer):
            if "exist" in _said(answer).lower():
                return  # a call in doubt had made it: it is found next time
            results[contact.member] = Rejected(_said(answer))
            return
        if id_ := text_of(answer.fields.get("id")):
            await self._bonuses(contact, id_)
            results[contact.member] = Written(id_)

    async def _edit(self, contact: Contact, id_: str, results: Results) -> None:
        form = {"by": "id", "site": self._config.site, "customer": {"customFields": _values(contact)}}
        answer = await self._call("POST", f"customers/{id_}/edit", form)
        if answer.status == 404:
            results[contact.member] = Missing() if contact.card is not None else Written(None)
        elif not _fine(answer):
            results[contact.member] = Rejected(_said(answer))
        else:
            await self._bonuses(contact, id_)
            results[contact.member] = Written(id_)

    async def _bonuses(self, contact: Contact, id_: str) -> None:
        """Bring the balance of her bonus account to her points: read it, then credit or charge the difference."""
        if not self._config.bonuses:
            return
        account = await self._account(id_)
        if account is None and contact.card is None:
            return
        if account is None:
            account = await self._open(contact, id_)
        number, active = text_of(account.get("id")), account.get("active")
        if active is False and contact.card is not None:
            await self._must(f"loyalty/account/{number}/activate", {})
        have = (amount_of(account.get("amount")) or Decimal(0)).quantize(Decimal(1), ROUND_HALF_UP)
        change = (contact.card.points if contact.card is not None else 0) - int(have)
        if change:
            form = {"amount": str(abs(change)), "comment": f"Passaparola: {int(have)} → {int(have) + change}"}
            await self._must(f"loyalty/account/{number}/bonus/{'credit' if change > 0 else 'charge'}", form)

    async def _account(self, customer: str) -> Mapping[str, Any] | None:
        query = [("filter[customerId]", customer), ("filter[sites][]", self._config.site), ("limit", "20")]
        answer = await self._asked("loyalty/accounts", query)
        found = items(answer.fields.get("loyaltyAccounts"), "RetailCRM's accounts")
        return next((one for one in found if text_of(one.get("id"))), None)

    async def _open(self, contact: Contact, customer: str) -> Mapping[str, Any]:
        assert contact.card is not None
        phone = {"phoneNumber": contact.card.phone} if contact.card.phone else {}
        account = {**phone, "customer": {"id": int(customer)}}
        await self._must("loyalty/account/create", {"site": self._config.site, "loyaltyAccount": account})
        made = await self._account(customer)  # the answer has no id to rely on
        if made is None:
            raise Nonsense("RetailCRM made a bonus account and does not show it")
        return made

    async def _must(self, path: str, form: Mapping[str, Any]) -> None:
        """A call on an account that has to go through; in doubt, the contact waits before the balance is read again."""
        answer = await self._call("POST", path, form)
        if not _fine(answer):
            raise Down(f"RetailCRM refused {path.rsplit('/', 1)[-1]}: {_said(answer)}", least=IN_DOUBT)

    async def _asked(self, path: str, query: list[tuple[str, str]]) -> Answer:
        answer = await self._call("GET", path, query=query)
        if not _fine(answer):
            raise Nonsense(f"RetailCRM does not answer {path}: {_said(answer)}")
        return answer

    async def _call(
        self, method: str, path: str, form: Mapping[str, Any] | None = None, *,
        query: list[tuple[str, str]] | None = None,
    ) -> Answer:  # fmt: skip
        data = {name: value if isinstance(value, str) else _json(value) for name, value in (form or {}).items()}
        answer = await self._http.call(method, path, form=data if method == "POST" else None, query=query)
        if answer.status == 503:
            raise Wait("RetailCRM asks us to slow down", after=wait_of(answer, timedelta(seconds=5)))
        if answer.status == 403:
            raise NotAllowed(f"RetailCRM does not let us in: {_said(answer)}; check RETAILCRM_API_KEY and its rights")
        if answer.status >= 500:
            raise Down(f"RetailCRM answered {answer.status}", least=IN_DOUBT)
        if not isinstance(answer.fields.get("success"), bool):
            raise Nonsense(f"RetailCRM answered {answer.status} with something that is no answer")
        return answer


def _definition(field: Field) -> dict[str, Any]:
    return {"name": field.label, "code": field.key, "type": _TYPES[field.kind], "displayArea": "customer"}


def _values(contact: Contact) -> dict[str, Any]:
    values = contact.card.values() if contact.card is not None else blank()
    return {key: _plain(value) for key, value in values.items()}


def _plain(value: Value) -> str | int | bool | None:
    return value.isoformat() if isinstance(value, date) else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _fine(answer: Answer) -> bool:
    return 200 <= answer.status < 300 and answer.fields.get("success") is True


def _said(answer: Answer) -> str:
    """What was wrong, with the errors of single fields."""
    more = answer.fields.get("errors")
    details = [f"{key}: {one}" for key, one in more.items()] if isinstance(more, dict) else []
    return told("; ".join([str(answer.fields.get("errorMsg") or f"status {answer.status}"), *details]))
