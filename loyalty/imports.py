"""Bringing an existing customer base in, from a CSV file."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.errors import Invalid
from loyalty.ids import Cause, MemberId
from loyalty.members import Person, Ref, join, meet, set_marketing
from loyalty.points import open_books
from loyalty.programme import LANGUAGES, Language, Programme
from loyalty.revisions import ensure_programme
from loyalty.tables import Consent, Member

COLUMNS = ("phone", "name", "language", "opt_in_evidence", "points")
MOST_POINTS = 10**9


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A customer of the file. An empty `opt_in_evidence` means that there is no consent to promotional messages."""

    phone: Ref
    name: str | None
    language: Language | None
    opt_in_evidence: str
    points: int


def read_rows(file: Path) -> Iterator[ImportRow]:
    """Read a file with the columns of `COLUMNS`. Raises `Invalid` naming file and line at the first mistake."""
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        try:
            if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
                raise Invalid(f"{file}:1: missing column {', '.join(missing)}; the first line names the columns")
            for row in reader:
                yield _row(row, f"{file}:{reader.line_num}")
        except UnicodeDecodeError:
            raise Invalid(f"{file}: is not UTF-8 text; save it as CSV UTF-8") from None


def import_row(session: Session, programme: Programme, row: ImportRow, *, now: datetime) -> bool:
    """Make a customer a member with the points she brings. Importing her again changes nothing; True if she is new."""
    ensure_programme(session, programme, now=now)
    member = meet(session, programme, Person((row.phone,), row.name, row.language), now=now)
    cause = Cause(f"import:{member.id}")
    new = join(session, programme, member, now=now)
    books = open_books(session, programme.id, MemberId(member.id), now=now)
    if row.points and not books.posted(cause):
        books.earn(
            row.points, cause=cause, kind="import", origin=cause, occurred_at=now, activates_at=now,
            expires_at=programme.earning.expires_at(now, programme.zone), memo={},
        )  # fmt: skip
    if row.opt_in_evidence and not _was_asked(session, member):
        set_marketing(session, member, given=True, words="", evidence=row.opt_in_evidence, now=now)
    return new


def _was_asked(session: Session, member: Member) -> bool:
    """Whether the member ever agreed or withdrew: what she said herself is newer than any file."""
    return session.scalar(select(Consent.id).where(Consent.member_id == member.id).limit(1)) is not None


def _row(row: dict[str, str | None], where: str) -> ImportRow:
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    language = next((language for language in LANGUAGES if language == cells["language"]), None)
    if cells["language"] and language is None:
        raise Invalid(f"{where}: language {cells['language']!r} is none of {', '.join(LANGUAGES)}")
    points = cells["points"] or "0"
    if not points.isascii() or not points.isdecimal() or int(points) > MOST_POINTS:
        raise Invalid(f"{where}: points must be a whole number, not {points!r}")
    try:
        phone = Ref.phone(cells["phone"])
    except Invalid as error:
        raise Invalid(f"{where}: {error}") from None
    return ImportRow(phone, cells["name"] or None, language, cells["opt_in_evidence"], int(points))
