"""From choices to what a channel can show: reply buttons, a list, pages, numbered lines; nothing is dropped in silence.

The ladder: up to three short titles become buttons, up to ten a list, more become pages with a "more" row; a channel
that has no buttons and no lists gets numbered lines. A title that is too long for its place is cut at the border of a
grapheme and stands in full where there is room: in the row's description, else above the choices.
"""

from dataclasses import dataclass
from typing import Any, Literal

from conversation.messages.cutting import cut, line, split, units
from conversation.messages.model import Choice

__all__ = ["MORE", "WHATSAPP", "Layout", "Limits", "Shown", "cut", "lay_out", "split", "units"]

EVERYTHING = frozenset(
    {
        "image", "video", "audio", "voice", "document", "sticker", "link", "location", "contact", "products", "pin",
        "contacts", "reaction", "template",
    }
)  # fmt: skip
"""Extras by name; `location` and `contact` are requests for them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a channel can show, in UTF-16 code units (the strictest reading of "characters").

    A channel without reply buttons has `buttons=0`, one without lists `rows=0`; `extras` are those it can send, the
    others become words.
    """

    buttons: int = 3
    button_title: int = 20
    rows: int = 10
    row_title: int = 24
    row_detail: int = 72
    menu: int = 20
    body: int = 1024
    caption: int = 1024
    text: int = 4096
    section: int = 24
    lines: int = 20
    """Choices on a page of numbered lines."""
    link_title: int = 20
    link: int = 2000
    extras: frozenset[str] = EVERYTHING


WHATSAPP = Limits()
"""Meta's reference: reply buttons and lists, `interactive_*_messages`."""
MORE = 9999
"""The number of the row that turns the page."""
Style = Literal["plain", "buttons", "list", "numbered"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A choice as it is shown: its number within the offer, its title and detail, cut to size, and its heading."""

    number: int
    title: str
    detail: str | None = None
    section: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The form in which it waits in the outbox."""
        row = {"number": self.number, "title": self.title, "detail": self.detail}
        return row if self.section is None else {**row, "section": self.section}


@dataclass(frozen=True, slots=True)
class Layout:
    """How choices are shown. `lines` are to be read above them; `window` is which of them: first, last (exclusive)."""

    style: Style
    shown: tuple[Shown, ...] = ()
    lines: tuple[str, ...] = ()
    window: tuple[int, int] = (0, 0)


def lay_out(
    choices: tuple[Choice, ...], *, page: int, more: str, limits: Limits = WHATSAPP, headed: bool = False
) -> Layout:
    """Arrange choices. `more` is the title of the row that turns the page, the last page's leads back to the first.

    `headed` says that something stands above them that only buttons can carry.
    """
    if not choices:
        return Layout("plain")
    short = all(
        units(line(choice.title)) <= limits.button_title and not line(choice.detail) and not line(choice.section)
        for choice in choices
    )
    few = len(choices) <= limits.buttons
    if few and (short or headed or limits.rows < 1):
        return _buttons(choices, limits)
    if limits.rows > 1 or len(choices) <= limits.rows:
        return _list(choices, page, more, limits)
    return _numbered(choices, page, more, limits)


def pages(count: int, rows: int) -> int:
    """On how many pages so many choices stand, where a page has so many rows."""
    return 1 if count <= rows else -(-count // (rows - 1))


def window_of(count: int, page: int, rows: int) -> tuple[int, int]:
    """Which choices a page shows: first and last (exclusive). After the last page comes the first."""
    if count <= rows:
        return 0, count
    size = rows - 1
    first = page % pages(count, rows) * size
    return first, min(first + size, count)


def _buttons(choices: tuple[Choice, ...], limits: Limits) -> Layout:
    titles = distinct([choice.title for choice in choices], limits.button_title)
    shown = tuple(Shown(number, title) for number, title in enumerate(titles))
    said = [_whole(choice, title) for choice, title in zip(choices, titles, strict=True)]
    return Layout("buttons", shown, tuple(filter(None, said)), (0, len(choices)))


def _list(choices: tuple[Choice, ...], page: int, more: str, limits: Limits) -> Layout:
    first, last = window_of(len(choices), page, limits.rows)
    turning = last - first < len(choices)
    here = choices[first:last]
    titles = distinct([choice.title for choice in choices] + [more] * turning, limits.row_title)
    headings = _headings(here)
    rows, lines, heading = [], [], None
    for number, choice in enumerate(here, first):
        title, section = titles[number], headings[number - first]
        if section != heading and section is not None and units(section) > limits.section:
            lines.append(f"*{section}*")
        heading = section
        whole = line(choice.title) if title != line(choice.title) else ""
        detail = " · ".join(filter(None, (whole, line(choice.detail))))
        if units(detail) > limits.row_detail:
            lines.append(_whole(choice, title) or title)
        shown = cut(section, limits.section) if section is not None else None
        rows.append(Shown(number, title, cut(detail, limits.row_detail) or None, shown))
    if turning:
        rows.append(Shown(MORE, titles[-1], None, rows[-1].section))
    return Layout("list", tuple(rows), tuple(lines), (first, last))


def _numbered(choices: tuple[Choice, ...], page: int, more: str, limits: Limits) -> Layout:
    first, last = window_of(len(choices), page, limits.lines)
    rows, lines, heading = [], [], None
    for place, choice in enumerate(choices[first:last], 1):
        title, detail, section = line(choice.title) or "-", line(choice.detail), line(choice.section) or None
        if section != heading and section is not None:
            lines.append(f"*{section}*")
        heading = section
        lines.append(f"{place}. {title}{' · ' + detail if detail else ''}")
        rows.append(Shown(first + place - 1, title, detail or None, section))
    if last - first < len(choices):
        title = line(more) or "…"
        lines.append(f"{last - first + 1}. {title}")
        rows.append(Shown(MORE, title))
    return Layout("numbered", tuple(rows), tuple(lines), (first, last))


def _headings(choices: tuple[Choice, ...]) -> list[str | None]:
    """The heading over each choice. Where some have one all must: one without joins those before it, or after it."""
    own = [line(choice.section) or None for choice in choices]
    heading = next(filter(None, own), None)
    for number, each in enumerate(own):
        heading = each or heading
        own[number] = heading
    return own


def _whole(choice: Choice, shown: str) -> str | None:
    """What a choice says, for the text above, if its place is too small for it."""
    title, detail = line(choice.title), line(choice.detail)
    if title == shown and not detail:
        return None
    if not title:
        return f"• {detail}" if detail else None
    return f"• {title}{' · ' + detail if detail else ''}"


def distinct(titles: list[str], limit: int) -> list[str]:
    """Cut titles; those that would look alike are numbered, as WhatsApp refuses equal ones."""
    seen: dict[str, int] = {}
    result = []
    for title in titles:
        plain = line(title) or "-"
        short = cut(plain, limit)
        while (count := seen.get(short, 0)) > 0:
            seen[short] = count + 1
            mark = f" ({count + 1})"
            short = cut(plain, limit - len(mark)) + mark
        seen[short] = 1
        result.append(short)
    return result
