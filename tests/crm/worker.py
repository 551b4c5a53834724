"""A process that tells a CRM, to be killed."""

import asyncio
from pathlib import Path

from crm.sync import Sync
from loyalty.clock import SystemClock
from loyalty.files.reading import read_programme
from loyalty.store import open_store
from tests.crm.adapters import ADAPTERS, quick

ROOT = Path(__file__).parents[2]


def tell(database: str, name: str, url: str) -> None:
    """Tell everything there is to tell, a few contacts at a time."""
    asyncio.run(_tell(database, name, url))


async def _tell(database: str, name: str, url: str) -> None:
    programme, store, clock = read_programme(ROOT / "programmes" / "cafe.yml"), open_store(database), SystemClock()
    system = ADAPTERS[name](url, quick())
    system.batch = 5  # type: ignore[misc]  # so that there are many moments to die at
    sync = Sync(store, system, {programme.id: programme}, clock, "https://aurora.example")
    await sync.run(clock.now(), batches=None, pages=None)
    await store.close()
