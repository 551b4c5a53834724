"""Sessions that are told of every statement before it runs, so that a test can count them or let one fail."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session

from tests.store.games import Unplugged
from tests.store.helpers import Shop

T = TypeVar("T")

FEW = 5
"""Whatever is worth a test runs more statements than this."""


class Watched(Session):
    """A session within another's transaction. It says when it is asked for its connection: that precedes each
    statement that is run past the ORM."""

    def __init__(self, connection: Connection, told: Callable[[], None]) -> None:
        super().__init__(connection, autoflush=False, expire_on_commit=False)
        self._told = told

    def connection(self, *args: Any, **more: Any) -> Connection:
        self._told()
        return super().connection(*args, **more)


def statements_of(session: Session, work: Callable[[Session], object]) -> int:
    """How many statements work runs past the ORM."""
    count = 0

    def one() -> None:
        nonlocal count
        count += 1

    with Watched(session.connection(), one) as watched:
        work(watched)
    return count


@contextmanager
def failing_at(session: Session, step: int) -> Iterator[Session]:
    """A session for the same transaction that fails at the step with this number (from 0), before or at a statement."""
    connection, seen = session.connection(), 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == step + 1:
            raise Unplugged(f"step {step}")

    event.listen(connection, "before_cursor_execute", count)  # what the ORM runs
    try:
        with Watched(connection, count) as watched:
            yield watched
            watched.commit()  # into the other session's transaction
    finally:
        event.remove(connection, "before_cursor_execute", count)


async def fail_everywhere(shop: Shop, work: Callable[[Session], T], look: Callable[[], Awaitable[object]]) -> T:
    """Run work that fails at its first step, then at its second, and so on, until it comes through.

    `look` is asked after each failure: what it tells must not have changed.
    """
    before = await look()
    for step in range(200):

        def fragile(session: Session, step: int = step) -> T:
            with failing_at(session, step) as watched:
                return work(watched)

        try:
            done = await shop.do(fragile)
        except Unplugged:
            assert await look() == before, f"step {step} left something"
        else:
            assert step > FEW, "hardly anything was done"
            return done
    raise AssertionError("it never came through")
