"""Postgres: an async engine; the work runs on a connection of its own, with row locks."""

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from loyalty.errors import StoreUnavailable

T = TypeVar("T")

TRIES = 5
_AGAIN = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: the transaction did nothing and may be run again."""


class PostgresStore:
    """A store in a Postgres database, shared by any number of processes."""

    def __init__(self, url: URL, *, connections: int = 10) -> None:
        self._engine = create_async_engine(url, pool_size=connections, pool_pre_ping=True)

    async def read(self, work: Callable[[Session], T]) -> T:
        return await self._run(work, isolation="REPEATABLE READ")

    async def write(self, work: Callable[[Session], T]) -> T:
        for attempt in range(TRIES):
            try:
                return await self._run(work, isolation="READ COMMITTED")
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _AGAIN or attempt == TRIES - 1:
                    raise
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))
        raise AssertionError("unreachable")

    async def _run(self, work: Callable[[Session], T], *, isolation: str) -> T:
        try:
            async with self._engine.connect() as connection:
                await connection.execution_options(isolation_level=isolation)
                async with AsyncSession(connection, autoflush=False, expire_on_commit=False) as session:
                    result = await session.run_sync(work)
                    await session.commit()
                    return result
        except OSError as error:
            raise StoreUnavailable(f"Postgres cannot be reached: {error}") from error
        except OperationalError as error:
            raise StoreUnavailable(f"Postgres cannot be reached: {error.orig}") from error

    async def close(self) -> None:
        await self._engine.dispose()
