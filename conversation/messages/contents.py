"""What a message holds, in words that belong to no channel, and as JSON for the inbox.

Everything here was bounded where it was read: no text is longer than a channel allows, no list is endless.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias


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
    """Something of which only the kind is known: `unsupported`, a type of the future, or an old row of the inbox."""

    kind: str


@dataclass(frozen=True, slots=True)
class Media:
    """A file: `voice`, `audio`, `image`, `video`, `document` or `sticker`. The channel hands it out by its id."""

    kind: str
    id: str | None = None
    mime_type: str | None = None
    sha256: str | None = None
    url: str | None = None
    caption: str | None = None
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """A place, in degrees; what it is called, if the sender chose it from a list."""

    latitude: float
    longitude: float
    name: str | None = None
    address: str | None = None

    @property
    def kind(self) -> str:
        return "location"


@dataclass(frozen=True, slots=True)
class Card:
    """Somebody's contact card. `own` says that the channel vouches for it: it is the sender's own number."""

    name: str
    phones: tuple[str, ...]
    """Digits, as the channel writes numbers."""
    own: bool = False


@dataclass(frozen=True, slots=True)
class Contacts:
    """Contact cards."""

    cards: tuple[Card, ...]

    @property
    def kind(self) -> str:
        return "contact" if self.own_phone else "contacts"

    @property
    def own_phone(self) -> str | None:
        """The sender's own number, if she was asked for it and this is her answer."""
        return next((phone for card in self.cards if card.own for phone in card.phones), None)


@dataclass(frozen=True, slots=True)
class Item:
    """A line of an order; the price is a decimal number as text."""

    product: str
    quantity: int
    price: str
    currency: str


@dataclass(frozen=True, slots=True)
class Order:
    """A basket from the business's catalogue."""

    catalog: str
    text: str
    items: tuple[Item, ...]

    @property
    def kind(self) -> str:
        return "order"


@dataclass(frozen=True, slots=True)
class FlowAnswer:
    """A form that was sent in. `answers` is what the form says, free in shape; None if it could not be read."""

    name: str
    answers: Mapping[str, Any] | None = None

    @property
    def kind(self) -> str:
        return "flow"


@dataclass(frozen=True, slots=True)
class Reaction:
    """An emoji on a message; None takes it back."""

    message_id: str
    emoji: str | None = None

    @property
    def kind(self) -> str:
        return "reaction"


@dataclass(frozen=True, slots=True)
class Edit:
    """A message of hers that now says something else."""

    message_id: str
    text: str | None = None

    @property
    def kind(self) -> str:
        return "edit"


@dataclass(frozen=True, slots=True)
class Revoke:
    """A message of hers that she took back."""

    message_id: str

    @property
    def kind(self) -> str:
        return "revoke"


@dataclass(frozen=True, slots=True)
class Echo:
    """Something that a person of the business wrote to the customer, past us: from the app on a phone."""

    of: str
    text: str | None = None

    @property
    def kind(self) -> str:
        return "echo"


Other: TypeAlias = (
    Attachment | Media | Location | Contacts | Order | FlowAnswer | Reaction | Edit | Revoke | Echo
)  # fmt: skip
Content: TypeAlias = Text | Tap | Other
_SIMPLE: Mapping[str, type[Any]] = {
    "media": Media, "location": Location, "flow": FlowAnswer, "reaction": Reaction, "edit": Edit, "revoke": Revoke,
    "echo": Echo,
}  # fmt: skip
_NAMES = {type_: name for name, type_ in _SIMPLE.items()}


def words_of(content: Content) -> str | None:
    """What was said in words: a text, or the caption of a picture, film or file. None if nothing was."""
    match content:
        case Text(text):
            return text
        case Media(kind="image" | "video" | "document", caption=caption) if caption and caption.strip():
            return caption
    return None


def content_to_json(content: Content) -> dict[str, Any]:
    """What a message holds, as the inbox keeps it."""
    match content:
        case Text(text):
            return {"text": text}
        case Tap(token, title):
            return {"tap": token, "title": title}
        case Attachment(kind):
            return {"attachment": kind}
        case Contacts(cards):
            return {"contacts": [asdict(card) for card in cards]}
        case Order(catalog, text, items):
            return {"order": [asdict(item) for item in items], "catalog": catalog, "said": text}
    return {_NAMES[type(content)]: {key: value for key, value in asdict(content).items() if value is not None}}


def content_from_json(row: Mapping[str, Any]) -> Content:
    """The reverse of `content_to_json`; rows of every age are read."""
    if "text" in row:
        return Text(row["text"])
    if "tap" in row:
        return Tap(row["tap"], row["title"])
    if "contacts" in row:
        return Contacts(tuple(Card(card["name"], tuple(card["phones"]), card["own"]) for card in row["contacts"]))
    if "order" in row:
        return Order(row["catalog"], row["said"], tuple(Item(**item) for item in row["order"]))
    for name, type_ in _SIMPLE.items():
        if name in row:
            content: Content = type_(**row[name])
            return content
    return Attachment(row["attachment"])
