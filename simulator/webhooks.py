"""Webhook bodies as Meta posts them, and their signature.

In: what a customer did, or what became of a message. Out: an ``Update`` with the body to post.
Shapes: Meta's "messages webhook reference" (docs/webhooks/referencia/messages in yvfl/api-whatsapp-docs, 6afd685) and
"Business-scoped user IDs" of the same copy; `request_contact_info` answers: docs.kapso.ai.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from simulator.errors import Rejected
from simulator.parties import Business, Customer, message_id

Json = dict[str, Any]
Shape = Literal["entries", "changes", "values"]

MIME_TYPES: Mapping[str, str] = {
    "image": "image/jpeg",
    "audio": "audio/ogg; codecs=opus",
    "video": "video/mp4",
    "document": "application/pdf",
    "sticker": "image/webp",
}


@dataclass(frozen=True, slots=True)
class Update:
    """One webhook body. ``wamid`` is the message it is about, ``message`` the part that says what happened."""

    wamid: str
    message: Json
    body: Json


def encode(body: Mapping[str, Any]) -> bytes:
    """The bytes to post. Meta escapes non-ASCII and "/" in them, which breaks receivers that re-serialise."""
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()


def sign(secret: str, body: bytes) -> str:
    """The value of ``X-Hub-Signature-256``: HMAC-SHA256 with the app secret over the raw bytes."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def batch(updates: Iterable[Update], shape: Shape = "entries") -> Json:
    """Several updates in one body: Meta may put up to 1000 into one POST, and promises no shape.

    They are told in an entry each, in one entry with a ``changes`` each, or in one change (``values``) where they go
    together: messages and statuses of one number.
    """
    entries = [entry for each in updates for entry in each.body["entry"]]
    if shape != "entries" and entries:
        changes = [change for entry in entries for change in entry["changes"]]
        entries = [{**entries[0], "changes": changes if shape == "changes" else _gathered(changes)}]
    return {"object": "whatsapp_business_account", "entry": entries}


def _gathered(changes: list[Json]) -> list[Json]:
    """Changes of one field become one, with all their lists; a person stands once among the contacts."""
    by_field: dict[str, Json] = {}
    for change in changes:
        value = by_field.setdefault(change["field"], {})
        for key, told in change["value"].items():
            if not isinstance(told, list):
                value[key] = told
            else:
                here = value.setdefault(key, [])
                here.extend(one for one in told if key != "contacts" or one not in here)
    return [{"value": value, "field": field} for field, value in by_field.items()]


class WebhookBuilder:
    """Builds the webhooks of one business number; ``clock`` gives seconds since 1970."""

    def __init__(self, business: Business, clock: Callable[[], float] = time.time) -> None:
        self._business = business
        self._clock = clock

    @property
    def business(self) -> Business:
        """Whose number it is."""
        return self._business

    def text(
        self, customer: Customer, body: str, *, reply_to: str | None = None, ad: Mapping[str, str] | None = None
    ) -> Update:
        """A typed message; ``reply_to`` is the message it quotes, ``ad`` the advertisement that brought her."""
        extras = {"referral": dict(ad)} if ad is not None else {}
        return self.message(customer, "text", {"body": body}, reply_to, **extras)

    def button_reply(self, customer: Customer, key: str, title: str, *, reply_to: str) -> Update:
        """A tap on a reply button of the message ``reply_to``."""
        reply = {"type": "button_reply", "button_reply": {"id": key, "title": title}}
        return self.message(customer, "interactive", reply, reply_to)

    def list_reply(
        self, customer: Customer, key: str, title: str, description: str | None = None, *, reply_to: str
    ) -> Update:
        """A row chosen from the list ``reply_to``; ``description`` is there only if the row has one."""
        row = {"id": key, "title": title} | ({"description": description} if description else {})
        return self.message(customer, "interactive", {"type": "list_reply", "list_reply": row}, reply_to)

    def template_reply(self, customer: Customer, payload: str, text: str, *, reply_to: str) -> Update:
        """A tap on a quick reply of a template: these arrive with ``type`` button."""
        return self.message(customer, "button", {"payload": payload, "text": text}, reply_to)

    def image(self, customer: Customer, caption: str | None = None) -> Update:
        """A photo."""
        return self._media(customer, "image", caption=caption)

    def audio(self, customer: Customer, *, voice: bool = True) -> Update:
        """A voice note, or with ``voice=False`` an audio file."""
        return self._media(customer, "audio", voice=voice)

    def video(self, customer: Customer, caption: str | None = None) -> Update:
        """A film."""
        return self._media(customer, "video", caption=caption)

    def document(self, customer: Customer, filename: str = "receipt.pdf", caption: str | None = None) -> Update:
        """A file."""
        return self._media(customer, "document", filename=filename, caption=caption)

    def sticker(self, customer: Customer, *, animated: bool = False) -> Update:
        """A sticker."""
        return self._media(customer, "sticker", animated=animated)

    def location(
        self,
        customer: Customer,
        latitude: float,
        longitude: float,
        name: str | None = None,
        reply_to: str | None = None,
    ) -> Update:
        """A place; ``reply_to`` is the location request it answers, if any."""
        place = {"latitude": latitude, "longitude": longitude} | ({"name": name, "address": name} if name else {})
        return self.message(customer, "location", place, reply_to)

    def reaction(self, customer: Customer, emoji: str | None, *, to: str) -> Update:
        """An emoji on the message ``to``; None takes it back, and then the field is missing."""
        reaction = {"message_id": to} | ({"emoji": emoji} if emoji else {})
        return self.message(customer, "reaction", reaction, None)

    def contact(self, customer: Customer, phone: str, *, asked: bool, reply_to: str | None = None) -> Update:
        """A contact card: the customer's own number if the business ``asked``, anybody's otherwise."""
        origin = "contact_request" if asked else "other"
        number = {"phone": phone, "wa_id": phone.lstrip("+"), "type": "CELL"}
        card = {"name": {"formatted_name": customer.name}, "phones": [number], "origin": origin}
        # Meta's page has the origin beside the contacts, docs.kapso.ai inside each: both are filled.
        return self.message(customer, "contacts", [card], reply_to, origin=origin)

    def unsupported(self, customer: Customer, kind: str = "poll") -> Update:
        """Something the API does not hand on, such as a poll."""
        errors = [Rejected(131051, "Message type is currently not supported.").in_webhook()]
        return self.message(customer, "unsupported", {"type": kind}, None, errors=errors)

    def status(
        self,
        status: str,
        wamid: str,
        customer: Customer,
        *,
        opaque: str | None = None,
        category: str = "service",
        charged: str = "regular",
        contacts: bool = True,
        error: Rejected | None = None,
    ) -> Update:
        """What became of the business's message ``wamid``: sent, delivered, read, played or failed (with ``error``).

        ``charged`` is the price's ``type``. Since October 2026 service messages are ``regular`` too, and
        ``free_entry_point`` only after an advertisement; ``billable``, which is to be dropped, is not there. Not every
        status has ``contacts``, a failed one never.
        """
        failed = status == "failed"
        item: Json = {"id": wamid, "status": status, "timestamp": self.now()}
        if customer.wa_id:
            item["recipient_id"] = customer.wa_id
        if customer.user_id and not (failed and customer.wa_id):  # a failed one names only what it was sent to
            item["recipient_user_id"] = customer.user_id
        if opaque is not None:
            item["biz_opaque_callback_data"] = opaque
        if status in ("sent", "delivered"):
            item["pricing"] = {"pricing_model": "PMP", "type": charged, "category": category}
        if failed:
            item["errors"] = [(error or Rejected(131000, "The message could not be delivered.")).in_webhook()]
        known = {"contacts": [self.who(customer)]} if contacts and not failed else {}
        return Update(wamid, item, self.envelope({**known, "statuses": [item]}))

    def _media(self, customer: Customer, kind: str, **extras: object) -> Update:
        content = secrets.token_bytes(16)
        number = str(int.from_bytes(content[:6], "big") + 10**15)
        media: Json = {key: value for key, value in extras.items() if value is not None}
        media |= {"mime_type": MIME_TYPES[kind], "sha256": hashlib.sha256(content).hexdigest(), "id": number}
        media["url"] = f"https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid={number}"
        return self.message(customer, kind, media, None)

    def message(self, customer: Customer, kind: str, content: object, reply_to: str | None, **extras: object) -> Update:
        """A message of any ``kind``, of today or of the future, with what it holds."""
        wamid = message_id(customer.key, inbound=True)
        message: Json = {} if reply_to is None else {"context": {"from": self._business.digits, "id": reply_to}}
        if customer.wa_id:
            message["from"] = customer.wa_id
        if customer.user_id:
            message["from_user_id"] = customer.user_id
        message |= {"id": wamid, "timestamp": self.now(), "type": kind, kind: content, **extras}
        return Update(wamid, message, self.envelope({"contacts": [self.who(customer)], "messages": [message]}))

    def who(self, customer: Customer) -> Json:
        """Somebody as the ``contacts`` of a value describe her."""
        contact: Json = {"profile": {"name": customer.name}}
        if customer.wa_id:
            contact["wa_id"] = customer.wa_id
        if customer.user_id:
            contact["user_id"] = customer.user_id
        return contact

    def envelope(self, content: Json, field: str = "messages") -> Json:
        """A body with one value of ``field``."""
        business = self._business
        metadata = {"display_phone_number": business.digits, "phone_number_id": business.phone_number_id}
        value = {"messaging_product": "whatsapp", "metadata": metadata, **content}
        change = {"value": value, "field": field}
        return {"object": "whatsapp_business_account", "entry": [{"id": business.account_id, "changes": [change]}]}

    def now(self) -> str:
        """The time as webhooks print it."""
        return str(int(self._clock()))
