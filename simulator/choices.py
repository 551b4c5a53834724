"""What a customer can tap in a message of the business.

In: a message as it was sent to the Graph API, and the id that was tapped. Out: the ``Choice``, with the texts that the
webhook repeats. The page sends ids only, so a tap can never carry a title the business did not write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to tap: a reply button, a list row or a template's quick reply."""

    kind: Literal["button", "row", "quick_reply"]
    key: str
    title: str
    description: str | None = None


def choices_in(content: Mapping[str, Any]) -> Iterator[Choice]:
    """Every choice of a message that passed ``limits.check``."""
    if content.get("type") == "template":
        yield from _quick_replies(content["template"])
        return
    message = content.get("interactive", {})
    action = message.get("action", {})
    if message.get("type") == "button":
        for button in action["buttons"]:
            yield Choice("button", button["reply"]["id"], button["reply"]["title"])
    elif message.get("type") == "list":
        for section in action["sections"]:
            for row in section["rows"]:
                yield Choice("row", row["id"], row["title"], row.get("description"))


def choice(content: Mapping[str, Any], key: str) -> Choice | None:
    """The choice with that id."""
    return next((each for each in choices_in(content) if each.key == key), None)


def _quick_replies(template: Mapping[str, Any]) -> Iterator[Choice]:
    for component in template.get("components", ()):
        if component["type"] == "button" and component.get("sub_type") == "quick_reply":
            for parameter in component.get("parameters", ()):
                if parameter["type"] == "payload":
                    yield Choice("quick_reply", parameter["payload"], parameter["payload"])
