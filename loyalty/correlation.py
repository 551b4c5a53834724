"""One id from what came in to what goes out: the request's, kept with what is written in it.

It lives in a context variable. Work in the store may run in another thread, so the store hands it over (`carried`).
Rows that are acted on later keep it (`inbox`, `outbox`, `hook_delivery`), and whoever acts on them takes it up again.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from loyalty.ids import new_id

P = ParamSpec("P")
T = TypeVar("T")

LONGEST = 64
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{7,63}")
_NUMBER = re.compile(r"(?<![\w-])[0-9]{7,15}(?![\w-])")
"""What could be somebody's phone."""
_current: ContextVar[str | None] = ContextVar("correlation", default=None)


def current() -> str | None:
    """The id of what is being done, if it has one."""
    return _current.get()


def correlation_of(given: str | None) -> str:
    """The id that a caller gave (`X-Request-Id`), if it is sane and no number of anybody's; else a new one."""
    if given is not None and _SANE.fullmatch(given) and not _NUMBER.search(given):
        return given
    return new_id()


@contextmanager
def correlated(id_: str | None) -> Iterator[None]:
    """Do something under an id; under none if it is None."""
    token = _current.set(id_)
    try:
        yield
    finally:
        _current.reset(token)


def carried(work: Callable[P, T]) -> Callable[P, T]:
    """The work, to be done elsewhere under the id of here. Without an id it is the work itself: it costs nothing."""
    id_ = _current.get()
    if id_ is None:
        return work

    def under(*args: P.args, **named: P.kwargs) -> T:
        token = _current.set(id_)
        try:
            return work(*args, **named)
        finally:
            _current.reset(token)

    return under
