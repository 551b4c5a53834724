"""What readings of every kind of shop share: how states of an order are told apart, and codes friends came by."""

import hashlib
import json
from collections.abc import Iterable
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

from loyalty.orders.bills import Line

MOST_LINES = 500
"""An order with more lines is posted without them: its worth counts, rules for goods do not see it."""
LONGEST_NAME = 200
REFERRAL_NAMES = frozenset({"ref", "referral", "referral_code", "referral-code", "passaparola"})
"""What a note of an order or a parameter of a link is called that holds a friend's code."""
_MOST_CODES = 10


def rank_of(stage: int, refunds: int, *said: object) -> str:
    """Which of two states of one second is the later one: the one further on; else any, but always the same."""
    text = json.dumps([str(one) for one in said])
    return f"{stage:02}.{min(refunds, 9999):04}.{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def lines_hash(lines: Iterable[Line]) -> str:
    """Tells whether the lines of an order changed."""
    return hashlib.sha256(json.dumps([line.to_json() for line in lines]).encode()).hexdigest()


def few(lines: list[Line]) -> tuple[Line, ...]:
    """The lines as they can be posted."""
    return tuple(lines) if len(lines) <= MOST_LINES else ()


def in_link(link: str | None) -> list[str]:
    """What the parameters of a link say that may hold a friend's code."""
    try:
        query = parse_qs(urlsplit(link or "").query, max_num_fields=50)
    except ValueError:
        return []
    return [value for name, values in query.items() if name.lower() in REFERRAL_NAMES for value in values]


def some_codes(found: Iterable[str | None]) -> tuple[str, ...]:
    """Codes that were typed, each once; nobody types many."""
    typed = (code.strip() for code in found if code)
    return tuple(dict.fromkeys(code for code in typed if 0 < len(code) <= 40))[:_MOST_CODES]


def total(lines: Iterable[Line]) -> Decimal:
    """What lines come to."""
    return sum((line.amount or Decimal(0) for line in lines), Decimal(0))
