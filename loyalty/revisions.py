"""The rules of a programme as they were: what was earned under them is judged by them for ever."""

import json
from datetime import datetime
from functools import lru_cache

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from loyalty.programme import Programme
from loyalty.store.sql import execute, insert_once, table_of
from loyalty.tables import Programme as ProgrammeRow
from loyalty.tables import Revision

_ROW = table_of(Revision)
_THIS = (_ROW.c.id == bindparam("revision")) & (_ROW.c.programme_id == bindparam("programme"))
_DOCUMENT = select(_ROW.c.document).where(_THIS)
_KNOWN = select(_ROW.c.id).where(_THIS)


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
    """The programme as it was in a revision; the present one for what is older than revisions.

    Raises `LookupError` for a revision that was never written down.
    """
    if revision is None or revision == programme.revision:
        return programme
    document = execute(session, _DOCUMENT, {"revision": revision, "programme": programme.id}).scalar()
    if document is None:
        raise LookupError(f"programme {programme.id} has no revision {revision}")
    return _read(json.dumps(document))


@lru_cache(maxsize=64)
def _read(document: str) -> Programme:
    return Programme.model_validate_json(document)
