"""Reading what shops send: JSON in which anything may be missing, null, or of another kind than it should be."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from service.shops.errors import Unreadable

Json = Mapping[str, Any]
NOTHING: Json = {}
_DEEPEST = 64
LONGEST_ID = 64


def read_object(body: bytes) -> Json:
    """A delivery's body. Decimals stay exact; ids stay whole, however large. Raises `Unreadable`."""
    try:
        found = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise Unreadable("the body is no UTF-8") from None
    except RecursionError:
        raise Unreadable("the body is nested too deeply") from None
    except ValueError:
        raise Unreadable("the body is no JSON") from None
    if not isinstance(found, dict):
        raise Unreadable("the body is no JSON object")
    return found


def _no_number(_name: str) -> NoReturn:
    raise ValueError("no number")


def part(body: Json, *path: str) -> Json:
    """The object at a path; an empty one if there is none."""
    found: Any = body
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else NOTHING


def parts(body: Json, name: str) -> tuple[Json, ...]:
    """The objects of a list; what else is in it is passed over."""
    found = body.get(name)
    return tuple(one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def text(body: Json, *names: str) -> str | None:
    """The first of these that says something, without the space around it."""
    for name in names:
        found = body.get(name)
        if isinstance(found, str) and found.strip():
            # What Postgres cannot keep, no name holds either: NUL, and halves of a surrogate pair.
            return found.strip().replace("\0", "").encode("utf-8", "replace").decode()
    return None


def identifier(body: Json, name: str = "id") -> str | None:
    """An id as text, whether it came as a number or as text; None for none, for zero and for what is no id."""
    found = body.get(name)
    if isinstance(found, bool):
        return None
    if isinstance(found, int):
        return str(found) if 0 < found < 10**30 else None
    said = text(body, name)
    if said is None or len(said) > LONGEST_ID or said == "0" or not said.isascii() or not said.isprintable():
        return None
    return said.rpartition("/")[2] if said.startswith("gid://") else said


def flag(body: Json, name: str) -> bool:
    """Whether something is said to be so."""
    return body.get(name) is True


def amount(value: object) -> Decimal | None:
    """Money as text or as a number; None for what is neither. It may be below zero."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    if isinstance(value, str) and len(value) > 40:
        return None
    try:
        found = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        return None
    if not found.is_finite() or (found and not -12 <= found.adjusted() <= 15):
        return None
    return found if found else Decimal(0)


def count(value: object) -> int:
    """How many; none for what is no number."""
    found = amount(value)
    return int(found) if found is not None and 0 <= found <= 10**6 else 0


def moment(value: object, *, utc: bool = False) -> datetime | None:
    """An instant. One without an offset is none, unless it is known to be `utc`."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        found = datetime.fromisoformat(value.strip())
        if found.tzinfo is None:
            return found.replace(tzinfo=UTC) if utc else None
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
