"""Bringing an existing customer base in, from a CSV file."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from loyalty.books.points import open_books
from loyalty.errors import Invalid
from loyalty.ids import Cause, MemberId
from loyalty.news import because
from loyalty.people.consents import LONGEST_EVIDENCE, consents_of
from loyalty.people.members import Person, Ref, family, join, meet, set_marketing
from loyalty.people.tags import read_tag, tag_member
from loyalty.people.tombstones import grave_of
from loyalty.programme import LANGUAGES, Language, Programme
from loyalty.referral.unsettled import touch
from loyalty.revisions import ensure_programme

COLUMNS = ("phone", "name", "language", "opt_in_evidence", "points")
MOST_POINTS = 10**9
_BETWEEN = re.compile(r"[,;]")


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A customer of the file. An empty `opt_in_evidence` means that there is no consent to promotional messages."""

    phone: Ref
    name: str | None
    language: Language | None
    opt_in_evidence: str
    points: int
    tags: tuple[str, ...] = ()
    line: int = field(default=0, compare=False)
    """Where she stands in the file."""


def read_rows(file: Path) -> Iterator[ImportRow]:
    """Read a file with the columns of `COLUMNS`, and perhaps `tags` (words between commas or semicolons).

    Raises `Invalid` naming file and line at the first mistake.
    """
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        try:
            if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
                raise Invalid(f"{file}:1: missing column {', '.join(missing)}; the first line names the columns")
            for row in reader:
                yield _row(row, file, reader.line_num)
        except UnicodeDecodeError:
            raise Invalid(f"{file}: is not UTF-8 text; save it as CSV UTF-8") from None


def import_row(session: Session, programme: Programme, row: ImportRow, *, now: datetime) -> bool:
    """Make a customer a member with the points she brings. Importing her again changes nothing; True if she is new.

    She was a customer before, so nobody can have brought her. Raises `Refused("erased")` for somebody who was erased.
    """
    ensure_programme(session, programme, now=now)
    member = meet(session, programme, Person((row.phone,), row.name, row.language), now=now)
    id_ = MemberId(member.id)
    because(session, id_, "import")
    new = join(session, programme, member, now=now)
    if row.tags:
        tag_member(session, member, add=row.tags, now=now)
    if new or row.points:
        member.customer_before = True
        touch(session, id_)
    books = open_books(session, programme.id, id_, now=now)
    causes = [Cause(f"import:{one}") for one in family(session, id_)]
    if row.points and not any(books.posted(cause) for cause in causes):
        books.earn(
            row.points, cause=causes[0], kind="import", origin=causes[0], occurred_at=now, activates_at=now,
            expires_at=programme.earning.expires_at(now, programme.zone), memo={},
        )  # fmt: skip
    # What she said herself is newer than any file; and a file knows nothing of her having been erased.
    if row.opt_in_evidence and not consents_of(session, id_) and not grave_of(session, programme.id, (row.phone,)):
        set_marketing(session, member, given=True, words="", evidence=row.opt_in_evidence, now=now)
    return new


def _row(row: dict[str, str | None], file: Path, line: int) -> ImportRow:
    where = f"{file}:{line}"
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
    if len(cells["opt_in_evidence"]) > LONGEST_EVIDENCE:
        raise Invalid(f"{where}: opt_in_evidence has at most {LONGEST_EVIDENCE} characters")
    try:
        tags = tuple(read_tag(one) for one in _BETWEEN.split(row.get("tags") or "") if one.strip())
    except Invalid as error:
        raise Invalid(f"{where}: {error}") from None
    return ImportRow(phone, cells["name"] or None, language, cells["opt_in_evidence"], int(points), tags, line)
