"""Statements for what happens thousands of times a second: compiled once, run on the driver's own connection.

SQLite finds a row by its key in two microseconds; SQLAlchemy takes twenty to hand the statement over. A `Hot`
statement is written in Core, compiled once for each dialect, and takes part in the session's transaction like any
other. It does not look at objects: what the session has pending is to be flushed before.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, TypeAlias, cast

from sqlalchemy import BindParameter, Dialect, Executable, Insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from loyalty.store.raw import Bound, Runner, fail, runner_for
from loyalty.tables.base import UtcDateTime

Values: TypeAlias = Mapping[str, Any]
_Convert: TypeAlias = Callable[[Any], Any]
DRIVER = "driver"
"""Under which name a session that stays notes its connection of the driver."""


class NotHot(ValueError):
    """A statement that needs SQLAlchemy each time it is run."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement as the driver of one dialect takes it."""

    runner: Runner
    sql: str
    pick: Callable[[Values], tuple[Any, ...]]
    """What the driver is given, in its order."""
    to_driver: tuple[tuple[int, _Convert], ...]
    """What becomes of some of it, by place."""
    constants: Values
    make: Callable[[Iterable[Any]], Any] | None
    """A row, for what finds rows."""
    from_driver: tuple[tuple[int, _Convert], ...]

    def bind(self, values: Values) -> Bound:
        """What the statement says itself, and what this call says, in the driver's order."""
        picked = self.pick({**self.constants, **values} if self.constants else values)
        return _converted(picked, self.to_driver) if self.to_driver else picked


class Hot:
    """A prebuilt statement. Of a table's columns, an `insert()` without values takes those that it is given."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._is_insert = isinstance(statement, Insert)
        self._plans: dict[object, _Plan] = {}

    def all(self, session: Session, values: Values) -> list[Any]:
        """The rows, as named tuples."""
        plan, found = self._execute(session, values)
        assert isinstance(found, list), f"{plan.sql}: it finds no rows"
        return found

    def first(self, session: Session, values: Values) -> Any:
        """The first row, as a named tuple; None if there is none."""
        found = self.all(session, values)
        return found[0] if found else None

    def run(self, session: Session, values: Values) -> int:
        """Carry it out. Returns how many rows it touched."""
        _, found = self._execute(session, values)
        return found if isinstance(found, int) else len(found)

    def rows_or_count(self, session: Session, values: Values) -> list[Any] | int:
        """The rows if it finds rows, else how many it touched. Raises `NotHot`."""
        return self._execute(session, values)[1]

    def _execute(self, session: Session, values: Values) -> tuple[_Plan, list[Any] | int]:
        name, driver = _driver(session)
        key = (name, *values) if self._is_insert else name
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _plan(self._statement, session, list(values) if self._is_insert else None)
        bound = plan.bind(values)
        make = plan.make
        try:
            if make is None:
                return plan, plan.runner.count(driver, plan.sql, bound)
            found = plan.runner.rows(driver, plan.sql, bound)
        except BaseException as error:  # noqa: BLE001 -- `fail` raises
            fail(session.connection(), error, plan.sql, bound)
        if plan.from_driver:
            return plan, [make(_converted(row, plan.from_driver)) for row in found]
        return plan, [make(row) for row in found]


def share_driver(session: Session) -> None:
    """Note which connection of the driver a session has, for as long as it has it: its whole life."""
    session.info[DRIVER] = _find_driver(session)


def _driver(session: Session) -> tuple[str, Any]:
    if session.in_nested_transaction():  # the savepoint is set when the session is asked for its connection
        return _find_driver(session)
    known: tuple[str, Any] | None = session.info.get(DRIVER)
    return known or _find_driver(session)


def _find_driver(session: Session) -> tuple[str, Any]:
    connection = session.connection()
    return connection.dialect.name, connection.connection.dbapi_connection


def _plan(statement: Executable, session: Session, columns: list[str] | None) -> _Plan:
    dialect = session.connection().dialect
    compiled = cast(Any, statement).compile(dialect=dialect, column_keys=columns)
    assert isinstance(compiled, SQLCompiler)
    if compiled.post_compile_params:
        raise NotHot(f"{compiled}: a hot statement has no lists of changing length")
    if compiled.insert_prefetch or compiled.update_prefetch:
        raise NotHot(f"{compiled}: a hot statement fills in no defaults; give every column that has one")
    binds: list[BindParameter[Any]] = [compiled.binds[name] for name in compiled.positiontup or ()]
    found = list(getattr(statement, "exported_columns", None) or ())
    row: Any = namedtuple("Row", [column.key for column in found], rename=True)  # type: ignore[misc]  # the statement says which fields it has
    return _Plan(
        runner_for(dialect.driver),
        compiled.string,
        _picker([bind.key for bind in binds]),
        _places(_to_driver(bind.type, dialect) for bind in binds),
        {bind.key: bind.effective_value for bind in binds if not bind.required},
        row._make if found else None,
        _places(_from_driver(column.type, dialect) for column in found),
    )


def _to_driver(type_: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    if isinstance(type_, UtcDateTime) and dialect.name == "sqlite":
        return _instant  # what SQLAlchemy does, in a quarter of the time; a posting has seven of them
    return type_.dialect_impl(dialect).bind_processor(dialect)


def _instant(value: datetime | None) -> str | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return value.astimezone(UTC).isoformat(" ", "microseconds").removesuffix("+00:00")


def _from_driver(type_: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    try:
        return type_.dialect_impl(dialect).result_processor(dialect, None)
    except Exception as error:  # some types (fractions) look at what the driver says of each result
        raise NotHot(f"{type_!r} cannot be read by a hot statement") from error


def _converted(values: Iterable[Any], converts: tuple[tuple[int, _Convert], ...]) -> list[Any]:
    result = list(values)
    for place, convert in converts:
        result[place] = convert(result[place])
    return result


def _places(converts: Iterable[_Convert | None]) -> tuple[tuple[int, _Convert], ...]:
    return tuple((place, convert) for place, convert in enumerate(converts) if convert is not None)


def _picker(names: list[str]) -> Callable[[Values], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)
