"""Many walks: some through one world after the other, each world with an empty store and a clock of its own."""

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from loyalty.clock import FixedClock
from loyalty.revisions import rules_of
from loyalty.store import open_store
from tests.walks.playground import playgrounds
from tests.walks.proofs import Broken, check_books
from tests.walks.walker import Walk, World

TOGETHER = 20
"""Walks through one world."""
MESSAGES = 20
"""That she writes in a walk, and a few more to leave."""
_BEGIN = datetime(2026, 11, 21, 10, tzinfo=UTC)


@dataclass
class Walked:
    """What so many walks came to."""

    walks: int = 0
    turns: int = 0
    longer: int = 0
    """Answers that took more than one message."""
    stayed: Counter[str] = field(default_factory=Counter)
    """How often a flow stood in a state after a turn."""


async def walk(
    template: Path, folder: Path, *, walks: int, seed: str, first: int = 0, messages: int = MESSAGES,
    said: Callable[[Walked], None] = lambda _: None,
) -> Walked:  # fmt: skip
    """Go so many walks, `TOGETHER` of them on a copy of the empty store `template`. Raises `Broken` with the trace."""
    done, programmes = Walked(), playgrounds()
    for begin in range(first, first + walks, TOGETHER):
        store = open_store(_empty(template, folder))
        try:
            world = World(store, FixedClock(_BEGIN), programmes)
            for number in range(begin, min(begin + TOGETHER, first + walks)):
                one = Walk(world, f"{seed}.{number}")
                try:
                    await one.go(messages)
                except Exception as error:
                    trace = "\n".join(one.trace[-40:])
                    raise Broken(f"walk {number} of seed {seed!r}: {error!r}\n{trace}") from error
                done.walks += 1
            wrong = await store.read(
                lambda session: list(check_books(session, lambda name: rules_of(session, programmes[0], name)))
            )
            if wrong:
                raise Broken(f"after the walks {begin}… of seed {seed!r}: " + "\n".join(wrong))
        finally:
            await store.close()
        done.turns += world.turns
        done.longer += world.longer
        done.stayed.update(world.stayed)
        said(done)
    return done


def _empty(template: Path, folder: Path) -> str:
    """The URL of a fresh copy of the empty store."""
    for old in folder.glob("walks.db*"):
        old.unlink()
    return f"sqlite:///{shutil.copyfile(template, folder / 'walks.db')}"
