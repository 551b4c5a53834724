"""Backup and restore of a SQLite file, by SQLite's own online backup: other processes go on reading and writing."""

import asyncio
import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from loyalty.store import open_store, store_url
from loyalty.store.schema import upgrade
from passaparola.backups.aftermath import Marked, mark
from passaparola.backups.proof import Proof, heads, prove
from passaparola.errors import CommandError

BUSY = 30.0
"""Seconds to wait for others that use a file."""
PART = ".part"


def file_of(url: str) -> Path:
    """The file of a SQLite URL."""
    name = store_url(url).database
    assert name is not None  # `store_url` saw to it
    return Path(name)


def backup(url: str, file: Path) -> Proof:
    """Write a proved copy of the database into a new file. Raises `CommandError`; then there is no file.

    The copy is one moment of the database, whoever writes meanwhile. It is readable by its owner only.
    """
    source = file_of(url)
    if not source.is_file():
        raise CommandError(f"there is no database at {source}; PASSAPAROLA_DATABASE_URL says where it is")
    if file.exists():
        raise CommandError(f"{file} is there already; name a new file")
    part = _copy(source, file)
    try:
        proof = asyncio.run(prove(f"sqlite:///{part.absolute()}"))
        _single(part)
        os.replace(part, file)
        _keep(file.parent)
    finally:
        _remove(part)
    return proof


def restore(url: str, file: Path, *, force: bool, now: datetime) -> tuple[Proof, Marked, Path | None]:
    """Put a backup in the place of the database: copied, checked, migrated, marked, proved, then moved there.

    A database that is there is only replaced with `force`, and kept beside it. Returns the proof, what was marked, and
    where the former database is. Raises `CommandError`; then nothing has changed.
    """
    target = file_of(url)
    if not file.is_file():
        raise CommandError(f"there is no file {file}")
    if target.exists() and not force:
        raise CommandError(f"{target} is there already; --force replaces it, and keeps it beside the restored one")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _copy(file, target)
    there = f"sqlite:///{part.absolute()}"
    try:
        before = asyncio.run(prove_as_is(there))
        upgrade(there)
        marked = asyncio.run(_mark(there, now))
        proof = asyncio.run(prove(there))
        if proof.heads != before:
            raise CommandError("the ledger changed while it was restored; nothing was replaced")
        _single(part)
        former = _set_aside(target, now) if target.exists() else None
        os.replace(part, target)
        _keep(target.parent)
    finally:
        _remove(part)
    return proof, marked, former


async def prove_as_is(url: str) -> str:
    """The heads of a database that may be of an older version: chains have always been as they are."""
    store = open_store(url)
    try:
        return await store.read(heads)
    finally:
        await store.close()


async def _mark(url: str, now: datetime) -> Marked:
    store = open_store(url)
    try:
        return await store.write(lambda session: mark(session, now=now))
    finally:
        await store.close()


def _copy(source: Path, beside: Path) -> Path:
    """A checked copy of a database in the folder where it will be needed. Raises `CommandError`."""
    part = beside.with_name(beside.name + PART)
    _remove(part)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        uri = f"file:{source.absolute()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY)) as from_, closing(sqlite3.connect(part)) as to:
            from_.backup(to)  # in one step: one moment of it, and writers need not wait (WAL)
            [(found,), *_] = to.execute("PRAGMA integrity_check").fetchall()
            known = to.execute("SELECT 1 FROM sqlite_master WHERE name = 'ledger_transaction'").fetchone()
    except (OSError, sqlite3.Error) as error:
        _remove(part)
        raise CommandError(f"{source} could not be copied: {error}") from None
    if found != "ok" or known is None:
        _remove(part)
        wrong = found if found != "ok" else "it is no database of Passaparola"
        raise CommandError(f"{source} is damaged or something else: {wrong}")
    return part


def _single(file: Path) -> None:
    """Make a database one file, with nothing beside it."""
    with closing(sqlite3.connect(file, timeout=BUSY)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    with file.open("rb") as written:
        os.fsync(written.fileno())


def _set_aside(target: Path, now: datetime) -> Path:
    """Move the database away that is to be replaced. Raises `CommandError` if a process still uses it."""
    try:
        with closing(sqlite3.connect(target, timeout=1.0)) as connection:
            [(mode,)] = connection.execute("PRAGMA journal_mode=DELETE").fetchall()  # refused while others have it open
    except sqlite3.OperationalError as error:
        raise CommandError(f"{target} is in use: stop all processes of Passaparola first ({error})") from None
    except sqlite3.DatabaseError:
        mode = "delete"  # it is broken, which is why somebody restores it
    if mode != "delete":
        raise CommandError(f"{target} is in use: stop all processes of Passaparola first")
    former = target.with_name(f"{target.name}.before-{now:%Y%m%dT%H%M%S}")
    for end in ("", "-wal", "-shm"):
        if (one := target.with_name(target.name + end)).exists():
            os.replace(one, former.with_name(former.name + end))
    return former


def _remove(file: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        file.with_name(file.name + end).unlink(missing_ok=True)


def _keep(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
