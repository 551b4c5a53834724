"""The JSON Schema of programme files: for editors, for the reference, and to say what is allowed where."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from loyalty.files.yaml_lines import Place
from loyalty.programme import Programme
from loyalty.rules.parts import LANGUAGES

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]
_USUAL = {
    "id": "Its short name; what members have of it hangs on it, so it stays.",
    "name": "What members read.",
    "measure": "What is counted.",
    "gift": "What is given for it.",
    "dates": "From which day until which.",
}
"""What is said of keys that mean the same wherever they stand."""
_AMOUNT = r"^[0-9]+([.][0-9]+)?$"


@cache
def schema() -> Schema:
    """The JSON Schema of programme files, draft 2020-12."""
    made = Programme.model_json_schema()
    raw = made.pop("$defs")
    usual = {f"#/$defs/{name}": _defaults(part) for name, part in raw.items()}
    parts = {name: _tidy(part) for name, part in raw.items()}
    parts["Texts"] = {
        "type": "object",
        "description": "A text in each language of the programme.",
        "properties": {language: {"type": "string"} for language in LANGUAGES},
        "additionalProperties": False,
        "minProperties": 1,
    }
    whole: Schema = {"$schema": DRAFT, "title": "A programme of Passaparola", **_tidy(made), "$defs": parts}
    for part in (whole, *parts.values()):
        for key, value in part.get("properties", {}).items():
            value.setdefault("description", _described(key, value, parts))
            if value.get("default") == usual.get(value.get("$ref"), ()):
                del value["default"]  # it only repeats those of the part
    return whole


def schema_text() -> str:
    """The schema as it is shipped."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def part_at(place: Place) -> Schema | None:
    """What the schema says of a place in a file, references followed; None where it says nothing."""
    found: Schema | None = resolved(schema())
    for step in place:
        found = _inside(found, step) if found is not None else None
    return found


def resolved(part: Mapping[str, Any]) -> Schema:
    """A part with its reference followed, and without the alternative of saying nothing."""
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return {**resolved(schema()["$defs"][name]), **{key: part[key] for key in part if key != "$ref"}}
    if "anyOf" in part:
        something = [one for one in part["anyOf"] if one.get("type") != "null"]
        if len(something) == 1:
            return {**resolved(something[0]), **{key: part[key] for key in part if key != "anyOf"}}
    return dict(part)


def _inside(part: Schema, step: str | int) -> Schema | None:
    if isinstance(step, int):
        fixed = part.get("prefixItems", [])
        found = fixed[step] if step < len(fixed) else part.get("items")
    else:
        named = next(iter(part.get("patternProperties", {}).values()), None)
        found = part.get("properties", {}).get(step, named)
    return resolved(found) if isinstance(found, dict) else None


def _described(key: str, part: Schema, parts: Mapping[str, Schema]) -> str:
    """What a key is for, where nothing of its own is said of it: what is said of its kind, or what is usual."""
    if key in _USUAL:
        return _USUAL[key]
    kinds = [part, *part.get("anyOf", []), part.get("items", {})]
    names = [kind["$ref"].rpartition("/")[2] for kind in kinds if "$ref" in kind]
    if not names:
        return ""
    return " ".join(str(parts[names[0]].get("description", "")).split())


def _defaults(part: Schema) -> Schema:
    return {key: value["default"] for key, value in part.get("properties", {}).items() if "default" in value}


def _tidy(part: Schema) -> Schema:
    """A part as it is shipped.

    Without pydantic's titles; texts by reference, amounts in quotes with a pattern, no names but those that fit.
    """
    if part.get("propertyNames", {}).get("enum") == list(LANGUAGES):
        of = part.get("additionalProperties", {})
        if of.get("type") != "string":  # something else than a text in each language: lists of words
            each = {language: _tidy(of) for language in LANGUAGES}
            told = {key: " ".join(part[key].split()) for key in ("description",) if key in part}
            return {"type": "object", "properties": each, "additionalProperties": False, **told}
        return {"$ref": "#/$defs/Texts", **{key: part[key] for key in ("description",) if key in part}}
    tidied = {key: _NESTED.get(key, _as_it_is)(value) for key, value in part.items() if key != "title"}
    if "description" in tidied:
        tidied["description"] = " ".join(tidied["description"].split())
    if "patternProperties" in tidied:
        tidied["additionalProperties"] = False
    return tidied


def _as_it_is(value: Any) -> Any:
    return value


def _named(parts: Mapping[str, Schema]) -> dict[str, Schema]:
    return {name: _tidy(part) for name, part in parts.items()}


def _some(parts: list[Schema]) -> list[Schema]:
    amount = any(part.get("type") == "number" for part in parts)
    return [
        {"type": "string", "pattern": _AMOUNT} if amount and part == {"type": "string"} else _tidy(part)
        for part in parts
    ]


_NESTED: dict[str, Callable[[Any], Any]] = {
    "properties": _named, "patternProperties": _named, "items": _tidy, "anyOf": _some, "prefixItems": _some,
}  # fmt: skip
