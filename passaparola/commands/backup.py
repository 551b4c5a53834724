"""`passaparola backup` and `passaparola restore`."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from loyalty.store import store_url
from passaparola.backups import postgres, sqlite
from passaparola.commands.saying import say
from passaparola.settings import read_settings

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


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write everything into a new file, one moment of it, and prove the ledger in it. Nothing has to be stopped."""
    back_up(read_settings().database_url, file, say)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the database that is there.")
def restore(file: Path, force: bool) -> None:
    """Put a backup in the place of the database. Stop all processes first.

    What waited when it was made may have gone out since: it is marked, and does not go out by itself.
    """
    put_back(read_settings().database_url, file, say, force=force)
