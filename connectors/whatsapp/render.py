"""A part of the outbox as the Cloud API takes it. `conversation.messages.parts` says what a part holds.

Sizes were seen to when it was laid out; `limits.check` makes sure of them. Sources: Meta's request examples, and its
pages "Interactive list messages" … "Templates".
"""

from collections.abc import Callable, Mapping
from typing import Any

from connectors.whatsapp.render_template import template
from conversation.leaving.outbox import Due

Json = dict[str, Any]


def render(due: Due) -> Json:
    """The body of `POST /{phone_number_id}/messages`. `biz_opaque_callback_data` comes back in the receipts."""
    body: Json = {"messaging_product": "whatsapp", "recipient_type": "individual"}
    if due.phone:
        body["to"] = due.phone
    else:
        body["recipient"] = due.user_id
    kind, content = content_of(due.message)
    return body | {"type": kind, kind: content, "biz_opaque_callback_data": str(due.id)}


def content_of(message: Mapping[str, Any]) -> tuple[str, Any]:
    """The type of a message, and what stands under the key of that name."""
    writer = _INTERACTIVE.get(message["style"])
    if writer is not None:
        return "interactive", writer(message)
    match message["style"]:
        case "template":
            return "template", template(message)
        case "medium":
            return _medium(message["medium"], message.get("text"))
        case "pin":
            return "location", {key: value for key, value in message["pin"].items() if value is not None}
        case "contacts" | "reaction" as kind:
            return kind, message[kind]
        case _ if message.get("image"):
            return _medium({"kind": "image", "link": message["image"]}, message["text"])
        case _:
            return "text", {"body": message["text"], "preview_url": "http" in message["text"]}


def _medium(medium: Mapping[str, Any], caption: str | None) -> tuple[str, Json]:
    kind = medium["kind"]
    content = _source(medium)
    if kind == "voice":
        kind, content = "audio", content | {"voice": True}
    if caption and kind in {"image", "video", "document"}:
        content["caption"] = caption
    return kind, content


def _source(medium: Mapping[str, Any]) -> Json:
    content: Json = {"id": medium["id"]} if medium.get("id") else {"link": medium["link"]}
    if medium["kind"] == "document" and medium.get("filename"):
        content["filename"] = medium["filename"]
    return content


def _framed(message: Mapping[str, Any], kind: str, action: Json) -> Json:
    interactive: Json = {"type": kind, "body": {"text": message["text"]}, "action": action}
    medium = message.get("medium") or ({"kind": "image", "link": message["image"]} if message.get("image") else None)
    if medium is not None:
        interactive["header"] = {"type": medium["kind"], medium["kind"]: _source(medium)}
    return interactive


def _buttons(message: Mapping[str, Any]) -> Json:
    buttons = [
        {"type": "reply", "reply": {"id": choice["id"], "title": choice["title"]}} for choice in message["choices"]
    ]
    return _framed(message, "button", {"buttons": buttons})


def _list(message: Mapping[str, Any]) -> Json:
    sections: list[Json] = []
    for choice in message["choices"]:
        row = {"id": choice["id"], "title": choice["title"]}
        if choice["detail"]:
            row["description"] = choice["detail"]
        heading = choice.get("section")
        if not sections or sections[-1].get("title") != heading:
            sections.append({"title": heading, "rows": []} if heading else {"rows": []})
        sections[-1]["rows"].append(row)
    action = {"button": message["menu"] or "…", "sections": sections}
    return {"type": "list", "body": {"text": message["text"]}, "action": action}


def _link(message: Mapping[str, Any]) -> Json:
    parameters = {"display_text": message["link"]["title"], "url": message["link"]["url"]}
    return _framed(message, "cta_url", {"name": "cta_url", "parameters": parameters})


def _request(message: Mapping[str, Any]) -> Json:
    if message["request"] == "location":
        return _framed(message, "location_request_message", {"name": "send_location"})
    return _framed(message, "request_contact_info", {"name": "request_contact_info"})


def _products(message: Mapping[str, Any]) -> Json:
    goods = message["products"]
    items = [item for shelf in goods["shelves"] for item in shelf["products"]]
    if len(items) == 1:
        action: Json = {"catalog_id": goods["catalog"], "product_retailer_id": items[0]}
        return {"type": "product", **({"body": {"text": message["text"]}} if message["text"] else {}), "action": action}
    sections = [
        {"title": shelf["title"] or goods["title"]}
        | {"product_items": [{"product_retailer_id": item} for item in shelf["products"]]}
        for shelf in goods["shelves"]
    ]
    return {
        "type": "product_list",
        "header": {"type": "text", "text": goods["title"]},
        "body": {"text": message["text"] or goods["title"]},
        "action": {"catalog_id": goods["catalog"], "sections": sections},
    }


_INTERACTIVE: Mapping[str, Callable[[Mapping[str, Any]], Json]] = {
    "buttons": _buttons,
    "list": _list,
    "link": _link,
    "request": _request,
    "products": _products,
}
