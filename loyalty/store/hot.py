"""Statements for what happens thousands of times a second: compiled once, run on the driver's own cursor.

SQLite finds a row by its key in two microseconds; SQLAlchemy takes twenty to hand the statement over. A `Hot`
statement is written in Core, compiled once for each dialect, and takes part in the session's transaction like any
other. It does not look at objects: what the session has pending is to be flushed before.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from sqlalchemy import BindParameter, Dialect, Executable, Insert, Table
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler

from loyalty.store.raw import Runner, fail, runner_for

Values: TypeAlias = Mapping[str, Any]
_Convert: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement as the driver of one dialect takes it."""

    runner: Runner
    sql: str
    binds: tuple[tuple[str, _Convert | None], ...]
    constants: Values
    make: Callable[[Iterable[Any]], Any]
    converts: tuple[_Convert | None, ...]
    """One for each column; none at all if the driver's values are what we want."""

    def bind(self, values: Values) -> tuple[Any, ...]:
        """What the statement says itself, and what this call says, in the driver's order."""
        if self.constants:
            values = {**self.constants, **values}
        return tuple([
            values[name] if convert is None else convert(values[name]) for name, convert in self.binds
        ])  # fmt: skip

    def read(self, found: Iterable[Any]) -> Any:
        """A row as we want it."""
        if not self.converts:
            return self.make(found)
        return self.make([
            value if convert is None else convert(value) for value, convert in zip(found, self.converts, strict=True)
        ])  # fmt: skip


class Hot:
    """A prebuilt statement, or a function that builds it for a dialect's name where the spelling differs.

    An `insert()` without values takes every column but the one that counts by itself.
    """

    def __init__(self, statement: Executable | Callable[[str], Executable]) -> None:
        self._statement = statement
        self._plans: dict[str, _Plan] = {}

    def all(self, session: Session, values: Values) -> list[Any]:
        """The rows, as named tuples."""
        connection = session.connection()
        plan = self._plans.get(connection.dialect.name) or self._compile(connection.dialect)
        bound = plan.bind(values)
        try:
            found = plan.runner.rows(connection.connection.dbapi_connection, plan.sql, bound)
        except BaseException as error:  # noqa: BLE001 -- `fail` raises
            fail(connection, error, plan.sql, bound)
        return [plan.read(row) for row in found]

    def first(self, session: Session, values: Values) -> Any:
        """The first row, as a named tuple; None if there is none."""
        found = self.all(session, values)
        return found[0] if found else None

    def run(self, session: Session, values: Values) -> int:
        """Carry it out. Returns how many rows it touched."""
        connection = session.connection()
        plan = self._plans.get(connection.dialect.name) or self._compile(connection.dialect)
        bound = plan.bind(values)
        try:
            return plan.runner.count(connection.connection.dbapi_connection, plan.sql, bound)
        except BaseException as error:  # noqa: BLE001 -- as above
            fail(connection, error, plan.sql, bound)

    def _compile(self, dialect: Dialect) -> _Plan:
        statement = self._statement if isinstance(self._statement, Executable) else self._statement(dialect.name)
        compiled = cast(Any, statement).compile(dialect=dialect, column_keys=_columns(statement))
        assert isinstance(compiled, SQLCompiler)
        binds: list[BindParameter[Any]] = [compiled.binds[name] for name in compiled.positiontup or ()]
        columns = list(getattr(statement, "exported_columns", None) or ())
        converts = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        row: Any = namedtuple("Row", [column.key for column in columns], rename=True)  # type: ignore[misc]  # the statement says which fields it has
        plan = self._plans[dialect.name] = _Plan(
            runner_for(dialect.driver),
            compiled.string,
            tuple((bind.key, bind.type.dialect_impl(dialect).bind_processor(dialect)) for bind in binds),
            {bind.key: bind.effective_value for bind in binds if not bind.required},
            row._make,
            tuple(converts) if any(converts) else (),
        )
        return plan


def _columns(statement: Executable) -> list[str] | None:
    if not isinstance(statement, Insert):
        return None
    table = cast(Table, statement.table)
    return [column.key for column in table.c if column is not table.autoincrement_column]
