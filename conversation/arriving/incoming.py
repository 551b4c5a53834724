"""What comes in, in words that belong to no channel, and how the inbox keeps it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from conversation.messages.contents import (
    Attachment,
    Card,
    Contacts,
    Content,
    Echo,
    Edit,
    FlowAnswer,
    Item,
    Location,
    Media,
    Order,
    Reaction,
    Revoke,
    Tap,
    Text,
    content_from_json,
    content_to_json,
    words_of,
)

__all__ = [
    "Attachment", "Card", "Contacts", "Content", "Echo", "Edit", "FlowAnswer", "Incoming", "Item", "Location", "Media",
    "Order", "Pricing", "Product", "Reaction", "Receipt", "Referral", "Revoke", "Sender", "State", "Tap", "Text",
    "incoming_from_json", "incoming_to_json", "receipt_from_json", "receipt_to_json", "words_of",
]  # fmt: skip


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
class Referral:
    """The advertisement that brought a customer here (Meta: "click-to-WhatsApp ads")."""

    source_type: str | None = None
    """`ad` or `post`."""
    source_id: str | None = None
    source_url: str | None = None
    headline: str | None = None
    ctwa_clid: str | None = None
    """The click, by which Meta attributes what she buys later."""


@dataclass(frozen=True, slots=True)
class Product:
    """The product of the business's catalogue that a message asks about."""

    catalog: str
    id: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message from a customer. `sent_at` is when she sent it, which may be long before it arrives."""

    message_id: str
    number_id: str
    sender: Sender
    sent_at: datetime
    content: Content
    in_reply_to: str | None = None
    """The message it quotes, or whose button was tapped."""
    referral: Referral | None = None
    product: Product | None = None
    correlation: str | None = field(default=None, compare=False)
    """The request that brought it: no part of what she said. See `loyalty.correlation`."""


State: TypeAlias = Literal["sent", "delivered", "read", "played", "failed"]


@dataclass(frozen=True, slots=True)
class Pricing:
    """What the channel charges for: such as `service` or `utility`, `regular` or `free_entry_point`, `PMP`."""

    category: str | None = None
    type: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message of ours: `sent`, `delivered`, `read`, `played` (a voice message) or `failed`."""

    message_id: str
    state: State
    at: datetime
    outbox_id: int | None = None
    """Our own number of the message, where the channel echoes it."""
    error_code: int | None = None
    error: str | None = None
    pricing: Pricing | None = None
    number_id: str | None = None
    """The number of ours that sent it."""
    recipient: Sender | None = None
    """Who got it, as far as the channel tells."""


def incoming_to_json(incoming: Incoming) -> dict[str, Any]:
    """A customer's message as the inbox keeps it."""
    sender = incoming.sender
    row: dict[str, Any] = {
        "sender": {"phone": sender.phone, "user_id": sender.user_id, "name": sender.name},
        "content": content_to_json(incoming.content),
    }
    if incoming.in_reply_to is not None:
        row["in_reply_to"] = incoming.in_reply_to
    if incoming.referral is not None:
        row["referral"] = _told(incoming.referral)
    if incoming.product is not None:
        row["product"] = _told(incoming.product)
    return row


def incoming_from_json(message_id: str, number_id: str, sent_at: datetime, row: Mapping[str, Any]) -> Incoming:
    """The reverse of `incoming_to_json`; rows of every age are read."""
    return Incoming(
        message_id,
        number_id,
        Sender(**row["sender"]),
        sent_at,
        content_from_json(row["content"]),
        row.get("in_reply_to"),
        Referral(**row["referral"]) if "referral" in row else None,
        Product(**row["product"]) if "product" in row else None,
    )


def receipt_to_json(receipt: Receipt) -> dict[str, Any]:
    """A receipt as it is kept until its message is known; whose it is need not be kept."""
    row: dict[str, Any] = {"state": receipt.state, "at": receipt.at.isoformat()}
    for name in ("outbox_id", "error_code", "error", "number_id"):
        if (value := getattr(receipt, name)) is not None:
            row[name] = value
    if receipt.pricing is not None:
        row["pricing"] = _told(receipt.pricing)
    return row


def receipt_from_json(message_id: str, row: Mapping[str, Any]) -> Receipt:
    """The reverse of `receipt_to_json`."""
    return Receipt(
        message_id,
        row["state"],
        datetime.fromisoformat(row["at"]),
        row.get("outbox_id"),
        row.get("error_code"),
        row.get("error"),
        Pricing(**row["pricing"]) if "pricing" in row else None,
        row.get("number_id"),
    )


def _told(what: Referral | Product | Pricing) -> dict[str, Any]:
    return {key: value for key, value in asdict(what).items() if value is not None}
