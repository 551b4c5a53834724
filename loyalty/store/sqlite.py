"""SQLite: one writer thread that commits in groups, a few reader threads beside it.

SQLite has one writer at a time whatever one does, and every commit waits for the disk. So all writes go
through one thread, and what has queued up while the disk was busy is committed together: each piece of
work in a savepoint of its own, one `BEGIN IMMEDIATE` … `COMMIT` around them (`loyalty.store.pen`).
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from loyalty.correlation import carried
from loyalty.errors import StoreUnavailable
from loyalty.store.pen import BEGIN, PATIENCE, Pen

T = TypeVar("T")

BUSY_MS = 10_000
"""How long a connection waits for another process's transaction before it gives up."""
LARGEST_GROUP = 64
READERS = 2
BEGIN_READING = "BEGIN"


def sqlite_engine(url: URL, *, writer: bool, busy_ms: int = BUSY_MS) -> Engine:
    """An engine whose transactions are `BEGIN IMMEDIATE` for the writer and snapshots for a reader."""
    engine = create_engine(url, pool_size=1 if writer else READERS + 1, connect_args={"check_same_thread": False})
    begin = BEGIN if writer else BEGIN_READING

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"busy_timeout={busy_ms}",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-32000",
            "mmap_size=268435456",
            "journal_size_limit=67108864",
        ):
            connection.execute(f"PRAGMA {pragma}")
        if not writer:
            connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


@dataclass(slots=True)
class _Job:
    work: Callable[[Session], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class SqliteStore:
    """A store in one SQLite file."""

    def __init__(self, url: URL, *, patience: float = PATIENCE) -> None:
        """`patience` is how many seconds a write waits for other processes'."""
        if url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        self._writer_engine = sqlite_engine(url, writer=True, busy_ms=0)  # the pen waits in its own way
        self._reader_engine = sqlite_engine(url, writer=False)
        self._readers = ThreadPoolExecutor(READERS, "store-reader")
        self._pen = Pen(self._writer_engine, patience=patience)
        self._glass = Pen(self._reader_engine, BEGIN_READING)
        self._looking = threading.Lock()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_groups, name="store-writer", daemon=True)
        self._writer.start()
        self._closed = False

    async def read(self, work: Callable[[Session], T]) -> T:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, work)

    async def look(self, work: Callable[[Session], T]) -> T:
        # A reader never waits for the writer (WAL), and a few rows by key take less time than changing threads.
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if not self._looking.acquire(blocking=False):  # somebody looks from another thread
            return self._read(work)
        try:
            return self._look(work)
        finally:
            self._looking.release()

    def _look(self, work: Callable[[Session], T]) -> T:
        """As `_read`, on a connection and with a session that stay."""
        glass = self._glass
        try:
            glass.begin()
            try:
                return glass.run(work, alone=True)
            finally:
                glass.undo()
        except (OperationalError, StopIteration) as error:
            glass.let_go()
            raise _told(error) from error

    def _read(self, work: Callable[[Session], T]) -> T:
        try:
            with Session(self._reader_engine, autoflush=False, expire_on_commit=False) as session:
                return work(session)
        except (OperationalError, StopIteration) as error:
            raise _told(error) from error

    async def write(self, work: Callable[[Session], T]) -> T:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(carried(work), future))
        return await future

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        self._readers.shutdown()
        with self._looking:
            self._glass.let_go()
        self._reader_engine.dispose()
        self._writer_engine.dispose()

    def _write_groups(self) -> None:
        while (first := self._jobs.get()) is not None:
            group = [first]
            last = False
            while len(group) < LARGEST_GROUP:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    last = True
                    break
                group.append(job)
            self._write_group(group)
            _resolve(group)
            if last:
                break
        self._pen.let_go()

    def _write_group(self, group: list[_Job]) -> None:
        """Run a group in one transaction. A job that fails is undone alone."""
        pen = self._pen
        try:
            pen.begin()
            for job in group:
                _run(job, pen, alone=len(group) == 1)
                if not pen.stands:  # a job undid everybody's work: nobody is told, each runs alone
                    break
            if pen.stands and not all(job.error for job in group):
                pen.commit()
                return
            pen.undo()
        except BaseException as error:  # noqa: BLE001 -- whatever broke the commit belongs to every waiting caller
            pen.let_go()
            if isinstance(error, IntegrityError) and len(group) > 1:  # but what one of them broke is that one's
                self._write_each(group)
                return
            reason = _told(error)
            for job in group:
                job.error = job.error or reason
            return
        if len(group) > 1 and not all(job.error for job in group):
            self._write_each(group)

    def _write_each(self, group: list[_Job]) -> None:
        for job in group:
            job.result, job.error = None, None
            self._write_group([job])


def _run(job: _Job, pen: Pen, *, alone: bool) -> None:
    try:
        job.result = pen.run(job.work, alone=alone)
    except BaseException as error:  # noqa: BLE001 -- handed to the caller that waits for it
        job.error = _told(error)


def _resolve(group: list[_Job]) -> None:
    """Hand the outcomes back, with one wake-up for each event loop that waits."""
    loops: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in group:
        loops.setdefault(job.future.get_loop(), []).append(job)
    for loop, jobs in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, jobs)


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.cancelled():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)


def _told(error: BaseException) -> BaseException:
    """An error as the caller gets it."""
    if isinstance(error, OperationalError):
        return StoreUnavailable(
            f"the database file could not be used: {error.orig}; is the disk full or another copy busy?"
        )
    if isinstance(error, StopIteration):  # a future refuses it, and its caller would wait for ever
        told = RuntimeError("work in the store raised StopIteration")
        told.__cause__ = error
        return told
    return error
