"""The trail: who did what, when. Every change that a person or a key asked for leaves a row, only ever added to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from loyalty.ids import ProgrammeId, new_id
from loyalty.store.sql import execute, table_of
from loyalty.tables import Trail

_TRAIL = table_of(Trail)
_NOTE = insert(_TRAIL)


def note(
    session: Session, programme: ProgrammeId | None, *, actor: str, action: str, subject: str | None,
    detail: Mapping[str, Any], now: datetime,
) -> None:  # fmt: skip
    """Note who did what to whom. `detail` names things by id and holds no personal data: it is never erased."""
    row = {
        "id": new_id(), "programme_id": programme, "actor": actor[:200], "action": action, "subject": subject,
        "detail": dict(detail), "at": now,
    }  # fmt: skip
    execute(session, _NOTE, row)
