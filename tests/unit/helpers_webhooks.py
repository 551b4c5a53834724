"""Webhook bodies in Meta's shapes: the examples of its published OpenAPI, and the fields that came since."""

import json
from collections.abc import Mapping
from typing import Any

from connectors.whatsapp.updates import Batch, read_batch
from conversation.incoming import Incoming, Receipt

Json = dict[str, Any]

NUMBER_ID = "106540352242922"
PHONE = "16505551234"
USER_ID = "US.13491208655302741918"
SENT_AT = "1749416383"

CONTENTS: Mapping[str, Json] = {
    "text": {"type": "text", "text": {"body": "Does it come in another color?"}},
    "button_reply": {
        "type": "interactive",
        "context": {"from": "15550783881", "id": "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI3MEM2RUJFNkI0RENGQTVDRjUA"},
        "interactive": {"type": "button_reply", "button_reply": {"id": "K7QX4M2PABCDE-0", "title": "Cancel"}},
    },
    "list_reply": {
        "type": "interactive",
        "interactive": {
            "type": "list_reply",
            "list_reply": {"id": "K7QX4M2PABCDE-7", "title": "Espresso", "description": "20 points · At the bar"},
        },
    },
    "nfm_reply": {
        "type": "interactive",
        "interactive": {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": "{}"}},
    },
    "button": {"type": "button", "button": {"payload": "Unsubscribe", "text": "Stop, please"}},
    "image": {
        "type": "image",
        "image": {"caption": "Taj Mahal", "mime_type": "image/jpeg", "sha256": "SfIn=", "id": "1003383421387256"},
    },
    "audio": {"type": "audio", "audio": {"mime_type": "audio/ogg; codecs=opus", "id": "1908647", "voice": True}},
    "video": {"type": "video", "video": {"mime_type": "video/mp4", "sha256": "a3=", "id": "1003383421387257"}},
    "document": {"type": "document", "document": {"filename": "bill.pdf", "mime_type": "application/pdf", "id": "1"}},
    "sticker": {"type": "sticker", "sticker": {"mime_type": "image/webp", "animated": False, "id": "2"}},
    "location": {
        "type": "location",
        "location": {"latitude": 37.44221496582, "longitude": -122.16165924072, "name": "Philz Coffee"},
    },
    "contacts": {
        "type": "contacts",
        "contacts": [{"name": {"formatted_name": "Lucía Gómez"}, "phones": [{"phone": "+1 (983) 555-2319"}]}],
    },
    "order": {
        "type": "order",
        "order": {"catalog_id": "1", "text": "", "product_items": [{"product_retailer_id": "a", "quantity": 2}]},
    },
    "reaction": {"type": "reaction", "reaction": {"message_id": "wamid.HBgLMTY1MDM4", "emoji": "👍"}},
    "edit": {"type": "edit", "edit": {"original_message_id": "wamid.HBgLMTY1MDM4", "message": {"type": "text"}}},
    "revoke": {"type": "revoke", "revoke": {"original_message_id": "wamid.HBgLMTY1MDM4"}},
    "system": {
        "type": "system",
        "system": {"body": "User changed number", "wa_id": "12195555358", "type": "user_changed_number"},
    },
    "unsupported": {
        "type": "unsupported",
        "errors": [{"code": 131051, "title": "Message type unknown", "message": "Message type unknown"}],
    },
    "hologram": {"type": "hologram", "hologram": {"depth": 3}},
}
"""What a message of each type carries beside its id and sender."""

STATUSES: Mapping[str, Json] = {
    "sent": {
        "id": "wamid.sent", "status": "sent", "timestamp": SENT_AT, "recipient_id": PHONE,
        "biz_opaque_callback_data": "4711", "pricing": {"billable": True, "category": "service", "type": "regular"},
    },
    "delivered": {"id": "wamid.delivered", "status": "delivered", "timestamp": SENT_AT, "recipient_user_id": USER_ID},
    "read": {"id": "wamid.read", "status": "read", "timestamp": SENT_AT, "recipient_id": PHONE},
    "failed": {
        "id": "wamid.failed", "status": "failed", "timestamp": SENT_AT, "recipient_id": PHONE,
        "biz_opaque_callback_data": "4712",
        "errors": [
            {
                "code": 131047, "title": "Re-engagement message", "message": "Re-engagement message",
                "error_data": {"details": "More than 24 hours have passed"}, "href": "https://developers.example/",
            },
        ],
    },
}  # fmt: skip


def contact(name: str = "Sheena Nelson", phone: str | None = PHONE, user_id: str | None = None) -> Json:
    """A person as a value's `contacts` describe her."""
    known = {"wa_id": phone, "user_id": user_id}
    return {"profile": {"name": name}} | {key: value for key, value in known.items() if value is not None}


def message(kind: str = "text", *, id_: str = "wamid.HBgLMTY1MDM4Nzk0MzkA", **fields: object) -> Json:
    """A message of one of the `CONTENTS`, from `PHONE` unless `from_=None` says otherwise."""
    sender = {"from": fields.pop("from_", PHONE), "from_user_id": fields.pop("from_user_id", None)}
    known = {key: given for key, given in sender.items() if given is not None}
    return {**known, "id": id_, "timestamp": SENT_AT, **CONTENTS[kind], **fields}


def value(**parts: object) -> Json:
    """What a change tells: `messages`, `statuses`, `contacts` …"""
    return {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": NUMBER_ID},
        **parts,
    }


def entry(*values: Json, field: str = "messages") -> Json:
    """One entry with a change for each value."""
    return {"id": "419561257915477", "changes": [{"value": each, "field": field} for each in values]}


def webhook(*entries: Json) -> Json:
    """A whole body, before it is written as JSON."""
    return {"object": "whatsapp_business_account", "entry": list(entries)}


def raw(document: object) -> bytes:
    """A body as it travels."""
    return json.dumps(document).encode()


def read(*values: Json) -> Batch:
    """What the connector makes of one entry with these values."""
    return read_batch(raw(webhook(entry(*values))))


def read_message(told: Json, *contacts: Json) -> Incoming:
    """What the connector makes of one message."""
    (incoming,) = read(value(messages=[told], contacts=list(contacts))).messages
    return incoming


def read_status(told: Json) -> Receipt:
    """What the connector makes of one status."""
    (receipt,) = read(value(statuses=[told])).receipts
    return receipt
