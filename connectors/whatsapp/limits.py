"""Is a body within what Meta documents? Asked before the network, so that a mistake of ours names its field.

Lengths are UTF-16 code units. Sources: Meta's pages "Text messages", "Interactive reply buttons messages", "Interactive
list messages", "Interactive Call-to-Action URL button messages", "Interactive media carousel messages", "Templates",
and facebook/openapi `business-messaging-api_v23.0.yaml`; where two differ, the smaller counts.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.errors import Malformed
from connectors.whatsapp.limits_fields import (
    address,
    an_object,
    identifier,
    items,
    number,
    one_of,
    text,
    unique,
)
from connectors.whatsapp.limits_template import check_template

Json = Mapping[str, Any]


def check(body: Json) -> None:
    """Raise `Malformed`, naming the field, unless a body of `POST …/messages` is within the limits of its kind."""
    for key in ("to", "recipient"):
        if body.get(key) is not None:
            text(body, key, "", 160)
    if not body.get("to") and not body.get("recipient"):
        raise Malformed("to: nobody is named, by phone or by user id")
    if "biz_opaque_callback_data" in body:
        text(body, "biz_opaque_callback_data", "", 512)
    kind = body.get("type")
    checker = _KINDS.get(kind) if isinstance(kind, str) else None
    if checker is None:
        raise Malformed(f"type: {kind!r} is no type of message")
    checker(body)


def _text(body: Json) -> None:
    text(an_object(body, "text", ""), "body", "text", 4096)


def _medium(kind: str) -> Callable[[Json], None]:
    def checker(body: Json) -> None:
        medium = an_object(body, kind, "")
        source(medium, kind)
        for key, limit in (("caption", 1024), ("filename", 240)):
            if key in medium:
                text(medium, key, kind, limit)

    return checker


def source(medium: Json, where: str) -> None:
    """A medium has an id or an address, one of the two."""
    one_of(medium, ("id", "link"), where)
    if "link" in medium:
        address(medium, "link", where)
    else:
        text(medium, "id", where, 256)


def _location(body: Json) -> None:
    place = an_object(body, "location", "")
    number(place, "latitude", "location", 90)
    number(place, "longitude", "location", 180)


def _contacts(body: Json) -> None:
    for place, card in enumerate(items(body, "contacts", "", 1, 257)):
        where = f"contacts[{place}]"
        text(an_object(card, "name", where), "formatted_name", f"{where}.name", 1024)


def _reaction(body: Json) -> None:
    reaction = an_object(body, "reaction", "")
    text(reaction, "message_id", "reaction", 1024)
    if not isinstance(reaction.get("emoji"), str) or len(reaction["emoji"]) > 16:
        raise Malformed("reaction.emoji: is one emoji, or empty to take the reaction back")


# ---- interactive


def _interactive(body: Json) -> None:
    message = an_object(body, "interactive", "")
    kind = str(message.get("type"))
    if kind not in _ACTIONS:
        raise Malformed(f"interactive.type: {kind!r} is no kind of interactive message")
    if kind != "product" or "body" in message:
        text(an_object(message, "body", "interactive"), "text", "interactive.body", 1024)
    if "footer" in message:
        text(an_object(message, "footer", "interactive"), "text", "interactive.footer", 60)
    if "header" in message:
        _header(an_object(message, "header", "interactive"), kind)
    elif kind == "product_list":
        raise Malformed("interactive.header: a list of products has a headline")
    _ACTIONS[kind](an_object(message, "action", "interactive"), "interactive.action")


def _header(header: Json, kind: str) -> None:
    allowed = {
        "list": {"text"}, "product_list": {"text"}, "product": set[str](), "location_request_message": set[str](),
        "request_contact_info": set[str](),
    }.get(kind, {"text", "image", "video", "document"})  # fmt: skip
    style = header.get("type")
    if style not in allowed:
        raise Malformed(f"interactive.header.type: {style!r} cannot stand above a message of kind {kind}")
    if style == "text":
        text(header, "text", "interactive.header", 60)
    else:
        source(an_object(header, style, "interactive.header"), f"interactive.header.{style}")


def _buttons(action: Json, where: str) -> None:
    replies = []
    for place, button in enumerate(items(action, "buttons", where, 1, 3)):
        here = f"{where}.buttons[{place}].reply"
        reply = an_object(button, "reply", f"{where}.buttons[{place}]")
        replies.append((identifier(reply, "id", here, 256), text(reply, "title", here, 20)))
    unique([id_ for id_, _ in replies], f"{where}.buttons: ids")
    unique([title for _, title in replies], f"{where}.buttons: titles")


def _list(action: Json, where: str) -> None:
    text(action, "button", where, 20)
    sections = items(action, "sections", where, 1, 10)
    rows: list[tuple[str, str]] = []
    for place, section in enumerate(sections):
        here = f"{where}.sections[{place}]"
        if len(sections) > 1 or "title" in section:
            text(section, "title", here, 24)
        for spot, row in enumerate(items(section, "rows", here, 1, 10)):
            line = f"{here}.rows[{spot}]"
            rows.append((identifier(row, "id", line, 200), text(row, "title", line, 24)))
            if "description" in row:
                text(row, "description", line, 72)
    if len(rows) > 10:
        raise Malformed(f"{where}.sections: {len(rows)} rows of at most 10 over all sections")
    unique([id_ for id_, _ in rows], f"{where}.sections: ids of rows")
    unique([title for _, title in rows], f"{where}.sections: titles of rows")


def _link(action: Json, where: str) -> None:
    parameters = an_object(action, "parameters", where)
    text(parameters, "display_text", f"{where}.parameters", 20)
    address(parameters, "url", f"{where}.parameters")


def _flow(action: Json, where: str) -> None:
    parameters = an_object(action, "parameters", where)
    text(parameters, "flow_cta", f"{where}.parameters", 30)
    one_of(parameters, ("flow_id", "flow_name"), f"{where}.parameters")
    if parameters.get("flow_message_version") != "3":
        raise Malformed(f'{where}.parameters.flow_message_version: is "3"')


def _named(name: str) -> Callable[[Json, str], None]:
    def checker(action: Json, where: str) -> None:
        if action.get("name") != name:
            raise Malformed(f"{where}.name: is {name}")

    return checker


def _product(action: Json, where: str) -> None:
    text(action, "catalog_id", where, 256)
    text(action, "product_retailer_id", where, 256)


def _product_list(action: Json, where: str) -> None:
    text(action, "catalog_id", where, 256)
    count = 0
    for place, section in enumerate(items(action, "sections", where, 1, 10)):
        here = f"{where}.sections[{place}]"
        text(section, "title", here, 24)
        goods: Sequence[Json] = items(section, "product_items", here, 1, 30)
        for spot, product in enumerate(goods):
            text(product, "product_retailer_id", f"{here}.product_items[{spot}]", 256)
        count += len(goods)
    if count > 30:
        raise Malformed(f"{where}.sections: {count} products of at most 30 over all sections")


_ACTIONS: Mapping[str, Callable[[Json, str], None]] = {
    "button": _buttons,
    "list": _list,
    "cta_url": _link,
    "flow": _flow,
    "location_request_message": _named("send_location"),
    "request_contact_info": _named("request_contact_info"),
    "product": _product,
    "product_list": _product_list,
}
_KINDS: Mapping[str, Callable[[Json], None]] = {
    "text": _text,
    **{kind: _medium(kind) for kind in ("image", "video", "audio", "document", "sticker")},
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "interactive": _interactive,
    "template": check_template,
}
