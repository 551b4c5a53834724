"""kill -9 while contacts are told, at random moments: nobody is lost, nobody is there twice."""

import asyncio
import random

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from crm import queue
from crm.tables import CrmContact
from loyalty.clock import SystemClock
from loyalty.programme import Programme
from loyalty.store import Store
from tests.crm.adapters import NAMES
from tests.crm.conftest import kit_of
from tests.crm.worker import tell
from tests.forked import forked
from tests.store.helpers import Shop, variant

PEOPLE, KILLS = 24, 2


@pytest.mark.parametrize("name", NAMES)
async def test_killed_at_any_moment_nobody_is_lost_or_there_twice(
    name: str, store: Store, database: str, cafe: Programme
) -> None:
    dice = random.Random(name)
    shop = Shop(store, variant(cafe, joining=0), SystemClock())  # type: ignore[arg-type]  # the processes have the real time
    async with kit_of(name, shop) as kit:
        members = await kit.members(PEOPLE)
        for _ in range(KILLS):
            calls, wait = len(kit.crm.calls), dice.randint(1, 6)
            process = forked(tell, database, name, kit.url)
            process.start()
            async with asyncio.timeout(60):
                while len(kit.crm.calls) < calls + wait and process.is_alive():  # noqa: ASYNC110 -- no event tells
                    await asyncio.sleep(0.001)
            process.kill()
            await asyncio.to_thread(process.join, 30)
        await store.write(_leases_are_over)
        await kit.runs()
        assert (await kit.sees()).contacts == {queue.DONE: PEOPLE}
        assert await kit.is_told(*members)
        assert len(kit.crm.contacts) == PEOPLE


def _leases_are_over(session: Session) -> None:
    session.connection().execute(update(CrmContact).values(next_try_at=SystemClock().now() - queue.LEASE))
