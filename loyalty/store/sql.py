"""The few statements whose spelling differs between SQLite and Postgres."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import CursorResult
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from loyalty.tables import Base


def insert_once(session: Session, table: type[Base], values: Mapping[str, Any]) -> bool:
    """Insert a row unless a unique key of it is taken. True if it was inserted, False if it was there."""
    result = session.execute(_insert(session, table).values(**values).on_conflict_do_nothing())
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def upsert(session: Session, table: type[Base], values: Mapping[str, Any], *, key: tuple[str, ...]) -> None:
    """Insert a row, or overwrite the row that has the same `key` columns."""
    changed = {name: value for name, value in values.items() if name not in key}
    session.execute(
        _insert(session, table).values(**values).on_conflict_do_update(index_elements=list(key), set_=changed)
    )


def _insert(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
