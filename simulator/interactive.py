"""The limits of interactive messages: reply buttons, lists, links, location and contact requests, Flows.

In: a body whose ``type`` is interactive. Out: nothing, or ``Rejected``.
Sources: Meta's pages "Interactive reply buttons messages", "Interactive list messages", "Interactive Call-to-Action URL
button messages", "Interactive media carousel messages", "Location request messages" and
`ActionObject` / `SectionObject` / `BodyObject` of facebook/openapi.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from simulator.errors import Rejected
from simulator.shape import (
    INVALID,
    MISSING,
    Body,
    as_object,
    choice_of,
    list_of,
    object_of,
    optional_text,
    text_of,
    unique,
)

BODY = 1024  # the list page says 4096, the published schema 1024 for all
FOOTER = 60
HEADER = 60
BUTTONS = 3
BUTTON_TITLE = 20
BUTTON_ID = 256
LIST_BUTTON = 20
SECTIONS = 10
ROWS = 10  # over all sections together
SECTION_TITLE = 24
ROW_TITLE = 24
ROW_DESCRIPTION = 72
ROW_ID = 200
LINK_LABEL = 20
FLOW_LABEL = 30
CARDS = 10
CARD_BODY = 160
CARD_LINES = 2
CARD_REPLY = 20  # both its id and its title
MEDIA_HEADERS = frozenset(("text", "image", "video", "document"))
URL = re.compile(r"https?://\S+")


def check_interactive(body: Body) -> None:
    """Refuse ``body`` unless its interactive part is within the limits of its kind."""
    message = object_of(body, "interactive", "")
    kind = choice_of(message, "type", "interactive", KINDS)
    headers, footer, check_action = KINDS[kind]
    as_object(message, "interactive", ("type", "body", "action", *(("header",) if headers else ()), *footer))
    # A catalogue product speaks for itself; everything else needs a body.
    if kind != "product" or "body" in message:
        text_of(object_of(message, "body", "interactive", ("text",)), "text", "interactive.body", BODY)
    if "header" in message:
        _check_header(object_of(message, "header", "interactive"), headers)
    if "footer" in message:
        text_of(object_of(message, "footer", "interactive", ("text",)), "text", "interactive.footer", FOOTER)
    check_action(object_of(message, "action", "interactive"))


def _check_header(header: Body, kinds: frozenset[str]) -> None:
    kind = choice_of(header, "type", "interactive.header", kinds)
    if kind == "text":
        text_of(header, "text", "interactive.header", HEADER)
        return
    media = object_of(header, kind, "interactive.header")
    if ("id" in media) == ("link" in media):
        raise Rejected(MISSING, f"Param interactive.header.{kind} needs an id or a link, one of the two.")


def _check_buttons(action: Body) -> None:
    as_object(action, "interactive.action", ("buttons",))
    replies: list[tuple[str, str]] = []
    for number, button in enumerate(list_of(action, "buttons", "interactive.action", 1, BUTTONS)):
        where = f"interactive.action.buttons[{number}]"
        choice_of(as_object(button, where, ("type", "reply")), "type", where, ("reply",))
        reply = object_of(button, "reply", where, ("id", "title"))
        key = text_of(reply, "id", f"{where}.reply", BUTTON_ID)
        if key != key.strip():
            raise Rejected(INVALID, f"Param {where}.reply.id must not begin or end with a space.")
        replies.append((key, text_of(reply, "title", f"{where}.reply", BUTTON_TITLE)))
    unique((key for key, _ in replies), "button id")
    unique((title for _, title in replies), "button title")


def _check_list(action: Body) -> None:
    as_object(action, "interactive.action", ("button", "sections"))
    text_of(action, "button", "interactive.action", LIST_BUTTON)
    sections = list_of(action, "sections", "interactive.action", 1, SECTIONS)
    keys: list[str] = []
    for number, section in enumerate(sections):
        where = f"interactive.action.sections[{number}]"
        as_object(section, where, ("title", "rows"))
        if len(sections) > 1 or "title" in section:
            text_of(section, "title", where, SECTION_TITLE)
        for place, row in enumerate(list_of(section, "rows", where, 1, ROWS)):
            keys.append(_check_row(row, f"{where}.rows[{place}]"))
    if len(keys) > ROWS:
        raise Rejected(INVALID, f"Total row count exceed max allowed count: {ROWS} (it has {len(keys)}).")
    unique(keys, "row id")


def _check_row(row: object, where: str) -> str:
    known = as_object(row, where, ("id", "title", "description"))
    text_of(known, "title", where, ROW_TITLE)
    optional_text(known, "description", where, ROW_DESCRIPTION)
    return text_of(known, "id", where, ROW_ID)


def _check_link(action: Body) -> None:
    as_object(action, "interactive.action", ("name", "parameters"))
    choice_of(action, "name", "interactive.action", ("cta_url",))
    where = "interactive.action.parameters"
    parameters = object_of(action, "parameters", "interactive.action", ("display_text", "url"))
    text_of(parameters, "display_text", where, LINK_LABEL)
    if not URL.fullmatch(text_of(parameters, "url", where, 2000)):
        raise Rejected(INVALID, f"Param {where}.url must be a URL.")


def _named(name: str) -> Callable[[Body], None]:
    def check_name(action: Body) -> None:
        as_object(action, "interactive.action", ("name",))
        choice_of(action, "name", "interactive.action", (name,))

    return check_name


def _check_flow(action: Body) -> None:
    choice_of(action, "name", "interactive.action", ("flow",))
    where = "interactive.action.parameters"
    parameters = object_of(action, "parameters", "interactive.action")
    text_of(parameters, "flow_message_version", where, 8)
    text_of(parameters, "flow_cta", where, FLOW_LABEL)
    if ("flow_id" in parameters) == ("flow_name" in parameters):
        raise Rejected(MISSING, f"Param {where} needs a flow_id or a flow_name, one of the two.")


def _check_carousel(action: Body) -> None:
    kinds = set()
    for number, card in enumerate(list_of(action, "cards", "interactive.action", 2, CARDS)):
        where = f"interactive.action.cards[{number}]"
        known = as_object(card, where, ("card_index", "type", "header", "body", "action"))
        if known.get("card_index") != number:
            raise Rejected(INVALID, f"Param {where}.card_index must be {number}.")
        _check_header(object_of(known, "header", where), frozenset(("image", "video")))
        if "body" in known:
            said = text_of(object_of(known, "body", where, ("text",)), "text", f"{where}.body", CARD_BODY)
            if said.count("\n") > CARD_LINES:
                raise Rejected(INVALID, f"Param {where}.body.text must have at most {CARD_LINES} line breaks.")
        kinds.add(_check_card_action(object_of(known, "action", where), f"{where}.action"))
    if len(kinds) > 1:
        raise Rejected(INVALID, "All cards of a carousel must have buttons of the same kind.")


def _check_card_action(action: Body, where: str) -> str:
    if "buttons" not in action:
        parameters = object_of(action, "parameters", where, ("display_text", "url"))
        text_of(parameters, "display_text", f"{where}.parameters", LINK_LABEL)
        text_of(parameters, "url", f"{where}.parameters", 2000)
        return "link"
    for number, button in enumerate(list_of(action, "buttons", where, 1, BUTTONS)):
        here = f"{where}.buttons[{number}]"
        reply = object_of(as_object(button, here, ("type", "quick_reply")), "quick_reply", here, ("id", "title"))
        text_of(reply, "id", here, CARD_REPLY)
        text_of(reply, "title", here, CARD_REPLY)
    return "quick_reply"


def _unchecked(action: Body) -> None:
    """Catalogue and order messages: what they may hold depends on a catalogue, so only their frame is checked."""


_NONE: frozenset[str] = frozenset()
_FOOTER = ("footer",)

KINDS: dict[str, tuple[frozenset[str], tuple[str, ...], Callable[[Body], None]]] = {
    "button": (MEDIA_HEADERS, _FOOTER, _check_buttons),
    "list": (frozenset(("text",)), _FOOTER, _check_list),
    "cta_url": (MEDIA_HEADERS, _FOOTER, _check_link),
    "location_request_message": (_NONE, (), _named("send_location")),
    "request_contact_info": (_NONE, (), _named("request_contact_info")),  # 2026; docs.kapso.ai
    "flow": (MEDIA_HEADERS, _FOOTER, _check_flow),
    "carousel": (_NONE, (), _check_carousel),
} | dict.fromkeys(
    (
        "address_message",
        "catalog_message",
        "order_details",
        "order_status",
        "product",
        "product_list",
    ),
    (MEDIA_HEADERS, _FOOTER, _unchecked),
)
