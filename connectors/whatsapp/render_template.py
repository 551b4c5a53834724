"""A template message in Meta's shape: what goes into its header, its body and its buttons, each as a component."""

from collections.abc import Mapping, Sequence
from typing import Any

from conversation.messages.cutting import line

Json = dict[str, Any]
_PARAMETER = {
    "quick_reply": lambda value: {"type": "payload", "payload": value},
    "url": lambda value: {"type": "text", "text": value},
    "copy_code": lambda value: {"type": "coupon_code", "coupon_code": value},
}
"""What a button takes, by its kind (Meta: "Templates", components)."""


def template(message: Mapping[str, Any]) -> Json:
    """The template object; its values stand on one line, as Meta wants them (132012).

    Its quick replies carry our tokens, if choices came with it, at the first free places.
    """
    told = message["template"]
    content: Json = {"name": told["name"], "language": {"code": told["language"]}}
    components = [*_header(told.get("header")), *_body(told.get("parameters") or ()), *_buttons(message)]
    return content | {"components": components} if components else content


def _header(header: str | Mapping[str, Any] | None) -> list[Json]:
    if not header:
        return []
    if isinstance(header, str):
        return [{"type": "header", "parameters": [{"type": "text", "text": line(header)}]}]
    kind = header["kind"]
    source = {key: header[key] for key in ("id", "link", "filename") if header.get(key)}
    return [{"type": "header", "parameters": [{"type": kind, kind: source}]}]


def _body(given: Sequence[str] | Mapping[str, str]) -> list[Json]:
    if not given:
        return []
    if isinstance(given, Mapping):
        named = [{"type": "text", "parameter_name": name, "text": line(value)} for name, value in given.items()]
        return [{"type": "body", "parameters": named}]
    return [{"type": "body", "parameters": [{"type": "text", "text": line(value)} for value in given]}]


def _buttons(message: Mapping[str, Any]) -> list[Json]:
    told = message["template"].get("buttons") or []
    placed = {int(button.get("index", number)): button for number, button in enumerate(told)}
    free = (index for index in range(len(placed) + len(message.get("choices") or ())) if index not in placed)
    for choice in message.get("choices") or ():
        placed[next(free)] = {"kind": "quick_reply", "value": choice["id"]}
    return [
        {
            "type": "button", "sub_type": button["kind"], "index": str(index),
            "parameters": [_PARAMETER[button["kind"]](button["value"])],
        }
        for index, button in sorted(placed.items())
    ]  # fmt: skip
