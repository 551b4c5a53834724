"""The rules of a programme as they were: what was earned under them is judged by them for ever."""

import json
from datetime import datetime
from functools import lru_cache

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from loyalty.ids import ProgrammeId
from loyalty.programme import Programme
from loyalty.store.sql import execute, insert_once, table_of
from loyalty.tables import Programme as ProgrammeRow
from loyalty.tables import Revision

_ROW = table_of(Revision)
_THIS = (_ROW.c.id == bindparam("revision")) & (_ROW.c.programme_id == bindparam("programme"))
_DOCUMENT = select(_ROW.c.document).where(_THIS)
_FIRST = (
    select(_ROW.c.document)
    .where(_ROW.c.programme_id == bindparam("programme"))
    .order_by(_ROW.c.created_at, _ROW.c.id)
    .limit(1)
)
_KNOWN = select(_ROW.c.id).where(_THIS)
_ALL = (
    select(_ROW.c.created_at, _ROW.c.document)
    .where(_ROW.c.programme_id == bindparam("programme"))
    .order_by(_ROW.c.created_at, _ROW.c.id)
)


def ensure_programme(session: Session, programme: Programme, *, now: datetime) -> bool:
    """Make sure the programme and its present rules are written down. True if these rules are new."""
    if execute(session, _KNOWN, {"revision": programme.revision, "programme": programme.id}).first() is not None:
        return False
    insert_once(session, ProgrammeRow, {"id": programme.id, "created_at": now})
    row = {
        "id": programme.revision, "programme_id": programme.id, "document": programme.document(), "created_at": now,
    }  # fmt: skip
    return insert_once(session, Revision, row)


def rules_of(session: Session, programme: Programme, revision: str | None) -> Programme:
    """The programme as it was in a revision; for what is older than revisions, as it was written down first.

    Raises `LookupError` for a revision that was never written down.
    """
    if revision == programme.revision:
        return programme
    if revision is None:
        first = execute(session, _FIRST, {"programme": programme.id}).scalar()
        return programme if first is None else _read(json.dumps(first))
    document = execute(session, _DOCUMENT, {"revision": revision, "programme": programme.id}).scalar()
    if document is None:
        raise LookupError(f"programme {programme.id} has no revision {revision}")
    return _read(json.dumps(document))


def revisions_of(session: Session, programme: ProgrammeId) -> list[tuple[datetime, Programme]]:
    """All rules a programme ever had and since when, oldest first."""
    rows = execute(session, _ALL, {"programme": programme}).all()
    return [(row.created_at, _read(json.dumps(row.document))) for row in rows]


@lru_cache(maxsize=64)
def _read(document: str) -> Programme:
    return Programme.model_validate_json(document)
