"""A template as Meta takes it: the body of `POST /{account}/message_templates`, and what tells two of them apart.

Gaps become named parameters (`{{points}}`, `parameter_format: NAMED`), so that languages may order them as they like;
in an address Meta takes `{{1}}` only (its page "Template components").
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from connectors.whatsapp.templates.declared import Button, Declared, Version
from conversation.saying.sentences import Sentences
from conversation.saying.template_text import GAP, cleaned, gaps_of
from loyalty.money import Money

Json = dict[str, Any]
_GAP = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def as_meta(text: str) -> str:
    """A text with its gaps as Meta writes them."""
    return GAP.sub(lambda gap: "{{" + gap[1] + "}}", text)


def written_example(template: Declared, version: Version, name: str, how: str, sentences: Sentences) -> str:
    """The example of a gap as customers of a language would read it.

    Raises KeyError if there is none, ValueError or TypeError if it is not of the kind that is written so.
    """
    value = _value(template.example(name, version.language), how)
    return cleaned(sentences.write(version.language, value, how))


def creation(template: Declared, version: Version, sentences: Sentences, handle: str | None = None) -> Json:
    """The request that creates a template in one language. `handle` is the uploaded example of its picture."""
    examples = {name: written_example(template, version, name, how, sentences) for name, how in version.gaps().items()}
    return {
        "name": template.name,
        "language": version.language,
        "category": template.category.upper(),
        "parameter_format": "NAMED",
        "components": _components(version, examples, handle),
    }


def digest_of(template: Declared, version: Version, sentences: Sentences) -> str:
    """The same as long as the same would be handed in. A picture counts by its file's name."""
    request = creation(template, version, sentences, version.image or None)
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def looks_like(version: Version, components: object) -> bool:
    """Whether what Meta has says the same as a file, as far as customers see it. Examples are not compared."""
    return _seen(_components(version, dict.fromkeys(version.gaps(), "x"), "x")) == _seen(components)


def takes_the_same(version: Version, components: object) -> bool:
    """Whether what Meta has is filled like a file's version, though it may be worded otherwise."""
    own = _components(version, dict.fromkeys(version.gaps(), "x"), "x")
    return _to_fill(own) == _to_fill(components)


def _components(version: Version, examples: Mapping[str, str], handle: str | None) -> list[Json]:
    parts: list[Json] = []
    if version.header:
        parts.append({"type": "HEADER", "format": "TEXT", "text": version.header})
    elif version.image:
        parts.append({"type": "HEADER", "format": "IMAGE", "example": {"header_handle": [handle]}})
    body: Json = {"type": "BODY", "text": as_meta(version.body)}
    if names := gaps_of(version.body):
        named = [{"param_name": name, "example": examples[name]} for name in names]
        body["example"] = {"body_text_named_params": named}
    parts.append(body)
    if version.footer:
        parts.append({"type": "FOOTER", "text": version.footer})
    if version.buttons:
        parts.append({"type": "BUTTONS", "buttons": [_button(button, examples) for button in version.buttons]})
    return parts


def _button(button: Button, examples: Mapping[str, str]) -> Json:
    match button.kind:
        case "url":
            row: Json = {"type": "URL", "text": button.title, "url": GAP.sub("{{1}}", button.link)}
            for name in button.gaps():
                row["example"] = [GAP.sub(quote(examples[name], safe=""), button.link)]
            return row
        case "phone":
            return {"type": "PHONE_NUMBER", "text": button.title, "phone_number": button.number}
        case "copy_code":
            return {"type": "COPY_CODE", "example": next(examples[name] for name in button.gaps())}
    return {"type": "QUICK_REPLY", "text": button.title}


def _seen(components: object) -> list[Json]:
    """What customers see of components, in one order and spelling."""
    found = []
    for part in components if isinstance(components, list) else ():
        kind = str(part.get("type", "")).upper()
        row: Json = {"type": kind, "format": str(part.get("format") or "").upper(), "text": part.get("text") or ""}
        if kind == "BUTTONS":
            row = {"type": kind, "buttons": list(_seen_buttons(part.get("buttons") or ()))}
        found.append(row)
    return sorted(found, key=lambda row: str(row["type"]))


def _to_fill(components: object) -> list[tuple[str, list[str]]]:
    """What has to be filled in components: the gaps of texts, pictures, the buttons that take something."""
    found = []
    for part in _seen(components):
        kind = str(part["type"])
        gaps = sorted(set(_GAP.findall(str(part.get("text", "")))))
        if part.get("format") not in {None, "", "TEXT"}:
            gaps.append(str(part["format"]))
        for button in part.get("buttons", ()):
            gaps.append(f"{button['type']} {'{{' in (button['url'] or '')}")
        if gaps:
            found.append((kind, gaps))
    return found


def _seen_buttons(buttons: Iterable[Mapping[str, Any]]) -> Iterable[Json]:
    for button in buttons:
        kind = str(button.get("type", "")).upper()
        number = str(button.get("phone_number") or "").lstrip("+")
        yield {"type": kind, "text": "" if kind == "COPY_CODE" else button.get("text"), "url": button.get("url")} | (
            {"phone_number": number} if number else {}
        )


def _value(given: object, how: str) -> object:
    """An example as the kind of value that is written so."""
    match how:
        case "points" | "friends" | "days" | "number":
            if isinstance(given, bool) or not isinstance(given, int):
                raise TypeError("no whole number")
            return given
        case "money" | "whole":
            amount, _, currency = str(given).partition(" ")
            try:
                return Money(Decimal(amount), currency) if len(currency) == 3 else _no_money()
            except InvalidOperation:
                raise ValueError("no amount") from None
        case "date":
            return date.fromisoformat(str(given))
    if not isinstance(given, str) or not given.strip():
        raise TypeError("no text")
    return given


def _no_money() -> Money:
    raise ValueError("no currency")
