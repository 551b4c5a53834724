"""What the stand-in keeps of the calls it received."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.choices import Choice, choices_in
from simulator.errors import Rejected


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that was accepted. ``to`` is digits or a user id; ``failure`` is set if it will not be delivered."""

    wamid: str
    to: str
    body: Mapping[str, Any]
    at: float
    failure: Rejected | None = None

    @property
    def kind(self) -> str:
        """The message's ``type``."""
        return str(self.body.get("type", "text"))

    @property
    def text(self) -> str:
        """What a person reads first: the text, the interactive body, the caption, or nothing."""
        content = self.body.get(self.kind)
        if not isinstance(content, dict):
            return ""
        if self.kind == "interactive":
            content = content.get("body", {})
            return str(content.get("text", ""))
        return str(content.get("body", content.get("caption", "")))

    @property
    def opaque(self) -> str | None:
        """What the sender had echoed in statuses (``biz_opaque_callback_data``)."""
        value = self.body.get("biz_opaque_callback_data")
        return None if value is None else str(value)

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What a customer can tap in it."""
        return tuple(choices_in(self.body))


@dataclass(frozen=True, slots=True)
class ReadMark:
    """The business marked ``wamid``, and everything before it, as read; ``typing`` shows the three dots too."""

    wamid: str
    typing: bool
    at: float


@dataclass(frozen=True, slots=True)
class Refused:
    """One call that got an error, for assertions on what went wrong."""

    body: Any
    error: Rejected
    planned: bool = False
    """Asked for by `fail_next`; what was refused without that is a mistake of the sender."""
