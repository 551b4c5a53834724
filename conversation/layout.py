"""From choices to what a channel can show: reply buttons, a list, pages; nothing is dropped in silence.

The ladder: up to three short titles become buttons, up to ten a list, more become pages with a "more" row. A title
that is too long for its place is cut at the border of a grapheme and stands in full where there is room.
"""

from dataclasses import dataclass
from typing import Any, Literal

import regex

from conversation.model import Choice


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a channel can show, in UTF-16 code units (the strictest reading of "characters")."""

    buttons: int = 3
    button_title: int = 20
    rows: int = 10
    row_title: int = 24
    row_detail: int = 72
    menu: int = 20
    body: int = 1024
    caption: int = 1024
    text: int = 4096


WHATSAPP = Limits()
"""Meta's reference: reply buttons and lists, `interactive_*_messages`."""
MORE = 9999
"""The number of the row that turns the page."""
_CLUSTER = regex.compile(r"\X")


@dataclass(frozen=True, slots=True)
class Shown:
    """A choice as it is shown: its number within the offer, its title and detail, cut to size."""

    number: int
    title: str
    detail: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The form in which it waits in the outbox."""
        return {"number": self.number, "title": self.title, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Layout:
    """How choices are shown."""

    style: Literal["plain", "buttons", "list"]
    shown: tuple[Shown, ...] = ()


def units(text: str) -> int:
    """The length of a text in UTF-16 code units."""
    return len(text) + sum(1 for sign in text if ord(sign) > 0xFFFF)


def cut(text: str, limit: int) -> str:
    """The text, or as many whole graphemes of it as fit with an ellipsis."""
    if units(text) <= limit:
        return text
    kept, room = [], limit - 1
    for cluster in _CLUSTER.findall(text):
        room -= units(cluster)
        if room < 0:
            break
        kept.append(cluster)
    return "".join(kept).rstrip() + "…"


def split(text: str, limit: int) -> list[str]:
    """The text in parts that fit, broken at line ends or spaces where there are any."""
    parts: list[str] = []
    text = text.strip()
    while units(text) > limit:
        head = cut(text, limit).removesuffix("…") or text[: limit // 2]  # one endless grapheme is broken
        at = max(head.rfind("\n"), head.rfind(" "))
        head = head[: at + 1] if at > len(head) // 2 else head
        parts.append(head.strip())
        text = text[len(head) :].lstrip()
    return [*parts, text] if text else parts


def lay_out(choices: tuple[Choice, ...], *, page: int, more: str, limits: Limits = WHATSAPP) -> Layout:
    """Arrange choices. `more` is the title of the row that turns the page."""
    if not choices:
        return Layout("plain")
    fits = all(units(choice.title) <= limits.button_title and not choice.detail for choice in choices)
    if len(choices) <= limits.buttons and fits:
        titles = _distinct([choice.title for choice in choices], limits.button_title)
        return Layout("buttons", tuple(Shown(number, title) for number, title in enumerate(titles)))
    return Layout("list", _rows(choices, page, more, limits))


def _rows(choices: tuple[Choice, ...], page: int, more: str, limits: Limits) -> tuple[Shown, ...]:
    if len(choices) <= limits.rows:
        first, last, turning = 0, len(choices), False
    else:
        size = limits.rows - 1
        pages = -(-len(choices) // size)
        first = page % pages * size
        last, turning = min(first + size, len(choices)), True
    titles = _distinct([choice.title for choice in choices], limits.row_title)
    rows = [
        Shown(number, titles[number], _detail(choices[number], titles[number], limits)) for number in range(first, last)
    ]
    if turning:
        rows.append(Shown(MORE, cut(more, limits.row_title)))
    return tuple(rows)


def _detail(choice: Choice, title: str, limits: Limits) -> str | None:
    whole = choice.title.strip() if title != choice.title.strip() else None
    parts = [part for part in (whole, (choice.detail or "").strip()) if part]
    return cut(" · ".join(parts), limits.row_detail) if parts else None


def _distinct(titles: list[str], limit: int) -> list[str]:
    """Cut titles; those that would look alike are numbered, as WhatsApp refuses equal ones."""
    seen: dict[str, int] = {}
    result = []
    for title in titles:
        short = cut(title.strip() or "-", limit)
        while (count := seen.get(short, 0)) > 0:
            seen[short] = count + 1
            mark = f" ({count + 1})"
            short = cut(title, limit - len(mark)) + mark
        seen[short] = 1
        result.append(short)
    return result
