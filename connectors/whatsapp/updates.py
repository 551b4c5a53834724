"""Reading webhook bodies: every entry, change, message and status of a batch, of any age and shape.

Nothing in a body can make this raise but a body that is no webhook at all. What is not understood is kept as
`unsupported` where it is a message, and passed over where it is not.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from connectors.errors import BadUpdate
from conversation.incoming import Attachment, Content, Incoming, Receipt, Sender, Tap, Text

LARGEST = 3 * 1024 * 1024
"""Meta: "Webhooks payloads can be up to 3 MB"."""
_LONGEST_ID = 200
_KINDS = {
    "audio": "voice", "image": "image", "video": "video", "document": "document", "sticker": "sticker",
    "location": "location", "contacts": "contacts", "order": "order", "reaction": "reaction", "edit": "edit",
    "revoke": "revoke", "system": "system", "unsupported": "unsupported",
}  # fmt: skip
_STATES = frozenset({"sent", "delivered", "read", "failed"})
_Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one webhook told: messages and receipts, in their order."""

    messages: tuple[Incoming, ...]
    receipts: tuple[Receipt, ...]


def read_batch(body: bytes) -> Batch:
    """Read a body whose signature was verified. Raises `BadUpdate` (400) if it is no WhatsApp webhook."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise BadUpdate(400, "the body is no JSON") from None
    if not isinstance(document, dict) or document.get("object") != "whatsapp_business_account":
        raise BadUpdate(400, "the body is no WhatsApp webhook: object must be whatsapp_business_account")
    if not isinstance(document.get("entry"), list):
        raise BadUpdate(400, "the body is no WhatsApp webhook: entry must be a list")
    messages: list[Incoming] = []
    receipts: list[Receipt] = []
    for value in _values(document):
        number_id = _text(_object(value.get("metadata")).get("phone_number_id"))
        contacts = _objects(value.get("contacts"))
        for message in _objects(value.get("messages")):
            incoming = _message(message, contacts, number_id)
            if incoming is not None:
                messages.append(incoming)
        receipts.extend(filter(None, map(_receipt, _objects(value.get("statuses")))))
    return Batch(tuple(messages), tuple(receipts))


def _values(document: _Json) -> Iterator[_Json]:
    for entry in _objects(document["entry"]):
        for change in _objects(entry.get("changes")):
            if change.get("field", "messages") == "messages":
                yield _object(change.get("value"))


def _message(message: _Json, contacts: list[_Json], number_id: str | None) -> Incoming | None:
    id_ = _text(message.get("id"))
    phone, user_id = _phone(message.get("from")), _user_id(message.get("from_user_id"))
    contact = _contact(contacts, phone, user_id)
    phone = phone or _phone(contact.get("wa_id"))
    user_id = user_id or _user_id(contact.get("user_id"))
    if not id_ or len(id_) > _LONGEST_ID or number_id is None or not (phone or user_id):
        return None
    name = _text(_object(contact.get("profile")).get("name"))
    sender = Sender(phone, user_id, name[:200] if name else None)
    return Incoming(id_, number_id[:32], sender, _instant(message.get("timestamp")), _content(message))


def _contact(contacts: list[_Json], phone: str | None, user_id: str | None) -> _Json:
    """The contact that belongs to a sender; a batch may have those of several people."""
    for contact in contacts:
        if user_id is not None and contact.get("user_id") == user_id:
            return contact
        if phone is not None and _phone(contact.get("wa_id")) == phone:
            return contact
    only = contacts[0] if len(contacts) == 1 else {}
    somebody_else = (phone and _phone(only.get("wa_id"))) or (user_id and _user_id(only.get("user_id")))
    return {} if somebody_else else only


def _content(message: _Json) -> Content:
    kind = message.get("type")
    body = _object(message.get(kind) if isinstance(kind, str) else None)
    match kind:
        case "text" if (text := _text(body.get("body"))) is not None:
            return Text(text)
        case "interactive":
            reply = _object(body.get("button_reply")) or _object(body.get("list_reply"))
            if reply:
                return Tap(_text(reply.get("id")) or "", _text(reply.get("title")) or "")
        case "button":  # the quick reply of a template
            return Tap(_text(body.get("payload")) or "", _text(body.get("text")) or "")
    return Attachment(_KINDS.get(kind, "unsupported") if isinstance(kind, str) else "unsupported")


def _receipt(status: _Json) -> Receipt | None:
    id_, state = _text(status.get("id")), status.get("status")
    if not id_ or len(id_) > _LONGEST_ID or not isinstance(state, str) or state not in _STATES:
        return None
    error = next(iter(_objects(status.get("errors"))), {})
    code = error.get("code")
    echoed = _text(status.get("biz_opaque_callback_data"))
    return Receipt(
        id_,
        cast(Literal["sent", "delivered", "read", "failed"], state),
        _instant(status.get("timestamp")),
        int(echoed) if echoed and echoed.isascii() and echoed.isdecimal() and len(echoed) < 19 else None,
        code if type(code) is int and abs(code) < 2**31 else None,
        _text(error.get("title")),
    )


def _instant(value: object) -> datetime:
    """Seconds since 1970, as Meta writes them; now, if it is nothing of the kind or lies in the future."""
    now = datetime.now(UTC)
    try:
        return min(datetime.fromtimestamp(int(str(value)), UTC), now)
    except (ValueError, OverflowError, OSError):
        return now


def _phone(value: object) -> str | None:
    text = _text(value)
    digits = text.removeprefix("+") if text else ""
    return digits if digits.isascii() and digits.isdecimal() and 5 <= len(digits) <= 15 else None


def _user_id(value: object) -> str | None:
    """`CC.` and up to 128 letters and digits (Meta, "Business-scoped user ids")."""
    text = _text(value) or ""
    country, dot, rest = text.partition(".")
    fits = len(country) == 2 and country.isalpha() and dot and rest.isalnum() and len(rest) <= 128 and text.isascii()
    return text if fits else None


def _text(value: object) -> str | None:
    """Text as a database takes it: without NUL and lone surrogates."""
    return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else None


def _object(value: object) -> _Json:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[_Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
