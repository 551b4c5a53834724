"""What systems tell by themselves: whether it is them, and which deals it is about. Pure.

Sources: HubSpot, "Validating requests" (v3: HMAC-SHA256 over method, address, body and time, not older than five
minutes), "Webhooks API"; Bitrix24, `onCrmDealUpdate` (`auth[application_token]`); Kommo, "Webhooks" (a form
`leads[status][0][id]`, no signature); Zoho, "Notifications" (`token`, `ids`, `module`); RetailCRM, triggers (an HTTP
request whose body the operator writes).
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from crm.reading import id_of

OLDEST = 300
"""Seconds that a signature of HubSpot's may be old, or ahead of our clock."""
MOST_PARTS = 5_000
_KOMMO = re.compile(r"leads\[(?:status|update|add)\]\[\d{1,4}\]\[id\]")


@dataclass(frozen=True, slots=True)
class Told:
    """A request as it came. `address` is the one it was sent to, as the outside knows it; header names are small."""

    address: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


class Unreadable(ValueError):
    """The body is none of this system's."""


def is_from(system: str, told: Told, secret: str, now: datetime) -> bool:
    """Whether a request comes from who has the secret."""
    match system:
        case "hubspot":
            return _signed(told, secret, now)
        case "bitrix24":
            return _same(_form(told.body).get("auth[application_token]", ""), secret)
        case "zoho":
            body = _read(told.body)
            inside = body.get("token") if isinstance(body, dict) else None
            return _same(told.query.get("token") or (inside if isinstance(inside, str) else ""), secret)
        case _:
            return _same(told.query.get("token") or told.headers.get("x-webhook-token", ""), secret)


def deals_in(system: str, told: Told) -> list[str]:
    """The deals a request is about; none if it is about something else. Raises `Unreadable`."""
    match system:
        case "hubspot":
            return _ids(_hubspot(_json(told.body)))
        case "bitrix24":
            form = _form(told.body)
            wanted = form.get("event", "").upper() in {"ONCRMDEALUPDATE", "ONCRMDEALADD"}
            return _ids([form.get("data[FIELDS][ID]")] if wanted else [])
        case "kommo":
            return _ids(value for name, value in _form(told.body).items() if _KOMMO.fullmatch(name))
        case "zoho":
            return _ids(_zoho(_json(told.body)))
        case _:
            return _ids(_retailcrm(told))


def _hubspot(body: Any) -> Iterable[Any]:
    if not isinstance(body, list):
        raise Unreadable("HubSpot sends a list of events")
    for event in body[:MOST_PARTS]:
        if not isinstance(event, dict) or event.get("objectTypeId", "0-3") != "0-3":
            continue  # 0-3 are deals, where the kind of object is told apart from what happened to it
        if str(event.get("subscriptionType", "")).startswith(("deal.", "object.")):
            yield event.get("objectId")


def _zoho(body: Any) -> Iterable[Any]:
    if not isinstance(body, dict):
        raise Unreadable("Zoho sends an object")
    if body.get("module", "Deals") != "Deals" or body.get("operation") == "delete":
        return []
    ids = body.get("ids")
    return ids if isinstance(ids, list) else [ids if ids is not None else body.get("id")]


def _retailcrm(told: Told) -> Iterable[Any]:
    body = _read(told.body)
    said = body if isinstance(body, dict) else _form(told.body)
    return [said.get("order_id") or told.query.get("order_id")]


def _ids(found: Iterable[Any]) -> list[str]:
    ids = (id_of(one) for one in found)
    return list(dict.fromkeys(id_ for id_ in ids if id_ is not None))


def _signed(told: Told, secret: str, now: datetime) -> bool:
    stamp = told.headers.get("x-hubspot-request-timestamp", "")
    if not re.fullmatch(r"[0-9]{1,16}", stamp) or abs(now.timestamp() - int(stamp) / 1000) > OLDEST:
        return False
    text = b"POST" + told.address.encode() + told.body + stamp.encode()
    wanted = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
    return _same(told.headers.get("x-hubspot-signature-v3", ""), wanted)


def _same(given: str, wanted: str) -> bool:
    return bool(wanted) and hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())


def _json(raw: bytes) -> Any:
    body = _read(raw)
    if body is None:
        raise Unreadable("the body is no JSON")
    return body


def _read(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _form(raw: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_PARTS))
    except ValueError:
        return {}
