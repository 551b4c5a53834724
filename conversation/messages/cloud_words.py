"""A message written as Meta's Cloud API takes it, as a designer may copy it from Meta's pages, in our own words.

So it goes the way of every other message: its buttons get tokens of ours, its sizes are seen to, and another channel
can show it too. Ids of its buttons and rows are Rasa payloads.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from conversation.messages.extras import (
    MEDIA,
    Cards,
    Extra,
    Link,
    Medium,
    MediumKind,
    Pin,
    Products,
    Reaction,
    Request,
    Shelf,
    Template,
)
from conversation.messages.model import Choice, Message
from conversation.messages.payloads import read_payload

Json = Mapping[str, Any]


def message_of(body: Json) -> Message | None:
    """The message in a body; None if it is none, or of a kind that is not sent here."""
    kind = str(body.get("type") or ("text" if isinstance(body.get("text"), Mapping) else ""))
    try:
        if kind == "text":
            return Message(str(body["text"]["body"]))
        if kind == "interactive":
            return _interactive(body["interactive"])
        extra = _extra(kind, body.get(kind))
        return None if extra is None else Message(_caption(body.get(kind)), (), None, None, (extra,))
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        return None


def _caption(content: Any) -> str:
    return str(content.get("caption") or "") if isinstance(content, Mapping) else ""


def _extra(kind: str, content: Any) -> Extra | None:
    if content is None:
        return None
    match kind:
        case "location":
            latitude, longitude = float(content["latitude"]), float(content["longitude"])
            return Pin(latitude, longitude, content.get("name"), content.get("address"))
        case "contacts":
            return Cards(tuple(dict(card) for card in content))
        case "reaction":
            return Reaction(str(content["message_id"]), str(content.get("emoji", "")))
        case "template":
            return _template(content)
        case _ if kind in MEDIA:
            return _medium(kind, content)
    return None


def _medium(kind: str, content: Json) -> Medium:
    voice = kind == "audio" and content.get("voice") is True
    named = cast(MediumKind, "voice" if voice else kind)  # Medium refuses what is none
    return Medium(named, content.get("link"), content.get("id"), content.get("filename"))


def _interactive(content: Json) -> Message | None:
    reader = _KINDS.get(str(content.get("type")))
    if reader is None:
        return None
    read = reader(content["action"])
    header, footer = content.get("header") or {}, content.get("footer") or {}
    extras = read.extras
    if header.get("type") in MEDIA:
        extras = (_medium(header["type"], header[header["type"]]), *extras)
    texts = [
        f"*{header['text'].strip()}*" if header.get("type") == "text" else "",
        str((content.get("body") or {}).get("text") or ""),
        f"_{footer['text'].strip()}_" if footer.get("text") else "",
    ]
    return Message("\n\n".join(filter(None, texts)), read.choices, read.menu, None, extras)


def _buttons(action: Json) -> Message:
    replies = [button["reply"] for button in action["buttons"]]
    return Message("", tuple(Choice(read_payload(str(each["id"])), str(each["title"])) for each in replies))


def _list(action: Json) -> Message:
    choices = tuple(
        Choice(
            read_payload(str(row["id"])), str(row["title"]), row.get("description") or None, (), section.get("title")
        )
        for section in action["sections"]
        for row in section["rows"]
    )
    return Message("", choices, action.get("button"))


def _link(action: Json) -> Message:
    parameters = action["parameters"]
    return Message("", extras=(Link(str(parameters["url"]), str(parameters["display_text"])),))


def _product(action: Json) -> Message:
    shelf = Shelf("", (str(action["product_retailer_id"]),))
    return Message("", extras=(Products(str(action["catalog_id"]), (shelf,)),))


def _product_list(action: Json) -> Message:
    shelves = tuple(
        Shelf(
            str(section.get("title") or ""),
            tuple(str(item["product_retailer_id"]) for item in section["product_items"]),
        )
        for section in action["sections"]
    )
    return Message("", extras=(Products(str(action["catalog_id"]), shelves),))


_KINDS: Mapping[str, Callable[[Json], Message]] = {
    "button": _buttons,
    "list": _list,
    "cta_url": _link,
    "location_request_message": lambda _action: Message("", extras=(Request("location"),)),
    "request_contact_info": lambda _action: Message("", extras=(Request("contact"),)),
    "product": _product,
    "product_list": _product_list,
}


def _template(content: Json) -> Template:
    given: list[tuple[str | None, str]] = []
    header: str | Medium | None = None
    buttons: list[Json] = []
    for component in content.get("components") or ():
        parameters = component.get("parameters") or ()
        match str(component.get("type")).lower():
            case "body":
                given = [(each.get("parameter_name"), _value(each)) for each in parameters]
            case "header" if parameters:
                first = parameters[0]
                header = _medium(first["type"], first[first["type"]]) if first["type"] in MEDIA else _value(first)
            case "button" if parameters:
                kind = str(component["sub_type"]).lower()
                if kind not in {"url", "quick_reply", "copy_code"}:
                    raise ValueError(f"buttons of kind {kind} are not sent here")
                buttons.append({"kind": kind, "index": int(component["index"]), "value": _value(parameters[0])})
    named = {name: value for name, value in given if name is not None}
    return Template(
        str(content["name"]), str(content["language"]["code"]), named or tuple(value for _, value in given), header,
        tuple(buttons),
    )  # fmt: skip


def _value(parameter: Json) -> str:
    """What fills a gap: a text, or the words for an amount or a date."""
    content = parameter[parameter["type"]]
    return str(content["fallback_value"]) if isinstance(content, Mapping) else str(content)
