"""What comes in, in words that belong to no channel, and how the inbox keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Sender:
    """Who wrote: a phone, a business-scoped user id, or both."""

    phone: str | None
    user_id: str | None
    name: str | None = None

    @property
    def key(self) -> str:
        """What keeps the messages of one person together: the user id, which outlives a change of number."""
        return self.user_id or self.phone or ""


@dataclass(frozen=True, slots=True)
class Text:
    """Something typed."""

    text: str


@dataclass(frozen=True, slots=True)
class Tap:
    """A button or a row that was tapped: the token we issued (or somebody made up) and the title shown."""

    token: str
    title: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something sent that is no text: `voice`, `image`, `location`, … or `unsupported`."""

    kind: str


Content = Text | Tap | Attachment


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message from a customer. `sent_at` is when she sent it, which may be long before it arrives."""

    message_id: str
    number_id: str
    sender: Sender
    sent_at: datetime
    content: Content


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message of ours: `sent`, `delivered`, `read` or `failed`."""

    message_id: str
    state: Literal["sent", "delivered", "read", "failed"]
    at: datetime
    outbox_id: int | None = None
    """Our own number of the message, where the channel echoes it."""
    error_code: int | None = None
    error: str | None = None


def incoming_to_json(incoming: Incoming) -> dict[str, Any]:
    """A customer's message as the inbox keeps it."""
    sender = incoming.sender
    return {
        "sender": {"phone": sender.phone, "user_id": sender.user_id, "name": sender.name},
        "content": _content_to_json(incoming.content),
    }


def incoming_from_json(message_id: str, number_id: str, sent_at: datetime, row: Mapping[str, Any]) -> Incoming:
    """The reverse of `incoming_to_json`."""
    return Incoming(message_id, number_id, Sender(**row["sender"]), sent_at, _content_from_json(row["content"]))


def _content_to_json(content: Content) -> dict[str, Any]:
    match content:
        case Text(text):
            return {"text": text}
        case Tap(token, title):
            return {"tap": token, "title": title}
        case Attachment(kind):
            return {"attachment": kind}


def _content_from_json(row: Mapping[str, Any]) -> Content:
    if "text" in row:
        return Text(row["text"])
    if "tap" in row:
        return Tap(row["tap"], row["title"])
    return Attachment(row["attachment"])
