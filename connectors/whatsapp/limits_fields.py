"""Single fields of a body: handed out if they are within their limit, else refused by name."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.errors import Malformed
from conversation.messages.layout import units

Json = Mapping[str, Any]
_ADDRESS = re.compile(r"https?://\S+")


def text(holder: Json, key: str, where: str, limit: int) -> str:
    """A text that is there, not blank, and no longer than `limit` UTF-16 code units."""
    value, path = holder.get(key), f"{where}.{key}" if where else key
    if not isinstance(value, str):
        raise Malformed(f"{path}: a text is missing")
    if not value or value.isspace():
        raise Malformed(f"{path}: is blank")
    if (length := units(value)) > limit:
        raise Malformed(f"{path}: {length} of at most {limit} characters")
    return value


def identifier(holder: Json, key: str, where: str, limit: int) -> str:
    """A text without spaces around it."""
    value = text(holder, key, where, limit)
    if value != value.strip():
        raise Malformed(f"{where}.{key}: begins or ends with a space")
    return value


def address(holder: Json, key: str, where: str) -> str:
    """An address of a page or a medium, of 2000 characters at most."""
    value = text(holder, key, where, 2000)
    if not _ADDRESS.fullmatch(value):
        raise Malformed(f"{where}.{key}: is no http(s) address")
    return value


def number(holder: Json, key: str, where: str, edge: float) -> None:
    """A number between -edge and edge."""
    value = holder.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or abs(value) > edge:
        raise Malformed(f"{where}.{key}: is a number between -{edge} and {edge}")


def an_object(holder: Json, key: str, where: str) -> Json:
    """An object that is there."""
    value = holder.get(key)
    if not isinstance(value, Mapping):
        raise Malformed(f"{where}.{key}: an object is missing" if where else f"{key}: an object is missing")
    return value


def items(holder: Json, key: str, where: str, least: int, most: int) -> Sequence[Json]:
    """A list of so many objects."""
    value, path = holder.get(key), f"{where}.{key}" if where else key
    if not isinstance(value, list | tuple) or not all(isinstance(each, Mapping) for each in value):
        raise Malformed(f"{path}: a list of objects is missing")
    if not least <= len(value) <= most:
        raise Malformed(f"{path}: {len(value)} items, where {least} to {most} may be")
    return value


def one_of(holder: Json, keys: tuple[str, str], where: str) -> None:
    """One of two keys, not both and not none."""
    if (keys[0] in holder) == (keys[1] in holder):
        raise Malformed(f"{where}: has {keys[0]} or {keys[1]}, one of the two")


def unique(values: Sequence[str], what: str) -> None:
    """No two values are equal."""
    if len(set(values)) < len(values):
        raise Malformed(f"{what}: two are equal")
