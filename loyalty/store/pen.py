"""A connection to SQLite with its session; both stay from one transaction to the next. One of them writes, one looks.

As with a line to Postgres (`loyalty.store.line`) SQLAlchemy's connection believes itself in one long transaction, which
the session joins, and the driver is told BEGIN, COMMIT and the savepoints around each piece of work.
"""

import sqlite3
from collections.abc import Callable
from time import monotonic, sleep
from typing import NoReturn, TypeVar, cast

from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from loyalty.store.raw import UNDONE, fail
from loyalty.store.shared import leave_nothing, shared_session

T = TypeVar("T")

BEGIN = "BEGIN IMMEDIATE"
PATIENCE = 10.0
"""Seconds for which a writer waits for another process's transaction before it gives up."""
KNOCK = 0.001
"""Seconds between two tries to begin. SQLite's own waiting grows to 100 ms, so that next to a busy process another one
gets no turn for seconds."""


class Pen:
    """What the writer's thread writes with, or who looks reads with. One at a time touches it."""

    def __init__(self, engine: Engine, begin: str = BEGIN, patience: float = PATIENCE) -> None:
        """`begin` is how the engine begins its transactions."""
        self._engine = engine
        self._begin = begin
        self._patience = patience
        self._held: tuple[Connection, RootTransaction, Session, sqlite3.Connection] | None = None

    def begin(self) -> None:
        """Begin a transaction. Raises SQLAlchemy's errors, as everything here."""
        until = monotonic() + self._patience
        while True:
            try:
                if self._held is None:
                    self._take_up()
                else:
                    self._held[3].execute(self._begin)
            except (OperationalError, sqlite3.Error) as error:
                if not _is_busy(error) or monotonic() >= until:
                    self._give_up(error)
                sleep(KNOCK)
            else:
                return

    def _take_up(self) -> None:
        connection = self._engine.connect()
        try:
            transaction = connection.begin()
            session = shared_session(connection)
        except BaseException:
            connection.close()
            raise
        driver = cast(sqlite3.Connection, connection.connection.dbapi_connection)
        self._held = connection, transaction, session, driver

    def _give_up(self, error: OperationalError | sqlite3.Error) -> NoReturn:
        if isinstance(error, OperationalError):
            raise error
        self._fail(error, self._begin)

    def run(self, work: Callable[[Session], T], *, alone: bool) -> T:
        """Run a piece of work within the transaction. If it raises, it did nothing.

        Where it is not `alone` in the transaction it has a savepoint, set past SQLAlchemy, which takes twenty times
        as long. So a session that fails to flush undoes the transaction as a whole: see `stands`.
        """
        assert self._held is not None
        session = self._held[2]
        if not alone:
            self._tell("SAVEPOINT job")
        try:
            result = work(session)
            session.flush()
            leave_nothing(session)
            if not self.stands:
                raise RuntimeError(UNDONE)
        except BaseException:
            session.close()
            leave_nothing(session)
            if not alone and self.stands:
                self._tell("ROLLBACK TO job")
                self._tell("RELEASE job")
            raise
        if not alone:
            self._tell("RELEASE job")
        return result

    @property
    def stands(self) -> bool:
        """Whether the transaction that was begun is still the one that is open."""
        if self._held is None:
            return False
        _, transaction, _, driver = self._held
        return transaction.is_active and driver.in_transaction

    def commit(self) -> None:
        """Make what was done durable."""
        self._tell("COMMIT")

    def undo(self) -> None:
        """Undo what was done since `begin`, however it stands."""
        if self.stands:
            self._tell("ROLLBACK")
        else:
            self.let_go()

    def let_go(self) -> None:
        """Give the connection back; what was not committed is undone. The next transaction asks for another."""
        held, self._held = self._held, None
        if held is not None:
            connection, _, session, _ = held
            session.close()
            connection.close()

    def _tell(self, command: str) -> None:
        assert self._held is not None
        try:
            self._held[3].execute(command)
        except sqlite3.Error as error:
            self._fail(error, command)

    def _fail(self, error: sqlite3.Error, command: str) -> NoReturn:
        assert self._held is not None
        try:
            fail(self._held[0], error, command)
        finally:
            self.let_go()  # nobody knows what of the transaction is left


def _is_busy(error: OperationalError | sqlite3.Error) -> bool:
    cause = error.orig if isinstance(error, OperationalError) else error
    return isinstance(cause, sqlite3.OperationalError) and cause.sqlite_errorcode == sqlite3.SQLITE_BUSY
