"""Small readers for one field of a JSON body: they hand the value out, or refuse it with Meta's code.

``where`` is the field's path as Meta's ``details`` print it, for example ``interactive.action.button``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from simulator.errors import Rejected

MISSING = 131008
INVALID = 131009
PARAMETER = 100

Body = Mapping[str, Any]


def units(text: str) -> int:
    """Length in UTF-16 code units: Meta does not publish its unit, and this is the strictest of those in use."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def text_of(holder: Body, key: str, where: str, limit: int, *, too_long: int = INVALID) -> str:
    """A required text of 1 to ``limit`` characters; only blanks count as missing."""
    value = holder.get(key)
    path = f"{where}.{key}" if where else key
    if value is None or value == "":
        raise Rejected(MISSING, f"Parameter {path} is required.")
    if not isinstance(value, str):
        raise Rejected(PARAMETER, f"Param {path} must be a string.")
    if value.isspace():
        raise Rejected(INVALID, f"Param {path} must not be blank.")
    if (length := units(value)) > limit:
        raise Rejected(too_long, f"Param {path} must be at most {limit} characters long (it has {length}).")
    return value


def optional_text(holder: Body, key: str, where: str, limit: int, *, too_long: int = INVALID) -> str | None:
    """The same for a text that may be left out; if it is there, it must not be empty."""
    return None if key not in holder else text_of(holder, key, where, limit, too_long=too_long)


def object_of(holder: Body, key: str, where: str, allowed: Collection[str] | None = None) -> Body:
    """A required object; ``allowed`` names the keys it may have."""
    path = f"{where}.{key}" if where else key
    value = holder.get(key)
    if value is None:
        raise Rejected(MISSING, f"Parameter {path} is required.")
    return as_object(value, path, allowed)


def as_object(value: object, path: str, allowed: Collection[str] | None = None) -> Body:
    """``value`` as an object, without a key that the API does not know: it answers those with code 100."""
    if not isinstance(value, dict):
        raise Rejected(PARAMETER, f"Param {path} must be a JSON object.")
    if allowed is not None:
        for key in value:
            if key not in allowed:
                raise Rejected(PARAMETER, f'Unexpected key "{key}" on param "{path}".')
    return value


def list_of(holder: Body, key: str, where: str, least: int, most: int) -> list[Any]:
    """A required list of ``least`` to ``most`` items."""
    path = f"{where}.{key}"
    value = holder.get(key)
    if value is None:
        raise Rejected(MISSING, f"Parameter {path} is required.")
    if not isinstance(value, list):
        raise Rejected(PARAMETER, f"Param {path} must be an array.")
    if not least <= len(value) <= most:
        raise Rejected(INVALID, f"Param {path} must have {least} to {most} items (it has {len(value)}).")
    return value


def choice_of(holder: Body, key: str, where: str, choices: Iterable[str], *, code: int = INVALID) -> str:
    """A required text out of a fixed set."""
    value = text_of(holder, key, where, 64)
    if value not in choices:
        path = f"{where}.{key}" if where else key
        raise Rejected(code, f'Param {path} must be one of {", ".join(sorted(choices))} - got "{value}".')
    return value


def unique(values: Iterable[str], what: str) -> None:
    """Refuse two equal values."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise Rejected(INVALID, f"Duplicated {what}: {value}")
        seen.add(value)
