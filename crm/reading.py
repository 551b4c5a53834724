"""Reading what systems answer and tell: nothing of it is taken on trust."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from crm.errors import Nonsense

_LONGEST = 64


def text_of(value: object) -> str:
    """A text or a number as text; empty for anything else."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def id_of(value: object) -> str | None:
    """An id as text, if it can be one."""
    text = text_of(value)
    return text if 0 < len(text) <= _LONGEST and text.replace("-", "").replace("_", "").isalnum() else None


def amount_of(value: object) -> Decimal | None:
    """An amount from text or a number; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        amount = Decimal(str(value).strip().replace(" ", ""))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def instant_of(value: object) -> datetime | None:
    """An instant from ISO 8601, or seconds or milliseconds since 1970; without an offset it is UTC."""
    if isinstance(value, int) and not isinstance(value, bool):
        seconds = value / 1000 if value > 10**11 else value
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, ValueError, OSError):
            return None
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def items(value: object, what: str) -> list[Mapping[str, Any]]:
    """A list of objects. Raises `Nonsense` if it is none."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Nonsense(f"{what} cannot be read")
    return value
