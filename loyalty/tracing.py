"""Spans of what is done, for whoever wants to see them. Nobody does, unless a process was told otherwise.

The tracer lives in a context variable, as the correlation does: a process sets it once before it begins, and whatever
it starts afterwards has it. Where there is none a span costs looking that up. Attributes hold ids and numbers, no
personal data.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol, TypeAlias

Attributes: TypeAlias = Mapping[str, str | int | float | bool]


class Tracer(Protocol):
    """Takes spans."""

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[object]:
        """A span around what is done; if that raises, the span says what kind of error it was."""

    def record(self, name: str, began: int, attributes: Attributes, *, failed: bool) -> None:
        """A span of what has been done, from `began` (nanoseconds since 1970) until now."""


_NONE = nullcontext()
_tracer: ContextVar[Tracer | None] = ContextVar("tracer", default=None)


def span(name: str, **attributes: str | int | float | bool) -> AbstractContextManager[object]:
    """A span around what is done."""
    tracer = _tracer.get()
    return _NONE if tracer is None else tracer.span(name, attributes)


def record(name: str, began: int, *, failed: bool = False, **attributes: str | int | float | bool) -> None:
    """A span of what has been done: for what is worth one only if there was something to do."""
    if (tracer := _tracer.get()) is not None:
        tracer.record(name, began, attributes, failed=failed)


def trace_with(tracer: Tracer | None) -> None:
    """Take spans from here on, in everything that is started afterwards."""
    _tracer.set(tracer)


@contextmanager
def traced(tracer: Tracer) -> Iterator[None]:
    """Take spans of what is done within."""
    token = _tracer.set(tracer)
    try:
        yield
    finally:
        _tracer.reset(token)
