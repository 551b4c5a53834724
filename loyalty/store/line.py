"""A connection to Postgres that stays open from one transaction to the next. Used in a greenlet (`greenlet_spawn`).

SQLAlchemy's way of handing connections out, beginning and committing takes longer than a posting's statements. Here
its connection believes itself in one long transaction, which the session joins, and the driver is left alone with
BEGIN and COMMIT, which are sent around each piece of work.
"""

from collections.abc import Callable
from enum import StrEnum
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from loyalty.store.raw import UNDONE, fail
from loyalty.store.shared import leave_nothing, shared_session

T = TypeVar("T")

FRESH = 1.0
"""Seconds for which a connection that was just used need not be asked whether it still stands."""


class Way(StrEnum):
    """How a transaction begins: to read one moment of the data, or to write."""

    READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"


class Line:
    """One connection, opened when it is first needed and opened anew when it was lost."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._session: Session | None = None
        self._used = 0.0

    def transact(self, way: Way, work: Callable[[Session], T]) -> T:
        """Run the work in a transaction of its own. If it raises, it did nothing."""
        connection, session = self._ready()
        try:
            _tell(connection, way.value)
            result = work(session)
            session.flush()
            leave_nothing(session)
            if not connection.in_transaction() or _tell(connection, "COMMIT") != "COMMIT":
                raise RuntimeError(UNDONE)
        except BaseException as error:
            session.close()
            leave_nothing(session)
            self._undo(connection, error)
            raise
        self._used = monotonic()
        return result

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection, self._session = self._connection, None, None
        if connection is not None:
            connection.close()

    def _ready(self) -> tuple[Connection, Session]:
        if self._connection is not None and monotonic() - self._used > FRESH:
            self._ask(self._connection)
        if self._connection is None:
            self._connection = self._engine.connect()
            self._engine.dialect.set_isolation_level(_driver(self._connection), "AUTOCOMMIT")
        connection = self._connection
        if not connection.in_transaction():  # it is new, or a session that failed has ended what it believed in
            connection.begin()
            self._session = None
        if self._session is None:
            self._session = shared_session(connection)
        return connection, self._session

    def _ask(self, connection: Connection) -> None:
        """Whether it still stands after it lay idle; if not, another one will be opened."""
        try:
            _tell(connection, "SELECT 1")
        except (DBAPIError, OSError):
            self._lose(connection)

    def _undo(self, connection: Connection, error: BaseException) -> None:
        sound = False
        try:
            if isinstance(error, Exception) and not connection.invalidated:  # else it is in the middle of something
                _tell(connection, "ROLLBACK")
                sound = True
        except DBAPIError:
            pass  # what went wrong before is what the caller should hear of
        finally:
            if not sound:
                self._lose(connection)

    def _lose(self, connection: Connection) -> None:
        connection.invalidate()
        self.close()


def _tell(connection: Connection, command: str) -> str:
    """Give the server a command. Returns what it did."""
    try:
        driver: Any = _driver(connection)
        done: str = await_only(driver.driver_connection.execute(command))
    except BaseException as error:  # noqa: BLE001 -- `fail` raises
        fail(connection, error, command)
    return done


def _driver(connection: Connection) -> DBAPIConnection:
    driver = connection.connection.dbapi_connection
    assert driver is not None  # it is not invalidated
    return driver
