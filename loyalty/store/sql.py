"""Statements that are built once, and the few whose spelling differs between SQLite and Postgres.

Building a statement costs SQLAlchemy more than SQLite needs to run it, so what every turn executes is built at import
and gets its values as parameters. What is run again and again is handed to the driver past SQLAlchemy (`Hot`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal
from weakref import WeakKeyDictionary

from sqlalchemy import Executable, Select, Table, TextClause, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlalchemy.orm import Session

from loyalty.store.hot import Hot, NotHot
from loyalty.tables import Base


def table_of(row: type[Base]) -> Table:
    """The table of a mapped class, for statements that need no objects."""
    table = row.__table__
    assert isinstance(table, Table)
    return table


@dataclass(frozen=True, slots=True)
class Found:
    """What a statement found, in the words of SQLAlchemy's results."""

    rows: Sequence[Any]
    rowcount: int
    """How many rows it found or touched."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def all(self) -> Sequence[Any]:
        """Every row."""
        return self.rows

    def first(self) -> Any:
        """The first row; None if there is none."""
        return self.rows[0] if self.rows else None

    def one(self) -> Any:
        """The only row. Raises `NoResultFound` or `MultipleResultsFound`."""
        if not self.rows:
            raise NoResultFound("no row was found when one was required")
        if len(self.rows) > 1:
            raise MultipleResultsFound("several rows were found when exactly one was required")
        return self.rows[0]

    def scalar(self) -> Any:
        """The first value of the first row; None if there is none."""
        return self.rows[0][0] if self.rows else None

    def scalar_one(self) -> Any:
        """The first value of the only row. Raises as `one`."""
        return self.one()[0]

    def scalars(self) -> list[Any]:
        """The first value of each row."""
        return [row[0] for row in self.rows]


_known: WeakKeyDictionary[Executable, Hot | Literal[False]] = WeakKeyDictionary()
"""As `cache` would keep them, but statements that are built for one use are let go."""
_LOCK_NAME = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("name"), 0)))


def execute(session: Session, statement: Executable, values: Mapping[str, Any] | None = None) -> Found:
    """Run a prebuilt statement past the ORM; what the session has pending is to be flushed before.

    From the second time on it is run hot. A statement that is built for one use is run as SQLAlchemy does it.
    """
    hot = _known.get(statement)
    if hot is None:
        _known[statement] = False if isinstance(statement, TextClause) else Hot(statement)
    elif hot:
        try:
            found = hot.rows_or_count(session, values or {})
            return Found((), found) if isinstance(found, int) else Found(found, len(found))
        except NotHot:
            _known[statement] = False
    result = session.connection().execute(statement, values)
    rows = result.all() if result.returns_rows else ()
    return Found(rows, result.rowcount)


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
        execute(session, _LOCK_NAME, {"name": name})


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
