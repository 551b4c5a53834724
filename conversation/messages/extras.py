"""What a message can carry beside its text and its choices. All of it is frozen data that belongs to no channel."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

MediumKind = Literal["image", "video", "audio", "voice", "document", "sticker"]
MEDIA: tuple[MediumKind, ...] = get_args(MediumKind)
CAPTIONED = frozenset({"image", "video", "document"})
"""Media under which a text may stand, and which may stand above buttons."""


@dataclass(frozen=True, slots=True)
class Medium:
    """Something to look at or listen to: by the address it is fetched from, or the id it was uploaded under."""

    kind: MediumKind
    link: str | None = None
    id: str | None = None
    filename: str | None = None
    """The name under which a document is saved."""

    def __post_init__(self) -> None:
        if self.kind not in MEDIA or bool(self.link) == bool(self.id):
            raise ValueError(f"a medium is one of {', '.join(MEDIA)} and has a link or an id, one of the two")


@dataclass(frozen=True, slots=True)
class Link:
    """A button that opens a page."""

    url: str
    title: str


@dataclass(frozen=True, slots=True)
class Request:
    """Asks her for where she is, or for her number: who is known by a user id alone may have none we know of."""

    what: Literal["location", "contact"]

    def __post_init__(self) -> None:
        if self.what not in {"location", "contact"}:
            raise ValueError("a request asks for a location or a contact")


@dataclass(frozen=True, slots=True)
class Shelf:
    """Products under one heading, by the ids the catalogue has them under."""

    title: str
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Products:
    """Goods of a catalogue: one product, or shelves of them under a headline."""

    catalog: str
    shelves: tuple[Shelf, ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Pin:
    """A place on the map, in degrees."""

    latitude: float
    longitude: float
    name: str | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if not (-90 <= self.latitude <= 90 and -180 <= self.longitude <= 180):
            raise ValueError("a place has a latitude of -90 to 90 and a longitude of -180 to 180")


@dataclass(frozen=True, slots=True)
class Cards:
    """Contacts, each as the Cloud API writes one: `{"name": {"formatted_name": …}, "phones": [{"phone": …}]}`."""

    contacts: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Reaction:
    """An emoji on a message of hers, named by its id; without one, the reaction is taken back."""

    message_id: str
    emoji: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A message that was approved before, and what goes into its gaps.

    `parameters` fill the body: texts in order, or by name. `header` fills the header: a text or a medium. `buttons`
    are what its buttons need, by their place: `{"kind": "url" | "quick_reply" | "copy_code", "value": …, "index": …}`.
    The message's text is what it says, for people who read along; its choices are its quick replies.
    """

    name: str
    language: str
    parameters: tuple[str, ...] | Mapping[str, str] = ()
    header: str | Medium | None = None
    buttons: tuple[Mapping[str, Any], ...] = ()
    category: str | None = None
    """`utility`, `marketing` or `authentication`; it decides who may get it."""


Extra = Medium | Link | Request | Products | Pin | Cards | Reaction | Template
