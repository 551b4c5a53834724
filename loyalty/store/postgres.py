"""Postgres: the work runs on a connection of its own, with row locks; while the server works the event loop is free."""

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.util import greenlet_spawn

from loyalty.errors import StoreUnavailable
from loyalty.store.line import Line, Way

T = TypeVar("T")

CONNECTIONS = 10
TRIES = 5
PATIENCE = 30.0
"""Seconds for which a piece of work waits for a free connection."""
_AGAIN = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: the transaction did nothing and may be run again."""
_AWAY = ("08", "28", "3D", "53", "57P")
"""How the codes begin of a server that is gone, full, shutting down or lets us not in."""


class PostgresStore:
    """A store in a Postgres database, shared by any number of processes."""

    def __init__(self, url: URL, *, connections: int = CONNECTIONS) -> None:
        self._engine = create_async_engine(url, pool_size=connections, max_overflow=0)
        self._idle = [Line(self._engine.sync_engine) for _ in range(connections)]
        self._free = asyncio.Semaphore(connections)
        self._running = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._closed = False

    async def read(self, work: Callable[[Session], T]) -> T:
        return await self._run(work, Way.READ)

    async def look(self, work: Callable[[Session], T]) -> T:
        return await self._run(work, Way.READ)

    async def write(self, work: Callable[[Session], T]) -> T:
        return await self._run(work, Way.WRITE)

    async def _run(self, work: Callable[[Session], T], way: Way) -> T:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        self._running += 1
        self._quiet.clear()
        try:
            for attempt in range(TRIES):
                try:
                    return await self._transact(work, way)
                except DBAPIError as error:
                    if getattr(error.orig, "sqlstate", None) not in _AGAIN or attempt == TRIES - 1:
                        raise
                    await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))
            raise AssertionError("unreachable")
        except (OSError, TimeoutError) as error:
            raise StoreUnavailable(f"Postgres cannot be reached: {error}") from error
        except DBAPIError as error:
            if not (error.connection_invalidated or str(getattr(error.orig, "sqlstate", None)).startswith(_AWAY)):
                raise
            raise StoreUnavailable(f"Postgres cannot be reached: {error.orig}") from error
        finally:
            self._running -= 1
            if not self._running:
                self._quiet.set()

    async def _transact(self, work: Callable[[Session], T], way: Way) -> T:
        """On the connection that was used last, so that few are open while there is little to do."""
        if self._free.locked():
            async with asyncio.timeout(PATIENCE):
                await self._free.acquire()
        else:
            await self._free.acquire()
        line = self._idle.pop()
        try:
            return await greenlet_spawn(line.transact, way, work)
        finally:
            self._idle.append(line)
            self._free.release()

    async def close(self) -> None:
        self._closed = True
        await self._quiet.wait()
        for line in self._idle:
            await greenlet_spawn(line.close)
        await self._engine.dispose()
