"""A sender that drains an outbox until it is killed. In a process of its own, forked from one that has all imported."""

import asyncio
from multiprocessing.context import ForkServerProcess

from connectors.sending.pacing import Pace
from connectors.sending.sender import Sender
from connectors.whatsapp.graph import Graph, GraphConfig
from loyalty.clock import SystemClock
from loyalty.store import open_store
from tests.forked import forked

TOKEN = "token-1"
PACE = Pace(1000, pair_seconds=0, portfolio=None)


def postman(database: str, url: str) -> ForkServerProcess:
    """A process that sends what is in the outbox; kill it."""
    return forked(_send, database, url)


def _send(database: str, url: str) -> None:
    asyncio.run(_forever(database, url))


async def _forever(database: str, url: str) -> None:
    store = open_store(database)
    async with Graph(GraphConfig(url, TOKEN)) as graph:
        Sender(store, graph, SystemClock(), PACE).start()
        await asyncio.Event().wait()
