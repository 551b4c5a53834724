"""Statements that are built once, and the few whose spelling differs between SQLite and Postgres.

Building a statement costs SQLAlchemy more than SQLite needs to run it, so what every turn executes is built at import
and gets its values as parameters.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import CursorResult, Executable, Select, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from loyalty.tables import Base


def table_of(row: type[Base]) -> Table:
    """The table of a mapped class, for statements that need no objects."""
    table = row.__table__
    assert isinstance(table, Table)
    return table


def execute(session: Session, statement: Executable, values: Mapping[str, Any] | None = None) -> CursorResult[Any]:
    """Run a prebuilt statement past the ORM; what the session has pending is to be flushed before."""
    return session.connection().execute(statement, values)


def insert_once(session: Session, table: type[Base], values: Mapping[str, Any]) -> bool:
    """Insert a row unless a unique key of it is taken. True if it was inserted, False if it was there."""
    return execute(session, _insert_once(_dialect(session), table), values).rowcount == 1


def upsert(session: Session, table: type[Base], values: Mapping[str, Any], *, key: tuple[str, ...]) -> None:
    """Insert a row, or overwrite the row that has the same `key` columns."""
    execute(session, _upsert(_dialect(session), table, tuple(values), key), values)


def insert_or_add(
    session: Session, table: type[Base], rows: Select[Any], values: Mapping[str, Any], *, key: tuple[str, ...],
    counter: str,
) -> bool:  # fmt: skip
    """Insert the rows that a prebuilt select finds; where `key` is taken, add their `counter` to the row that has it.

    The select names its columns as the table does, and has a WHERE (SQLite needs one here). False if it finds nothing.
    """
    return execute(session, _insert_or_add(_dialect(session), table, rows, key, counter), values).rowcount > 0


def lock_name(session: Session, name: str) -> None:
    """Lock something that need not have a row yet, until the transaction ends. On SQLite a writer is alone anyway."""
    if _dialect(session) == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name


def _insert(dialect: str, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table_of(table)) if dialect == "sqlite" else postgresql.insert(table_of(table))


@cache
def _insert_once(dialect: str, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    return _insert(dialect, table).on_conflict_do_nothing()


@cache
def _insert_or_add(
    dialect: str, table: type[Base], rows: Select[Any], key: tuple[str, ...], counter: str
) -> sqlite.Insert | postgresql.Insert:
    insert = _insert(dialect, table).from_select([column.name for column in rows.selected_columns], rows)
    added = table_of(table).c[counter] + insert.excluded[counter]
    return insert.on_conflict_do_update(index_elements=list(key), set_={counter: added})


@cache
def _upsert(
    dialect: str, table: type[Base], columns: Sequence[str], key: tuple[str, ...]
) -> sqlite.Insert | postgresql.Insert:
    insert = _insert(dialect, table)
    changed = {name: insert.excluded[name] for name in columns if name not in key}
    return insert.on_conflict_do_update(index_elements=list(key), set_=changed)
