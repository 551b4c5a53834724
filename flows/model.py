"""The words in which a flow and the rest of the house talk to each other. All of it is plain, frozen data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Say:
    """What a flow says in one step: sentences that become one message, and the options under it."""

    phrases: tuple[Phrase, ...]
    options: tuple[Option, ...] = ()
    menu: Phrase | None = None
    """The label that opens the options where they are too many for buttons."""


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a flow stands, in a form that survives a restart. `step` counts up, so that old taps are known as old."""

    flow: str
    version: int
    run: str
    step: int
    state: str
    data: Mapping[str, Value] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The form in which the conversation keeps it."""
        return {
            "flow": self.flow, "version": self.version, "run": self.run, "step": self.step, "state": self.state,
            "data": dict(self.data),
        }  # fmt: skip

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        """The reverse of `to_json`."""
        return cls(row["flow"], row["version"], row["run"], row["step"], row["state"], row["data"])


@dataclass(frozen=True, slots=True)
class Redeem:
    """Effect: redeem this reward, once for this run. Its outcome comes back as `issued` or `refused`."""

    reward: str


@dataclass(frozen=True, slots=True)
class Step:
    """What a flow answers to an event: where it stands now (None: it is over), what it says, what is to be done."""

    saved: Saved | None
    say: Say | None = None
    effect: Redeem | None = None
