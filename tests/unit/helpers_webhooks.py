"""Webhook bodies in Meta's shapes: the examples of its published OpenAPI, and the fields that came since."""

import json
from collections.abc import Mapping
from typing import Any

from connectors.whatsapp.updates import Batch, read_batch
from conversation.arriving.incoming import Incoming, Receipt

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
        "interactive": {
            "type": "nfm_reply",
            "nfm_reply": {
                "name": "flow", "body": "Sent",
                "response_json": '{"flow_token": "t-1", "birthday": "1990-02-03", "likes": ["tea", {"with": "milk"}]}',
            },
        },
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
        "location": {
            "latitude": 37.44221496582, "longitude": -122.16165924072, "name": "Philz Coffee",
            "address": "101 Forest Ave, Palo Alto, CA 94301", "url": "https://philzcoffee.com/",
        },
    },
    "contacts": {
        "type": "contacts",
        "contacts": [{"name": {"formatted_name": "Lucía Gómez"}, "phones": [{"phone": "+1 (983) 555-2319"}]}],
    },
    "order": {
        "type": "order",
        "order": {
            "catalog_id": "194836987003835", "text": "no sugar",
            "product_items": [
                {"product_retailer_id": "di9ozbzfi4", "quantity": 2, "item_price": 30, "currency": "USD"},
                {"product_retailer_id": "nqryix03ez", "quantity": 1, "item_price": 25.5, "currency": "USD"},
            ],
        },
    },
    "reaction": {"type": "reaction", "reaction": {"message_id": "wamid.HBgLMTY1MDM4", "emoji": "👍"}},
    "edit": {
        "type": "edit",
        "edit": {
            "original_message_id": "wamid.HBgLMTY1MDM4",
            "message": {"type": "text", "text": {"body": "I meant tea"}},
        },
    },
    "revoke": {"type": "revoke", "revoke": {"original_message_id": "wamid.HBgLMTY1MDM4"}},
    "unsupported": {
        "type": "unsupported",
        "errors": [{"code": 131051, "title": "Message type unknown", "message": "Message type unknown"}],
    },
    "hologram": {"type": "hologram", "hologram": {"depth": 3}},
}  # fmt: skip
"""What a message of each type carries beside its id and sender."""

SYSTEM: Mapping[str, Json] = {
    "number": {
        "type": "system",
        "system": {
            "body": "User Sheena Nelson changed from 16505551234 to 12195555358", "wa_id": "12195555358",
            "type": "user_changed_number",
        },
    },
    "number of old": {
        "type": "system",
        "system": {"type": "customer_changed_number", "customer": PHONE, "new_wa_id": "12195555358"},
    },
    "user id": {
        "type": "system",
        "system": {
            "body": "User changed user ID", "type": "user_changed_user_id", "user_id": "US.2222",
            "previous_user_id": USER_ID, "previous_parent_user_id": "US.9",
        },
    },
}  # fmt: skip
"""System messages about the identity of a customer."""

FIELDS: Mapping[str, Json] = {
    "message_template_status_update": {
        "event": "REJECTED", "message_template_id": 594425479261596, "message_template_name": "points_expire",
        "message_template_language": "it", "reason": "TAG_CONTENT_MISMATCH",
    },
    "message_template_quality_update": {
        "previous_quality_score": "GREEN", "new_quality_score": "RED", "message_template_id": 594425479261596,
        "message_template_name": "points_expire", "message_template_language": "it",
    },
    "template_category_update": {
        "message_template_id": 594425479261596, "message_template_name": "points_expire",
        "message_template_language": "it", "previous_category": "UTILITY", "new_category": "MARKETING",
    },
    "account_update": {
        "event": "ACCOUNT_RESTRICTION",
        "restriction_info": [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": 1749416383}],
    },
    "account_alerts": {"entity_type": "WABA", "entity_id": 4, "alert_info": {"alert_severity": "CRITICAL"}},
    "phone_number_quality_update": {
        "display_phone_number": "15550783881", "event": "FLAGGED", "current_limit": "TIER_1K",
    },
    "phone_number_name_update": {"display_phone_number": "15550783881", "decision": "APPROVED"},
    "business_capability_update": {"max_daily_conversations_per_business": 2000, "max_phone_numbers_per_business": 25},
}  # fmt: skip
"""What the fields about templates and the account tell."""

STATUSES: Mapping[str, Json] = {
    "sent": {
        "id": "wamid.sent", "status": "sent", "timestamp": SENT_AT, "recipient_id": PHONE,
        "biz_opaque_callback_data": "4711",
        "pricing": {"billable": True, "category": "service", "type": "regular", "pricing_model": "PMP"},
    },
    "delivered": {"id": "wamid.delivered", "status": "delivered", "timestamp": SENT_AT, "recipient_user_id": USER_ID},
    "read": {"id": "wamid.read", "status": "read", "timestamp": SENT_AT, "recipient_id": PHONE},
    "played": {"id": "wamid.played", "status": "played", "timestamp": SENT_AT, "recipient_id": PHONE},
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


def preference(wish: str = "stop", *, phone: str | None = PHONE, user_id: str | None = None) -> Json:
    """What the field `user_preferences` tells of one person."""
    known = {"wa_id": phone, "user_id": user_id}
    told = {
        "detail": f"User requested to {wish} marketing messages", "category": "marketing_messages", "value": wish,
        "timestamp": int(SENT_AT),
    }  # fmt: skip
    who = {key: given for key, given in known.items() if given is not None}
    return value(contacts=[contact(phone=phone, user_id=user_id)], user_preferences=[{**who, **told}])


def echo(id_: str = "wamid.echo") -> Json:
    """What the field `smb_message_echoes` tells of a message from the business's own phone."""
    told = {"from": "15550783881", "to": PHONE, "id": id_, "timestamp": SENT_AT, "type": "text", "text": {"body": "Hi"}}
    return value(message_echoes=[told])


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
