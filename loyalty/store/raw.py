"""Running a statement on the driver itself: sqlite3 answers at once, asyncpg from within a greenlet."""

from collections.abc import Sequence
from typing import Any, NoReturn

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import await_only

Bound = Sequence[Any]
UNDONE = "work in the store went on after something had failed, which undid it"


class Runner:
    """As any driver does it that follows DB-API."""

    def rows(self, driver: Any, sql: str, bound: Bound) -> list[Any]:
        """What a query finds."""
        cursor = driver.cursor()
        cursor.execute(sql, bound)
        found: list[Any] = cursor.fetchall()
        cursor.close()
        return found

    def count(self, driver: Any, sql: str, bound: Bound) -> int:
        """Carry a statement out. Returns how many rows it touched."""
        cursor = driver.cursor()
        cursor.execute(sql, bound)
        count: int = cursor.rowcount
        cursor.close()
        return count


class SqliteRunner(Runner):
    """On the connection itself, which makes the cursor. Never outside a transaction, where nobody could undo it."""

    def rows(self, driver: Any, sql: str, bound: Bound) -> list[Any]:
        if not driver.in_transaction:
            raise RuntimeError(UNDONE)
        found: list[Any] = driver.execute(sql, bound).fetchall()
        return found

    def count(self, driver: Any, sql: str, bound: Bound) -> int:
        if not driver.in_transaction:
            raise RuntimeError(UNDONE)
        count: int = driver.execute(sql, bound).rowcount
        return count


class AsyncpgRunner(Runner):
    """Past SQLAlchemy's adapter for asyncpg, which takes as long as asyncpg; it begins the transaction, if need be."""

    def rows(self, driver: Any, sql: str, bound: Bound) -> list[Any]:
        raw = driver.driver_connection
        if not raw.is_in_transaction():
            return super().rows(driver, sql, bound)
        found: list[Any] = await_only(raw.fetch(sql, *bound))
        return found

    def count(self, driver: Any, sql: str, bound: Bound) -> int:
        raw = driver.driver_connection
        if not raw.is_in_transaction():
            return super().count(driver, sql, bound)
        status: str = await_only(raw.execute(sql, *bound))  # such as `UPDATE 1`
        return int(status.rpartition(" ")[2])


def runner_for(driver: str) -> Runner:
    """The runner for a driver, by SQLAlchemy's name for it."""
    match driver:
        case "asyncpg":
            return AsyncpgRunner()
        case "pysqlite":
            return SqliteRunner()
        case _:
            return Runner()


def fail(connection: Connection, error: BaseException, sql: str | None = None, bound: Bound | None = None) -> NoReturn:
    """Raise an error of the driver as SQLAlchemy does, and part with a connection that is lost."""
    dialect = connection.dialect
    base = dialect.loaded_dbapi.Error
    if not isinstance(error, Exception):  # a task that is cancelled leaves the connection in the middle of something
        connection.invalidate(error)
        raise error
    told = _translated(dialect.loaded_dbapi, error)
    if not isinstance(told, base):
        raise error
    lost = dialect.is_disconnect(told, connection.connection.dbapi_connection, None)
    if lost:
        connection.invalidate(error)
    raised = DBAPIError.instance(sql, bound, told, base, connection_invalidated=lost, dialect=dialect)
    assert isinstance(raised, DBAPIError)
    raise raised from error


def _translated(dbapi: Any, error: Exception) -> Exception:
    """What asyncpg raises, as SQLAlchemy's adapter would say it; any other error as it is."""
    asyncpg = getattr(dbapi, "asyncpg", None)
    if asyncpg is None:
        return error
    for known, said in (
        (asyncpg.IntegrityConstraintViolationError, dbapi.IntegrityError),
        (asyncpg.SyntaxOrAccessError, dbapi.ProgrammingError),
        (asyncpg.PostgresError, dbapi.Error),
        (asyncpg.InterfaceError, dbapi.InterfaceError),
    ):
        if isinstance(error, known):
            told: Exception = said(str(error), error)
            return told
    return error
