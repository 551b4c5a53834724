"""Reading webhook bodies: every entry, change, message, status and event of a batch, of any age and shape.

Nothing in a body can make this raise but a body that is no webhook at all. What is not understood is kept as
`unsupported` where it is a message, by its name where it is an event, and passed over where it is neither.
"""

import json
from dataclasses import dataclass

from connectors.errors import BadUpdate
from connectors.whatsapp.reading.happenings import field_of, preferences_of, problems_of, system_of
from connectors.whatsapp.reading.messages import echo_message_of, message_of
from connectors.whatsapp.reading.senders import People
from connectors.whatsapp.reading.statuses import receipt_of
from connectors.whatsapp.reading.values import Json, object_of, objects_of, text_of, word_of
from conversation.arriving.happenings import Happening
from conversation.arriving.incoming import Incoming, Receipt
from conversation.arriving.intake import Batch

__all__ = ["LARGEST", "Batch", "read_batch"]

LARGEST = 3 * 1024 * 1024
"""Meta: "Webhooks payloads can be up to 3 MB"."""
_LONGEST_NUMBER, _LONGEST_FIELD = 32, 64


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read so far."""

    messages: list[Incoming]
    receipts: list[Receipt]
    events: list[Happening]

    def change(self, change: Json, account: str | None, at: object) -> None:
        """Read one change; its field says what its value tells."""
        field, value = text_of(change.get("field", "messages"), _LONGEST_FIELD), object_of(change.get("value"))
        if not field or not value:
            return
        number_id = text_of(object_of(value.get("metadata")).get("phone_number_id"), _LONGEST_NUMBER)
        people = People(value.get("contacts"))
        match field:
            case "messages":
                self._messages(value, people, number_id)
                self.receipts.extend(
                    receipt
                    for status in objects_of(value.get("statuses"))
                    if (receipt := receipt_of(status, number_id)) is not None
                )
                self.events.extend(problems_of(value, number_id, at))
            case "smb_message_echoes":
                echoes = (echo_message_of(told, people, number_id) for told in objects_of(value.get("message_echoes")))
                self.messages.extend(echo for echo in echoes if echo is not None)
            case "user_preferences":
                self.events.extend(preferences_of(value, people, number_id))
            case _:
                self.events.append(field_of(field, value, account, at))

    def _messages(self, value: Json, people: People, number_id: str | None) -> None:
        for told in objects_of(value.get("messages")):
            if told.get("type") == "system":
                event = system_of(told, people, number_id)
                if event is not None:
                    self.events.append(event)
                continue
            message = message_of(told, people, number_id)
            if message is not None:
                self.messages.append(message)


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
    reading = _Reading([], [], [])
    for entry in objects_of(document["entry"]):
        account = word_of(entry.get("id"), 64)
        for change in objects_of(entry.get("changes")):
            reading.change(change, account, entry.get("time"))
    return Batch(tuple(reading.messages), tuple(reading.receipts), tuple(reading.events))
