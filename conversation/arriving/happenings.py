"""What a channel tells beside messages and receipts: who changed her number, what became of a template, alerts.

Each has an `id`, which is the same however often it is told.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeAlias

from conversation.arriving.incoming import Sender


@dataclass(frozen=True, slots=True)
class IdentityChanged:
    """A customer is reached by another phone or user id now: she is still the same person."""

    kind: ClassVar[str] = "identity"
    id: str
    at: datetime
    number_id: str
    before: Sender
    after: Sender


@dataclass(frozen=True, slots=True)
class PreferenceChanged:
    """A customer told WhatsApp itself that she wants promotional messages no longer, or again."""

    kind: ClassVar[str] = "preference"
    id: str
    at: datetime
    number_id: str
    sender: Sender
    category: str
    wanted: bool
    words: str


@dataclass(frozen=True, slots=True)
class TemplateChanged:
    """Status, quality or category of a template. `what` is the channel's name of the event, `value` the new state."""

    kind: ClassVar[str] = "template"
    id: str
    at: datetime
    account_id: str | None
    what: str
    template_id: str | None
    name: str | None
    language: str | None
    value: str | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """Anything else about the account or a number of it. `what` is the channel's name of the event."""

    kind: ClassVar[str] = "account"
    id: str
    at: datetime
    account_id: str | None
    what: str
    value: str | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something went wrong at the channel, and it is about no message in particular."""

    kind: ClassVar[str] = "problem"
    id: str
    at: datetime
    number_id: str | None
    code: int | None
    title: str | None


Happening: TypeAlias = IdentityChanged | PreferenceChanged | TemplateChanged | AccountEvent | Problem
_TYPES: Mapping[str, type[Any]] = {
    type_.kind: type_ for type_ in (IdentityChanged, PreferenceChanged, TemplateChanged, AccountEvent, Problem)
}
_SENDERS = ("before", "after", "sender")


def happening_to_json(happening: Happening) -> dict[str, Any]:
    """What happened, without its id and time, which have columns of their own."""
    return {key: value for key, value in asdict(happening).items() if key not in {"id", "at"}}


def happening_from_json(kind: str, id_: str, at: datetime, row: Mapping[str, Any]) -> Happening:
    """The reverse of `happening_to_json`."""
    fields = {key: Sender(**value) if key in _SENDERS else value for key, value in row.items()}
    happening: Happening = _TYPES[kind](id=id_, at=at, **fields)
    return happening


def people_of(happening: Happening) -> tuple[Sender | None, Sender | None]:
    """Whom it is about, and by what she was known before."""
    match happening:
        case IdentityChanged(before=before, after=after):
            return after, before
        case PreferenceChanged(sender=sender):
            return sender, None
    return None, None
