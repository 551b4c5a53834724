"""What became of messages of ours (Meta: "status messages webhook reference"), with or without contacts and prices."""

from typing import cast

from connectors.whatsapp.reading.values import (
    Json,
    code_of,
    id_of,
    instant_of,
    object_of,
    objects_of,
    phone_of,
    text_of,
    user_id_of,
    word_of,
)
from conversation.arriving.incoming import Pricing, Receipt, Sender, State

_STATES = frozenset({"sent", "delivered", "read", "played", "failed"})


def receipt_of(status: Json, number_id: str | None) -> Receipt | None:
    """A receipt; None if it does not say of which message, or nothing that is known."""
    id_, state = id_of(status.get("id")), status.get("status")
    if id_ is None or not isinstance(state, str) or state not in _STATES:
        return None
    error = next(iter(objects_of(status.get("errors"))), {})
    echoed = text_of(status.get("biz_opaque_callback_data"))
    phone, user_id = phone_of(status.get("recipient_id")), user_id_of(status.get("recipient_user_id"))
    return Receipt(
        id_,
        cast(State, state),
        instant_of(status.get("timestamp")),
        int(echoed) if echoed and echoed.isascii() and echoed.isdecimal() and len(echoed) < 19 else None,
        code_of(error.get("code")),
        text_of(error.get("title") or error.get("message"), 500),
        _pricing(object_of(status.get("pricing"))),
        number_id,
        Sender(phone, user_id) if phone or user_id else None,
    )


def _pricing(told: Json) -> Pricing | None:
    """`billable` is not kept: Meta is to drop it; what is free says so in its type."""
    pricing = Pricing(
        word_of(told.get("category"), 32), word_of(told.get("type"), 32), word_of(told.get("pricing_model"), 32)
    )
    return None if pricing == Pricing() else pricing
