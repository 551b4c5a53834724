"""Webhooks about what is no message to be answered: edits, echoes, new numbers and user ids, preferences.

Shapes: Meta's "messages webhook reference" (edit and revoke, November 2025), "smb_message_echoes webhook reference",
"user_preferences webhook reference", "Business-scoped user IDs" and the changelog of 2026-08-11 (``previous_user_id``).
"""

from __future__ import annotations

from typing import Literal

from simulator.parties import Customer, message_id
from simulator.webhooks import Json, Update, WebhookBuilder

AD = {
    "source_url": "https://fb.me/3cr4Wqqkv", "source_id": "120226305854810726", "source_type": "ad",
    "headline": "A coffee on us", "body": "Write to us", "ctwa_clid": "Aff-n8ZTODiE79d22KtAwQKj9e",
}  # fmt: skip
"""A click-to-WhatsApp ad, for ``WebhookBuilder.text(…, ad=AD)``."""


class EventBuilder:
    """Builds these webhooks, with the number and the clock of ``build``."""

    def __init__(self, build: WebhookBuilder) -> None:
        self._build = build

    def edit(self, customer: Customer, wamid: str, body: str) -> Update:
        """The customer changes the words of the message ``wamid``."""
        edited = {"original_message_id": wamid, "message": {"type": "text", "text": {"body": body}}}
        return self._build.message(customer, "edit", edited, None)

    def revoke(self, customer: Customer, wamid: str) -> Update:
        """The customer deletes the message ``wamid`` for everyone."""
        return self._build.message(customer, "revoke", {"original_message_id": wamid}, None)

    def echo(self, customer: Customer, body: str) -> Update:
        """Somebody of the business answers from its own phone (coexistence)."""
        wamid = message_id(customer.key, inbound=False)
        told: Json = {"from": self._build.business.digits, "id": wamid, "timestamp": self._build.now(), "type": "text"}
        told |= {"to": customer.wa_id} if customer.wa_id else {"to_user_id": customer.user_id}
        told["text"] = {"body": body}
        return Update(wamid, told, self._build.envelope({"message_echoes": [told]}, "smb_message_echoes"))

    def new_number(self, customer: Customer, phone: str) -> tuple[Update, Customer]:
        """The customer moves her account to another phone; the customer as she is from then on."""
        after = Customer(customer.name, phone, customer.user_id, customer.language)
        said = f"User {customer.name} changed from {customer.wa_id} to {after.wa_id}"
        told = {"body": said, "wa_id": after.wa_id, "type": "user_changed_number"}
        return self._build.message(customer, "system", told, None), after

    def new_user_id(self, customer: Customer, user_id: str) -> tuple[Update, Customer]:
        """The customer gets another business-scoped user id; the customer as she is from then on."""
        after = Customer(customer.name, customer.phone, user_id, customer.language)
        told = {"body": "User changed user ID", "user_id": user_id, "previous_user_id": customer.user_id}
        told["type"] = "user_changed_user_id"
        return self._build.message(after, "system", told, None), after

    def preference(self, customer: Customer, wish: Literal["stop", "resume"]) -> Update:
        """The customer stops or resumes marketing messages in WhatsApp itself."""
        told: Json = {
            "detail": f"User requested to {wish} marketing messages", "category": "marketing_messages", "value": wish,
            "timestamp": int(self._build.now()),
        }  # fmt: skip
        told |= {"wa_id": customer.wa_id} if customer.wa_id else {}
        told |= {"user_id": customer.user_id} if customer.user_id else {}
        value = {"contacts": [self._build.who(customer)], "user_preferences": [told]}
        return Update("", told, self._build.envelope(value, "user_preferences"))
