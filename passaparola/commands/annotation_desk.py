"""`passaparola annotate`: what was not understood becomes training data, with a designer's eye on it."""

import asyncio
import sys
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click
from ruamel.yaml.error import YAMLError
from sqlalchemy.orm import Session

from conversation.turning.misunderstood import forget, misunderstood
from loyalty.store import open_store
from loyalty.store.schema import upgrade
from passaparola.annotating import Candidate, Desk, Rank, annotate, candidates, words_of
from passaparola.annotation_file import carry_out, mistakes, read_file, write_file
from passaparola.check import DOMAIN, NLU, names
from passaparola.check_data import TEST
from passaparola.errors import CommandError
from passaparola.examples import read_examples
from passaparola.filing import Shelf
from passaparola.model_weights import weights_in
from passaparola.settings import Settings

T = TypeVar("T")


def run(settings: Settings, *, limit: int, language: str | None, out: Path | None, decided: Path | None) -> str:
    """Ask on the terminal, or write the messages to a file, or do what a file says. Returns what was done.

    Raises `CommandError`.
    """
    try:
        return _run(settings, limit=limit, language=language, out=out, decided=decided)
    except YAMLError as error:
        raise CommandError(str(error)) from None


def _run(settings: Settings, *, limit: int, language: str | None, out: Path | None, decided: Path | None) -> str:
    if out is not None and decided is not None:
        raise CommandError("--export writes a file and --import reads one: use one of them")
    if out is None and decided is None and not sys.stdin.isatty():
        raise CommandError("this is no terminal: use --export FILE.yml, edit the file, then --import FILE.yml")
    upgrade(settings.database_url)
    shelf = Shelf(NLU, names(DOMAIN, "entities").keys(), list(read_examples(TEST)))
    intents = list(names(DOMAIN, "intents"))
    desk = Desk(shelf, intents, lambda ids: _in_store(settings, lambda session: forget(session, ids)), click.echo)
    if decided is not None:
        return _import(desk, decided)
    found = _in_store(settings, lambda session: misunderstood(session, language))
    messages = list(candidates(found[:limit], words_of(shelf.examples), intents, _rank(settings.model)))
    if not messages:
        return "nothing was misunderstood"
    if out is not None:
        return _export(out, messages)
    tally = annotate(desk, messages, lambda prompt: str(click.prompt(prompt, default="", show_default=False)))
    return _told(desk, f"{tally}")


def _export(file: Path, messages: Sequence[Candidate]) -> str:
    try:
        write_file(file, messages)
    except FileExistsError:
        raise CommandError(f"{file} is there already: import it, or name another file") from None
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}") from None
    return f"{len(messages)} messages are in {file}: edit it, then passaparola annotate --import {file}"


def _import(desk: Desk, file: Path) -> str:
    decisions = read_file(file)
    if found := list(mistakes(desk, decisions)):
        for finding in found:
            desk.show(finding)
        raise CommandError(f"{len(found)} mistakes, nothing was filed; correct them and import again")
    refused = list(carry_out(desk, decisions))
    for finding in refused:
        desk.show(finding)
    if refused:
        raise CommandError(f"{desk.tally}; {len(refused)} could not be filed")
    return _told(desk, f"{desk.tally}")


def _told(desk: Desk, tally: str) -> str:
    return f"{tally}; `passaparola check`, then `passaparola train`" if desk.tally.filed else tally


def _rank(model: Path) -> Rank | None:
    """What the model, even an older one, finds likeliest; None without a model."""
    try:
        weights = weights_in(model)
    except (OSError, tarfile.TarError, ValueError, KeyError):
        return None
    return lambda text: [str(guess["name"]) for guess in weights.guess(text)[0]]


def _in_store(settings: Settings, work: Callable[[Session], T]) -> T:
    async def act() -> T:
        store = open_store(settings.database_url)
        try:
            return await store.write(work)
        finally:
            await store.close()

    return asyncio.run(act())
