"""What comes in and what goes out, in words that belong to no channel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from flows.model import Ask, Event
from loyalty.ids import MemberId
from loyalty.programme import Language, Programme

# ---- in


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


# ---- out


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to tap. `words` are typed words that mean the same."""

    action: Event | Ask
    title: str
    detail: str | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message to a customer: a text, perhaps a picture above it, perhaps choices under it."""

    text: str
    choices: tuple[Choice, ...] = ()
    menu: str | None = None
    """The label that opens the choices where they become a list."""
    image: str | None = None


# ---- in between


@dataclass(frozen=True, slots=True)
class Command:
    """Something to be done, told by an action; it is carried out when the turn is saved."""

    name: str
    args: Mapping[str, str] = field(default_factory=dict)


Answer = Message | Command


@dataclass(frozen=True, slots=True)
class Understood:
    """What a text means: the intent that is taken, entities by name, and the language it seems to be in."""

    intent: str
    confidence: float
    entities: Mapping[str, str]
    language: str | None
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question of a member, as the actions get it."""

    programme: Programme
    member: MemberId
    language: Language
    intent: str
    entities: Mapping[str, str]
    message_id: str
    text: str = ""
