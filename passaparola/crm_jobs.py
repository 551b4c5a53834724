"""The jobs of CRMs: one for each system that is on, so that one that is down delays only its own queue."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from crm.sync import Sync
from crm.system import System
from jobs.runner import Job, Work
from passaparola.compose import House
from passaparola.crm_settings import systems_of
from service.context import Context
from service.crm_deals import DealTaker

EVERY = timedelta(seconds=30)


def crm_jobs(house: House, context: Context, systems: Mapping[str, System] | None = None) -> list[Job]:
    """A job for each system. `systems` are those of the settings if they are not given."""
    on = systems if systems is not None else systems_of(house.settings)
    return [Job(f"crm:{name}", EVERY, _work(house, context, system)) for name, system in on.items()]


def sync_of(house: House, system: System) -> Sync:
    """What keeps a system up to date."""
    return Sync(house.store, system, house.programmes, house.clock, house.settings.public_url)


def _work(house: House, context: Context, system: System) -> Work:
    sync, deals = sync_of(house, system), DealTaker(context, system)

    async def work(now: datetime) -> str:
        await house.programmes.refresh()
        taken = await deals.work(now)
        told = str(await sync.run(now))
        return "; ".join(part for part in (taken, told) if part)

    return work
