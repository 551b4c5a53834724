"""A message of the outbox as the Cloud API takes it. Sizes were seen to when it was laid out."""

from typing import Any

from conversation.outbox import Due


def render(due: Due) -> dict[str, Any]:
    """The body of `POST /{phone_number_id}/messages`. `biz_opaque_callback_data` comes back in the receipts."""
    body: dict[str, Any] = {"messaging_product": "whatsapp", "recipient_type": "individual"}
    if due.phone:
        body["to"] = due.phone
    else:
        body["recipient"] = due.user_id
    message = due.message
    match message["style"]:
        case "buttons":
            body |= {"type": "interactive", "interactive": _buttons(message)}
        case "list":
            body |= {"type": "interactive", "interactive": _list(message)}
        case _ if message.get("image"):
            image = {"link": message["image"]}
            body |= {"type": "image", "image": image | ({"caption": message["text"]} if message["text"] else {})}
        case _:
            body |= {"type": "text", "text": {"body": message["text"], "preview_url": "http" in message["text"]}}
    body["biz_opaque_callback_data"] = str(due.id)
    return body


def _buttons(message: dict[str, Any]) -> dict[str, Any]:
    buttons = [
        {"type": "reply", "reply": {"id": choice["id"], "title": choice["title"]}} for choice in message["choices"]
    ]
    interactive: dict[str, Any] = {
        "type": "button",
        "body": {"text": message["text"]},
        "action": {"buttons": buttons},
    }
    if message.get("image"):
        interactive["header"] = {"type": "image", "image": {"link": message["image"]}}
    return interactive


def _list(message: dict[str, Any]) -> dict[str, Any]:
    rows = [
        {"id": choice["id"], "title": choice["title"]} | ({"description": choice["detail"]} if choice["detail"] else {})
        for choice in message["choices"]
    ]
    return {
        "type": "list",
        "body": {"text": message["text"]},
        "action": {"button": message["menu"] or "…", "sections": [{"rows": rows}]},
    }
