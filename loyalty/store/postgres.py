"""Postgres: an async engine; the work runs on a connection of its own, with row locks."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from loyalty.errors import StoreUnavailable

T = TypeVar("T")

TRIES = 5
_AGAIN = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: the transaction did nothing and may be run again."""
_AWAY = ("08", "28", "3D", "53", "57P")
"""How the codes begin of a server that is gone, full, shutting down or lets us not in."""


class PostgresStore:
    """A store in a Postgres database, shared by any number of processes."""

    def __init__(self, url: URL, *, connections: int = 10) -> None:
        self._engine = create_async_engine(url, pool_size=connections, pool_pre_ping=True)
        self._running: set[asyncio.Future[None]] = set()
        self._closed = False

    async def read(self, work: Callable[[Session], T]) -> T:
        with self._busy():
            return await self._run(work, isolation="REPEATABLE READ", readonly=True)

    async def look(self, work: Callable[[Session], T]) -> T:
        return await self.read(work)

    async def write(self, work: Callable[[Session], T]) -> T:
        with self._busy():
            for attempt in range(TRIES):
                try:
                    return await self._run(work, isolation="READ COMMITTED", readonly=False)
                except DBAPIError as error:
                    if getattr(error.orig, "sqlstate", None) not in _AGAIN or attempt == TRIES - 1:
                        raise
                    await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))
        raise AssertionError("unreachable")

    async def _run(self, work: Callable[[Session], T], *, isolation: str, readonly: bool) -> T:
        try:
            async with self._engine.connect() as connection:
                await connection.execution_options(isolation_level=isolation, postgresql_readonly=readonly)
                async with AsyncSession(connection, autoflush=False, expire_on_commit=False) as session:
                    result = await session.run_sync(work)
                    await session.commit()
                    return result
        except (OSError, NoConnectionFree) as error:
            raise StoreUnavailable(f"Postgres cannot be reached: {error}") from error
        except DBAPIError as error:
            if not (error.connection_invalidated or str(getattr(error.orig, "sqlstate", None)).startswith(_AWAY)):
                raise
            raise StoreUnavailable(f"Postgres cannot be reached: {error.orig}") from error

    async def close(self) -> None:
        self._closed = True
        if self._running:
            await asyncio.wait(self._running)
        await self._engine.dispose()

    @contextmanager
    def _busy(self) -> Iterator[None]:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running.add(done)
        try:
            yield
        finally:
            self._running.discard(done)
            done.set_result(None)
