"""What a body tells beside messages and receipts: identities, preferences, templates, the account."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime

from connectors.whatsapp.reading.senders import People
from connectors.whatsapp.reading.values import (
    Json,
    code_of,
    id_of,
    instant_of,
    object_of,
    objects_of,
    phone_of,
    pruned,
    text_of,
    user_id_of,
    word_of,
)
from conversation.arriving.happenings import (
    AccountEvent,
    Happening,
    IdentityChanged,
    PreferenceChanged,
    Problem,
    TemplateChanged,
)
from conversation.arriving.incoming import Sender

ACCOUNT = frozenset(
    {
        "account_alerts", "account_review_update", "account_settings_update", "account_update",
        "business_capability_update", "phone_number_name_update", "phone_number_quality_update", "security",
    }
)  # fmt: skip
"""Fields about the account: kept as they come. Of any other field only the names are kept, for it may name people."""
_TEMPLATE = {
    "message_template_status_update": "event",
    "message_template_quality_update": "new_quality_score",
    "template_category_update": "new_category",
    "message_template_components_update": "message_template_title",
}
_NUMBER = frozenset({"user_changed_number", "customer_changed_number"})


def system_of(message: Json, people: People, number_id: str | None) -> Happening | None:
    """A system message: a customer has another number or user id (Meta: "system messages", changelog 2026-08-11).

    Which of the old and the new stand where differs by age: what is called `previous` or is the sender was before.
    """
    told, id_ = object_of(message.get("system")), id_of(message.get("id"))
    kind = told.get("type")
    if id_ is None or number_id is None or not isinstance(kind, str):
        return None
    at = instant_of(message.get("timestamp"))
    sender_phone, sender_user = phone_of(message.get("from")), user_id_of(message.get("from_user_id"))
    phone = phone_of(told.get("new_wa_id")) or phone_of(told.get("wa_id"))
    user_id = user_id_of(told.get("user_id"))
    former_user = user_id_of(told.get("previous_user_id"))
    unclear = AccountEvent(_key("system", number_id, id_), at, None, "system", text_of(kind, 64), {})
    if kind in _NUMBER:
        former = sender_phone if sender_phone != phone else phone_of(told.get("customer"))
        before = Sender(former, former_user or sender_user)
        after = Sender(phone, user_id or (sender_user if sender_user != former_user else None))
    elif kind == "user_changed_user_id":
        news = (user_id, sender_user, people.sender(sender_phone, None).user_id)
        fresh = next((one for one in news if one and one != former_user), None)
        before, after = Sender(None, former_user), Sender(sender_phone or phone, fresh)
        if fresh is None:
            return unclear
    else:
        return unclear
    if not before.key or not after.key or (before.phone, before.user_id) == (after.phone, after.user_id):
        return unclear
    return IdentityChanged(_key("system", number_id, id_), at, number_id, before, after)


def problems_of(value: Json, number_id: str | None, at: object) -> Iterator[Happening]:
    """`value.errors`: what went wrong and is about no message."""
    for error in objects_of(value.get("errors")):
        code, title = code_of(error.get("code")), text_of(error.get("title") or error.get("message"), 500)
        id_ = _key("errors", str(number_id), str(at), _digest(error))
        yield Problem(id_, instant_of(at), number_id, code, title)


def preferences_of(value: Json, people: People, number_id: str | None) -> Iterator[Happening]:
    """`user_preferences`: who tapped "stop" or "resume" in WhatsApp itself."""
    for told in objects_of(value.get("user_preferences")):
        sender = people.sender(phone_of(told.get("wa_id")), user_id_of(told.get("user_id")))
        wish = told.get("value")
        if number_id is None or not sender.key or wish not in ("stop", "resume"):
            continue
        category = word_of(told.get("category"), 32) or "marketing_messages"
        at = instant_of(told.get("timestamp"))
        id_ = _key("preference", number_id, sender.key, category, str(told.get("timestamp")), str(wish))
        words = text_of(told.get("detail"), 500) or ""
        yield PreferenceChanged(id_, at, number_id, sender, category, wish == "resume", words)


def field_of(field: str, value: Json, account: str | None, at: object) -> Happening:
    """An event of any other field, of today or of the future."""
    id_, when = _key(field, str(account), str(at), _digest(value)), instant_of(at)
    if field in _TEMPLATE:
        return _template(id_, when, field, value, account)
    if field in ACCOUNT:
        word = word_of(value.get("event"), 64) or word_of(value.get("decision"), 64)
        return AccountEvent(id_, when, account, field, word, pruned(value))
    return AccountEvent(id_, when, account, field, None, {"keys": list(pruned(value))})


def _template(id_: str, at: datetime, field: str, value: Json, account: str | None) -> TemplateChanged:
    return TemplateChanged(
        id_, at, account, field,
        word_of(value.get("message_template_id"), 64),
        word_of(value.get("message_template_name"), 512),
        word_of(value.get("message_template_language"), 16),
        word_of(value.get(_TEMPLATE[field]), 64),
        pruned(value),
    )  # fmt: skip


def _digest(value: object) -> str:
    return json.dumps(pruned(value, depth=12, width=500, length=5000), sort_keys=True)


def _key(*parts: str) -> str:
    """The same for the same event, however often and in whatever body it comes."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:40]
