"""`passaparola backup` and `passaparola restore`."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from loyalty.store import store_url
from passaparola.backups import postgres, sqlite

Say = Callable[[str], None]


def back_up(url: str, file: Path, say: Say) -> None:
    """Write a proved backup. Raises `CommandError`."""
    proof = (sqlite if _is_sqlite(url) else postgres).backup(url, file)
    say(f"{file} holds the whole installation: {proof}")


def put_back(url: str, file: Path, say: Say, *, force: bool) -> None:
    """Restore a backup, and say what a person has to see to. Raises `CommandError`."""
    now = datetime.now(UTC)
    if _is_sqlite(url):
        proof, marked, former = sqlite.restore(url, file, force=force, now=now)
        if former is not None:
            say(f"the database that was there is {former}")
    else:
        proof, marked = postgres.restore(url, file, force=force, now=now)
    say(f"{file} is restored: {proof}")
    for line in marked.lines():
        say(line)


def _is_sqlite(url: str) -> bool:
    return store_url(url).get_backend_name() == "sqlite"
