"""A part of the outbox as Twilio takes it: the fields of a form. `conversation.messages.parts` says what a part holds.

Source: Twilio, "Messages resource": `From` and `To` as `whatsapp:+…`, one of `Body`, `MediaUrl` and `ContentSid` at
least. Parts are laid out for what Twilio can show; those laid out for another provider, that waited while it was
changed, become words.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.errors import AskHer, Malformed
from connectors.twilio.contents import Contents
from conversation.leaving.outbox import Due
from conversation.messages.layout import Limits

Fields = list[tuple[str, str]]
LIMITS = Limits(
    buttons=0, rows=0, body=1600, caption=1024, text=1600,
    extras=frozenset({"image", "video", "audio", "voice", "sticker", "template"}),
)  # fmt: skip
"""Twilio: `Body` "up to 1,600 characters"; buttons, lists, link buttons and requests only as templates made before.

Documents go as their address: "does not support setting a filename or caption for documents" ("Guidance on WhatsApp
media messages"). A caption is WhatsApp's, 1,024.
"""


def fields_of(due: Due, contents: Contents, *, callback: str | None) -> Fields:
    """The form of `POST …/Messages.json`. Raises a `SendError` for what Twilio cannot send."""
    if not due.phone:
        raise AskHer("Twilio reaches people by their phone number, and hers is not known")
    fields = [("From", f"whatsapp:+{due.number_id}"), ("To", f"whatsapp:+{due.phone.removeprefix('+')}")]
    fields += _content(due.message, contents)
    return [*fields, ("StatusCallback", callback)] if callback else fields


def _content(message: Mapping[str, Any], contents: Contents) -> Fields:
    if message["style"] == "template":
        sid, variables = contents.find(message)
        filled = [("ContentVariables", json.dumps(variables, ensure_ascii=False))] if variables else []
        return [("ContentSid", sid), *filled]
    medium = message.get("medium") or {}
    if medium and not medium.get("link"):
        raise Malformed("a medium that was uploaded to another provider cannot be sent through Twilio")
    address = message.get("image") or medium.get("link")
    text = "\n\n".join(filter(None, _words(message)))
    if address and medium.get("kind") == "document":
        address, text = None, "\n\n".join(filter(None, (text, address)))
    if not address and not text:
        raise Malformed(f"there is nothing in a message of style {message['style']} that Twilio can send")
    return [*([("Body", text)] if text else []), *([("MediaUrl", address)] if address else [])]


def _words(message: Mapping[str, Any]) -> Iterator[str]:
    yield str(message.get("text") or "")
    match message["style"]:
        case "buttons" | "list":
            yield "\n".join(_line(place, choice) for place, choice in enumerate(message["choices"], 1))
        case "link":
            yield f"{message['link']['title']}: {message['link']['url']}"


def _line(place: int, choice: Mapping[str, Any]) -> str:
    return " · ".join(filter(None, (f"{place}. {choice['title']}", choice.get("detail"))))
