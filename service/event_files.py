"""Events from a CSV file: what a till without an interface exports, or what happened before the installation."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from loyalty.errors import Invalid, LoyaltyError, StoreUnavailable
from loyalty.programme import Programme
from service.ingest import AnyEvent, Ingest, read_event
from service.middleware import told

COLUMNS = ("type", "id")
"""What every line needs. The others are those of `POST /v1/events`; a member is named by one of `MEMBER`."""
MEMBER = {"phone": "phone", "user_id": "user_id", "external": "external", "member": "id"}
PLAIN = (
    "amount", "currency", "occurred_at", "purchase_id", "activity", "referral_code", "started_at", "ended_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event of a file."""

    event: AnyEvent
    line: int
    """Where it stands in the file."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some events."""

    new: int
    repeated: int
    refused: tuple[tuple[int, str], ...]
    """The line of each that could not be taken, and why."""


def read_rows(file: Path) -> Iterator[EventRow]:
    """Read a file whose first line names the columns. Raises `Invalid` naming file and line at the first mistake."""
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        try:
            names = reader.fieldnames or ()
            if missing := [name for name in COLUMNS if name not in names]:
                raise Invalid(f"{file}:1: missing column {', '.join(missing)}; the first line names the columns")
            if strange := [name for name in names if name not in {*COLUMNS, *MEMBER, *PLAIN}]:
                allowed = ", ".join((*COLUMNS, *MEMBER, *PLAIN))
                raise Invalid(f"{file}:1: no event has {', '.join(map(str, strange))}; there is: {allowed}")
            for row in reader:
                yield EventRow(_event(row, f"{file}:{reader.line_num}"), reader.line_num)
        except UnicodeDecodeError:
            raise Invalid(f"{file}: is not UTF-8 text; save it as CSV UTF-8") from None
        except csv.Error as error:
            raise Invalid(f"{file}:{reader.line_num}: is no CSV: {error}") from None


def take(session: Session, programme: Programme, rows: Sequence[EventRow], now: datetime) -> Taken:
    """Carry events out, each once by its id; one that cannot be taken keeps no other from it."""
    ingest, new, repeated, refused = Ingest(), 0, 0, []
    for row in rows:
        try:
            with session.begin_nested():
                result = ingest.apply(session, programme, row.event, now)
        except StoreUnavailable:
            raise
        except LoyaltyError as error:
            refused.append((row.line, str(error)))
        else:
            new += result.status == "accepted"
            repeated += result.status == "repeated"
    return Taken(new, repeated, tuple(refused))


def _event(row: dict[str, Any], where: str) -> AnyEvent:
    if None in row:
        raise Invalid(f"{where}: has more cells than there are columns")
    cells = {name: value.strip() for name, value in row.items() if value and value.strip()}
    body: dict[str, Any] = {name: value for name, value in cells.items() if name not in MEMBER}
    if member := {field: cells[name] for name, field in MEMBER.items() if name in cells}:
        body["member"] = member
    try:
        return read_event(body)
    except ValidationError as problem:
        field, message = told(problem)
        raise Invalid(f"{where}: {f'{field}: ' if field else ''}{message}") from None
