"""An answer of another system: its JSON, and how long it asks us to wait."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

UNREADABLE = object()
"""The body of an answer that is no JSON."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, JSON and headers (by names in small letters) of an answer; `body` is None where there was none."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def fields(self) -> Mapping[str, Any]:
        """The body if it is an object, else nothing."""
        return self.body if isinstance(self.body, dict) else {}


def read_json(raw: bytes) -> Any:
    """A body, its numbers exact; `UNREADABLE` if it is no JSON."""
    try:
        return json.loads(raw, parse_float=Decimal, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return UNREADABLE


def retry_after(text: str, *, unreadable: timedelta, most: timedelta) -> timedelta:
    """How long a `Retry-After` that says something asks us to wait, in seconds or as a date (RFC 9110, 10.2.3).

    A second at least, `most` at most; `unreadable` is what nonsense is taken for.
    """
    try:
        after = timedelta(seconds=float(text))
    except (ValueError, OverflowError):
        try:
            at = parsedate_to_datetime(text)
            after = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)  # by the server's clock
        except (ValueError, TypeError):
            after = unreadable
    return within(after, most)


def within(after: timedelta, most: timedelta) -> timedelta:
    """A wait of a second at least and `most` at most."""
    return min(max(after, timedelta(seconds=1)), most)
