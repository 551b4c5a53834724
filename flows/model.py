"""The words in which a flow and the rest of the house talk to each other. All of it is plain, frozen data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

Value = str | int


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to a flow: a choice of the customer, or the outcome of an effect."""

    name: str
    args: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """A question the customer can ask with a tap: an intent and its entities, as if she had typed it."""

    intent: str
    entities: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence of the catalogue and what goes into its gaps; the language is chosen later."""

    key: str
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Option:
    """Something the customer can choose, by tap, number or word."""

    action: Event | Ask
    title: Phrase | str
    detail: Phrase | str | None = None
    words: tuple[str, ...] = ()
    """Typed words that mean the same, besides those of the title."""


@dataclass(frozen=True, slots=True)
class Say:
    """What a flow says in one step: sentences that become one message, and the options under it."""

    phrases: tuple[Phrase | str, ...]
    options: tuple[Option, ...] = ()
    menu: Phrase | None = None
    """The label that opens the options where they are too many for buttons."""
    image: str | None = None
    """The address of a picture that stands above it."""
    document: str | None = None
    """The address of a document that stands above it."""
    page: tuple[str, Phrase] | None = None
    """The address of a page, and the title of the button that opens it."""


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a flow stands, in a form that survives a restart. `step` counts up, so that old taps are known as old."""

    flow: str
    version: int
    run: str
    step: int
    state: str
    data: Mapping[str, Value] = field(default_factory=dict)
    moved_at: datetime | None = None
    """When it came to where it stands: from then on it waits for the customer, and not for ever."""
    offer: str | None = None
    """The choices that belong to the step, by the id under which they were sent."""
    under: tuple["Saved", ...] = ()
    """Flows that this one interrupted, the latest first; they go on when it is over."""

    def keeping(self, **data: Value) -> Self:
        """The same, remembering this besides."""
        return replace(self, data={**self.data, **data})

    def to_json(self) -> dict[str, Any]:
        """The form in which the conversation keeps it."""
        row: dict[str, Any] = {
            "flow": self.flow, "version": self.version, "run": self.run, "step": self.step, "state": self.state,
            "data": dict(self.data),
        }  # fmt: skip
        if self.moved_at is not None:
            row["moved_at"] = self.moved_at.isoformat()
        if self.offer is not None:
            row["offer"] = self.offer
        if self.under:
            row["under"] = [one.to_json() for one in self.under]
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        """The reverse of `to_json`; what older versions did not know is missing."""
        moved_at = row.get("moved_at")
        return cls(
            row["flow"], row["version"], row["run"], row["step"], row["state"], row["data"],
            datetime.fromisoformat(moved_at) if moved_at else None, row.get("offer"),
            tuple(cls.from_json(one) for one in row.get("under", ())),
        )  # fmt: skip


class Effect:
    """Something a flow wants done in the store. What comes of it returns to the flow as an event."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What a flow answers to an event: where it stands now (None: it is over), what it says, what is to be done."""

    saved: Saved | None
    say: Say | None = None
    effect: Effect | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a customer typed, as a flow may look at it: the words, and what the model takes them for."""

    text: str
    intent: str
    confidence: float
