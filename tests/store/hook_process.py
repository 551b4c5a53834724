"""A process that delivers webhooks until it is killed: `python -m tests.store.hook_process DATABASE`."""

import asyncio
import sys

from loyalty.clock import SystemClock
from loyalty.store import open_store
from service.hooks.delivering import Deliverer
from service.hooks.guard import Guard


async def deliver(database: str) -> None:
    """Send what is due."""
    store, clock = open_store(database), SystemClock()
    await Deliverer(store, clock, Guard(insecure=True)).work(clock.now())
    await store.close()


if __name__ == "__main__":
    asyncio.run(deliver(sys.argv[1]))
