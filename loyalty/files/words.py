"""What is wrong in a programme file and what is allowed instead, in words a shop owner understands."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from loyalty.files.schema import Schema, part_at, resolved
from loyalty.files.yaml_lines import Place
from loyalty.programme import LANGUAGES

_PATTERNS = {
    r"^[a-z][a-z0-9_-]{0,63}$": "a short name such as free-drink (small letters, digits, - and _)",
    r"^\+[1-9][0-9]{6,14}$": 'a phone number in quotes, such as "+390612345678"',
    r"^[0-9]{5,32}$": 'digits in quotes, such as "106540352242922"',
    r"^[0-9]{1,20}$": 'a number in quotes, such as "8123456789012"',
    r"^https://[^\s/]+/\S+$": "an address that begins with https://, such as https://example.com/beans.jpg",
    r"^[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^\s?#]*)?$": "a domain without https://, such as aurora.myshopify.com",
    r"^([01][0-9]|2[0-3]):[0-5][0-9]$": 'a time of day in quotes, such as "15:30"',
    r"^(points|spend|orders|referrals|quizzes|subscription_months|activity:[a-z][a-z0-9_-]{0,63})$": (
        "one of points, spend, orders, referrals, quizzes, subscription_months, activity:NAME"
    ),
}
_OWN_WORDS = frozenset({"value_error", "reference"})
"""Kinds of mistakes that say themselves what is allowed."""


def explain(problems: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Place, str]]:
    """Where the mistakes are that pydantic found, and what to say of each."""
    found = list(problems)
    misnamed = {tuple(problem["loc"][:-1]) for problem in found if problem["loc"][-1:] == ("[key]",)}
    for place in misnamed:
        yield place, _misnamed(place)
    for problem in found:
        place = tuple(problem["loc"])
        if problem["type"] == "too_short" and len(problem["input"]) >= problem["ctx"]["min_length"]:
            continue  # it is long enough, and its items are wrong: that is said of them
        if not any(place[: len(other)] == other for other in misnamed):
            yield place, _said(problem, place)


def allowed(part: Schema) -> str:
    """What can stand in a place."""
    part = resolved(part)
    if "enum" in part:
        return f"one of {', '.join(part['enum'])}"
    if "const" in part:
        return str(part["const"])
    if part.get("properties", {}).keys() == set(LANGUAGES) and "items" not in part["properties"]["en"]:
        return f"a text in each language: {{{', '.join(f'{language}: …' for language in LANGUAGES)}}}"
    kinds = {one.get("type"): one for one in part.get("anyOf", [part])}
    if "number" in kinds:
        return f"an amount such as 4.50{_range(kinds['number'])}"
    if words := _KINDS.get(part.get("type", "")):
        return words(part)
    names = [name for name in part.get("properties", {}) if name != "id"]
    return f"keys with values: {', '.join(names)}" if names else "names with values"


def _said(problem: Mapping[str, Any], place: Place) -> str:
    said = str(problem["msg"]).removeprefix("Value error, ")
    part = part_at(place)
    match problem["type"]:
        case kind if kind in _OWN_WORDS:
            return said
        case "extra_forbidden":
            return f"this key is not known here; {_nearest(place)}"
        case "missing":
            return f"is missing; it takes {allowed(part)}" if part else "is missing"
    if part is None:
        return said
    return f"takes {allowed(part)}, not {_shown(problem['input'])}{_quotes(part, problem['input'])}"


def _nearest(place: Place) -> str:
    known = list((part_at(place[:-1]) or {}).get("properties", {}))
    near = get_close_matches(str(place[-1]), known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def _misnamed(place: Place) -> str:
    part = part_at(place[:-1]) or {}
    if pattern := next(iter(part.get("patternProperties", {})), None):
        return f"cannot stand here; it takes {_PATTERNS[pattern]}"
    known = ", ".join(part.get("properties", {}))
    return f"cannot stand here; it takes one of {known} (a text with a comma needs quotes)"


def _text(part: Schema) -> str:
    if part.get("format") == "date":
        return "a day such as 2026-12-31"
    if pattern := part.get("pattern"):
        return _PATTERNS[pattern]
    longest = part.get("maxLength")
    return f"a text of {part.get('minLength', 0)} to {longest} characters" if longest else "a text"


def _list(part: Schema) -> str:
    if fixed := part.get("prefixItems"):
        return f"a list of {len(fixed)}, each {allowed(fixed[0])}"
    least, most = part.get("minItems", 0), part.get("maxItems")
    of = {(0, False): "", (1, False): " of at least 1"}.get((least, most is not None), f" of {least} to {most}")
    items = resolved(part.get("items", {}))
    return f"a list{of}, each {allowed(items)}" if items.get("type") in {"string", "integer"} else f"a list{of}"


def _range(part: Schema) -> str:
    above, least, most = (part.get(key) for key in ("exclusiveMinimum", "minimum", "maximum"))
    if above is not None and part.get("type") == "integer":
        begin = f" from {above + 1}"
    else:
        begin = f" above {above:g}" if above is not None else f" from {least:g}" if least is not None else ""
    return begin + (f" to {most:,.0f}" if most is not None else "")


def _shown(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return f'"{value[:40]}…"' if len(value) > 40 else f'"{value}"'
        case list():
            return f"a list of {len(value)}"
        case dict():
            return "keys with values"
    return str(value)


def _quotes(part: Schema, value: object) -> str:
    """A hint for the commonest slip: quotes around a number, or none around a text that looks like one."""
    part = resolved(part)
    if part.get("type") == "string" and "enum" not in part and isinstance(value, int | float):
        return "; put it in quotes"
    if part.get("type") in {"integer", "boolean"} and isinstance(value, str) and _is_plain(part, value):
        return "; leave out the quotes"
    return ""


def _is_plain(part: Schema, value: str) -> bool:
    return value.lstrip("-").isdecimal() if part["type"] == "integer" else value in {"true", "false"}


_KINDS: dict[str, Callable[[Schema], str]] = {
    "integer": lambda part: f"a whole number{_range(part)}",
    "boolean": lambda _part: "true or false",
    "string": _text,
    "array": _list,
}
