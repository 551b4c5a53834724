"""Conversations run on the real model and the whole stack."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest
from rasa.core.agent import Agent

from loyalty.clock import FixedClock
from tests.model import load_model
from tests.stack import Stack, running


class Open(Protocol):
    """Opens a stack for a programme."""

    def __call__(self, programme: Path = ...) -> AbstractAsyncContextManager[Stack]: ...


@pytest.fixture(scope="session")
def agent() -> Agent:
    return load_model()


@pytest.fixture
def open_stack(agent: Agent, sqlite_database: str) -> Open:
    """A stack to be opened with a programme; its clock stands in the past, so that tests can go forward."""

    def open_(programme: Path = Path("programmes/cafe.yml")) -> AbstractAsyncContextManager[Stack]:
        return running(agent, sqlite_database, FixedClock(datetime(2026, 3, 3, 9, tzinfo=UTC)), programme)

    return open_


@pytest.fixture
async def stack(open_stack: Open) -> AsyncIterator[Stack]:
    """A running stack with the sample programme."""
    async with open_stack() as stack:
        yield stack
