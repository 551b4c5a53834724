"""The store: one interface, SQLite and Postgres behind it.

What is done in the store is written as plain functions of a `Session`; the store runs them in a
transaction and keeps the event loop free. `docs/decisions/0002-store.md` says why.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from loyalty.errors import Invalid

T = TypeVar("T")


class Store(Protocol):
    """Runs functions of a session, each in a transaction of its own."""

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run `work` on one consistent view of the data. It must change nothing."""

    async def look(self, work: Callable[[Session], T]) -> T:
        """As `read`, for a handful of rows found by key: it may run where it is called, without changing threads."""

    async def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` and make what it did durable before this returns. If it raises, it did nothing.

        `work` may be run again after a deadlock, so it must have no effect but on the session.
        Raises `StoreUnavailable` if the database does not answer.
        """

    async def close(self) -> None:
        """Finish what was begun, then let go of the database."""


def store_url(text: str) -> URL:
    """Read a SQLAlchemy URL; a driver need not be named. Raises `Invalid` for any other database."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise Invalid("PASSAPAROLA_DATABASE_URL is no database URL: use sqlite:///var/x.db or postgresql://…") from None
    match url.get_backend_name():
        case "sqlite" if url.database and url.database != ":memory:":
            return url.set(drivername="sqlite")
        case "sqlite":
            raise Invalid("PASSAPAROLA_DATABASE_URL: SQLite needs a file, several processes share it")
        case "postgresql" | "postgres":
            return url.set(drivername="postgresql+asyncpg")
        case other:
            raise Invalid(f"PASSAPAROLA_DATABASE_URL: {other} is not supported, use sqlite or postgresql")


def open_store(text: str) -> Store:
    """Open the store at a SQLAlchemy URL. The tables must be there (`loyalty.store.schema.upgrade`)."""
    url = store_url(text)
    if url.get_backend_name() == "sqlite":
        from loyalty.store.sqlite import SqliteStore  # noqa: PLC0415 -- only the driver that is used is loaded

        return SqliteStore(url)
    from loyalty.store.postgres import PostgresStore  # noqa: PLC0415 -- as above

    return PostgresStore(url)
