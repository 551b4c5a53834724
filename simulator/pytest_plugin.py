"""Fixtures for tests of anything that speaks with the WhatsApp Cloud API (docs/conformance-kit.md).

In the topmost ``conftest.py``: ``pytest_plugins = ["simulator.pytest_plugin"]``. It needs pytest-asyncio.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest_asyncio

from simulator.customers import Customers
from simulator.graph import StandInGraph, serve
from simulator.rules import PairLimit, ServiceWindow, Throughput

ACCESS_TOKEN = "access-token"  # noqa: S105 -- of the stand-in
APP_SECRET = "app-secret"  # noqa: S105 -- as above

MakeCustomers = Callable[..., Customers]


@pytest_asyncio.fixture
async def stand_in_graph() -> AsyncIterator[StandInGraph]:
    """The Graph API with Meta's rules on, served at ``stand_in_graph.url`` for the token ``access-token``.

    A test fails at its end if the stand-in refused something that the test had not asked to be refused: such a body
    would never have reached a customer. ``stand_in_graph.refused.clear()`` says that it is meant.
    """
    graph = StandInGraph(ACCESS_TOKEN, window=ServiceWindow(), pair_limit=PairLimit(), throughput=Throughput())
    async with serve(graph):
        yield graph
    mistakes = [str(refused.error) for refused in graph.mistakes]
    assert not mistakes, f"WhatsApp would have refused this: {mistakes}"


@pytest_asyncio.fixture
async def whatsapp_customers(stand_in_graph: StandInGraph) -> AsyncIterator[MakeCustomers]:
    """Makes the customers for a webhook: ``whatsapp_customers(url, app_secret)``, with what ``Customers`` takes."""
    async with AsyncExitStack() as stack:
        made: list[Customers] = []

        def make(webhook_url: str, app_secret: str = APP_SECRET, **options: Any) -> Customers:
            made.append(Customers(stand_in_graph, webhook_url, app_secret, **options))
            return made[-1]

        async def close() -> None:
            for customers in made:
                await customers.__aexit__(None, None, None)

        stack.push_async_callback(close)
        yield make
