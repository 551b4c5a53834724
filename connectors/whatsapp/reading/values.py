"""Single values of a body, whatever stands in their place: text, numbers, phones, instants, as we can keep them."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]
LONGEST_ID = 200
_LARGEST = 2**63
_MILLISECONDS = 10**11
"""Seconds since 1970 reach this in the year 5138; some fields come in milliseconds."""


def text_of(value: object, limit: int | None = None) -> str | None:
    """Text as a database takes it, without NUL and lone surrogates, cut to a length."""
    if not isinstance(value, str):
        return None
    if not value.isascii() or "\0" in value:
        value = value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    return value if limit is None else value[:limit]


def word_of(value: object, limit: int) -> str | None:
    """Text that says something, or a number where a text was meant; None for anything else."""
    if type(value) is int and abs(value) < _LARGEST:
        return str(value)
    return text_of(value, limit) or None


def id_of(value: object) -> str | None:
    """The id of a message; one that is too long to be kept is none."""
    text = text_of(value)
    return text if text and len(text) <= LONGEST_ID else None


def number_of(value: object) -> float | None:
    """A number that is one, or a text that says one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def code_of(value: object) -> int | None:
    """An error code."""
    return value if type(value) is int and abs(value) < 2**31 else None


def phone_of(value: object) -> str | None:
    """A phone as WhatsApp writes it: digits alone."""
    text = text_of(value)
    digits = text.removeprefix("+") if text else ""
    return digits if digits.isascii() and digits.isdecimal() and 5 <= len(digits) <= 15 else None


def user_id_of(value: object) -> str | None:
    """`CC.` and up to 128 letters and digits (Meta, "Business-scoped user ids")."""
    text = text_of(value) or ""
    country, dot, rest = text.partition(".")
    fits = len(country) == 2 and country.isalpha() and dot and rest.isalnum() and len(rest) <= 128 and text.isascii()
    return text if fits else None


def instant_of(value: object) -> datetime:
    """Seconds since 1970, as Meta writes them; now, if it is nothing of the kind or lies in the future."""
    now = datetime.now(UTC)
    try:
        seconds = int(str(value))
        return min(datetime.fromtimestamp(seconds // 1000 if seconds > _MILLISECONDS else seconds, UTC), now)
    except (ValueError, OverflowError, OSError):
        return now


def object_of(value: object) -> Json:
    """An object; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object) -> list[Json]:
    """The objects of a list; none of anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def pruned(value: object, *, depth: int = 6, width: int = 50, length: int = 1000) -> Any:
    """JSON of any shape cut back to what a database takes: so deep, so wide, texts so long, only finite numbers."""
    match value:
        case bool() | None:
            return value
        case int():
            return value if abs(value) < _LARGEST else None
        case float():
            return value if math.isfinite(value) else None
        case str():
            return text_of(value, length)
        case list() if depth:
            return [pruned(one, depth=depth - 1, width=width, length=length) for one in value[:width]]
        case dict() if depth:
            return {
                text_of(key, 100) or "": pruned(one, depth=depth - 1, width=width, length=length)
                for key, one in list(value.items())[:width]
            }
    return None
