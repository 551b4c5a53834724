"""What goes out, and what lies between, in words that belong to no channel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conversation.messages.extras import Extra
from flows.model import Ask, Event
from loyalty.ids import MemberId
from loyalty.programme import Language, Programme


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to tap. `words` are typed words that mean the same."""

    action: Event | Ask
    title: str
    detail: str | None = None
    words: tuple[str, ...] = ()
    section: str | None = None
    """The heading it stands under in a list; choices of one heading stand together."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to a customer: a text, perhaps a picture above it, perhaps choices under it, perhaps extras."""

    text: str
    choices: tuple[Choice, ...] = ()
    menu: str | None = None
    """The label that opens the choices where they become a list."""
    image: str | None = None
    extras: tuple[Extra, ...] = ()
    """What else it carries: other media, a link, a place, a template …"""


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
    alternatives: tuple[str, ...] = ()
    """Intents to ask about ("did you mean"), likeliest first, where it is not clear which one it is."""


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
