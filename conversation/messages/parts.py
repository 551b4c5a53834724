"""A message as the parts in which it goes to the outbox: one wherever it fits, since each is paid for.

A part is JSON with a `style`, which says what else is in it; `text` is always there and may be empty.

| style | holds |
|---|---|
| `plain` | `text`; perhaps `image`, the address of a picture above it |
| `numbered` | `text` with the choices in it, as lines; `choices`, so that a quotation of it is understood |
| `buttons` | `text`, `choices` (`id`, `title`, `detail`), perhaps `image` or `medium` above it |
| `list` | `text`, `choices` (the same and `section`), `menu`: the label that opens it |
| `medium` | `medium` (`kind`, `link` or `id`, `filename`), `text` as its caption |
| `link` | `text`, `link` (`url`, `title`), perhaps `image` or `medium` above it |
| `request` | `text`, `request`: `location` or `contact` |
| `products`, `pin`, `contacts`, `reaction`, `template` | the same as `conversation.messages.wire` writes it |

A template's part has `choices` too, if its quick replies are ours. An extra the channel cannot send becomes words.
"""

from dataclasses import replace
from typing import Any

from conversation.messages.carrying import can_go, in_words, is_address, name_of, portions
from conversation.messages.cutting import cut, line, split, units
from conversation.messages.extras import (
    CAPTIONED,
    Extra,
    Link,
    Medium,
    Products,
    Request,
    Template,
)
from conversation.messages.layout import Layout, Limits, Shown
from conversation.messages.model import Message
from conversation.messages.wire import extra_to_json, medium_to_json

Part = dict[str, Any]
HEADLINE, SHELF = 60, 24
"""Units of the headline over products and of the heading of a shelf."""


def to_parts(message: Message, layout: Layout, *, offer: str, prompt: str, limits: Limits) -> list[Part]:
    """The parts of a message whose choices were laid out. `prompt` stands where a text is needed and there is none.

    The last part carries the choices. What cannot be in it goes ahead: a picture that a list cannot carry, a text that
    is too long, extras that stand alone.
    """
    given = [*([Medium("image", message.image)] if message.image else []), *message.extras]
    extras = [portion for extra in given if can_go(extra, limits) for portion in portions(extra)]
    choices = [_shown(shown, offer) for shown in layout.shown]
    text = _joined(message.text, *(in_words(extra) for extra in given if not can_go(extra, limits)))
    for extra in extras:
        if isinstance(extra, Template):
            part: Part = {"style": "template", "text": text, **extra_to_json(extra)}
            return [{**part, "choices": choices} if choices else part]
    link, request, text = _one_button(extras, layout, text, limits)
    medium, alone = _above(extras)
    if layout.lines:
        text = _joined(text, "\n".join(layout.lines))
    ahead = [_alone(extra, prompt) for extra in alone]
    if layout.style in {"buttons", "list"}:
        if request is not None:
            ahead += _asking(request, text, prompt, limits)
            text = ""
        menu = cut(line(message.menu), limits.menu) or None
        return ahead + _choosing(text, medium, layout.style, choices, menu, prompt, limits)
    if layout.style == "numbered":
        parts = ahead + _plain(text, medium, limits)
        parts[-1] |= (
            {"style": "numbered", "choices": choices} if parts[-1]["style"] == "plain" else {"choices": choices}
        )
        return parts + (_asking(request, "", prompt, limits) if request is not None else [])
    if link is not None:
        before, last = _under(text, prompt, limits)
        part = {"style": "link", "text": last, "link": {"url": link.url, "title": line(link.title)}}
        if medium is not None and medium.kind not in CAPTIONED:
            ahead, medium = [*ahead, *_plain("", medium, limits)], None
        return ahead + _texts(before) + [part | _header(medium)]
    if request is not None:
        return ahead + (_plain("", medium, limits) if medium else []) + _asking(request, text, prompt, limits)
    goods = next((extra for extra in alone if isinstance(extra, Products)), None)
    if goods is not None and text:
        ahead.remove(_alone(goods, prompt))
        before, last = _under(text, prompt, limits)
        shown = _plain("", medium, limits) if medium else []
        return ahead + shown + _texts(before) + [_alone(goods, prompt) | {"text": last}]
    return ahead + _plain(text, medium, limits)


def _one_button(
    extras: list[Extra], layout: Layout, text: str, limits: Limits
) -> tuple[Link | None, Request | None, str]:
    """The link or the request that takes the button of a message; links that find no room become words."""
    links = [extra for extra in extras if isinstance(extra, Link)]
    requests = [extra for extra in extras if isinstance(extra, Request)]
    request = requests[0] if requests else None
    button = None
    for link in links:
        if (
            button is None
            and is_address(link.url, limits)
            and line(link.title)
            and layout.style == "plain"
            and request is None
        ):
            title = line(link.title)
            button = Link(link.url, cut(title, limits.link_title))
            text = text if button.title == title else _joined(text, title)
        else:
            text = _joined(text, in_words(link))
    return button, request, text


def _above(extras: list[Extra]) -> tuple[Medium | None, list[Extra]]:
    """The medium that stands above the text, and the extras that stand alone."""
    alone: list[Extra] = [extra for extra in extras if not isinstance(extra, Link | Request)]
    medium = next((extra for extra in alone if isinstance(extra, Medium) and extra.kind in CAPTIONED), None)
    medium = medium or next((extra for extra in alone if isinstance(extra, Medium)), None)
    return medium, [extra for extra in alone if extra is not medium]


def _choosing(
    text: str, medium: Medium | None, style: str, choices: list[Part], menu: str | None, prompt: str, limits: Limits
) -> list[Part]:
    before, last = _under(text, prompt, limits)
    part: Part = {"style": style, "text": last, "image": None, "choices": choices, "menu": menu}
    if medium is None:
        return [*_texts(before), part]
    if style == "list" or medium.kind not in CAPTIONED:
        return [*_plain("", medium, limits), *_texts(before), part]
    return [*_texts(before), part | _header(medium)]


def _asking(request: Request, text: str, prompt: str, limits: Limits) -> list[Part]:
    before, last = _under(text, prompt, limits)
    return [*_texts(before), {"style": "request", "text": last, **extra_to_json(request)}]


def _under(text: str, prompt: str, limits: Limits) -> tuple[list[str], str]:
    """A text in as few parts as can be: those that go ahead, and the one that stands above what is to be tapped."""
    if units(text) <= limits.body:
        return [], text or prompt
    *before, last = split(text, limits.text)
    return (before, last) if units(last) <= limits.body else ([*before, last], prompt)


def _plain(text: str, medium: Medium | None, limits: Limits) -> list[Part]:
    """A text without choices, in as few parts as fit; a medium stands above it, the text as its caption if it may."""
    parts = split(text, limits.text)
    if medium is None:
        return _texts(parts)
    if not parts or units(parts[0]) > limits.caption or medium.kind not in CAPTIONED:
        parts.insert(0, "")
    first, *rest = parts
    if medium.kind == "image" and medium.link and not medium.id:
        return [{"style": "plain", "text": first, "image": medium.link}, *_texts(rest)]
    return [{"style": "medium", "text": first, "medium": medium_to_json(medium)}, *_texts(rest)]


def _texts(parts: list[str]) -> list[Part]:
    return [{"style": "plain", "text": part, "image": None} for part in parts]


def _header(medium: Medium | None) -> Part:
    if medium is None:
        return {}
    return {"image": medium.link} if medium.kind == "image" and medium.link else {"medium": medium_to_json(medium)}


def _alone(extra: Extra, prompt: str) -> Part:
    if isinstance(extra, Medium):
        return {"style": "medium", "text": "", "medium": medium_to_json(extra)}
    if isinstance(extra, Products):
        title = cut(line(extra.title) or prompt, HEADLINE)
        shelves = (replace(shelf, title=cut(line(shelf.title) or title, SHELF)) for shelf in extra.shelves)
        extra = replace(extra, title=title, shelves=tuple(shelves))
    return {"style": name_of(extra), "text": "", **extra_to_json(extra)}


def _shown(shown: Shown, offer: str) -> Part:
    row: Part = {"id": f"{offer}-{shown.number}", "title": shown.title, "detail": shown.detail}
    return row if shown.section is None else {**row, "section": shown.section}


def _joined(*texts: str) -> str:
    return "\n\n".join(text.strip() for text in texts if line(text))
