"""kill -9 in the middle of deliveries: nothing is lost, and what comes twice comes by the same id."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from aiohttp import web
from sqlalchemy import update
from sqlalchemy.orm import Session

from loyalty.clock import FixedClock, SystemClock
from loyalty.programme import Programme
from loyalty.store import Store
from service.hooks.delivering import Deliverer
from service.hooks.queue import LEASE
from service.hooks.tables import HookDelivery
from tests.store.hook_target import INSECURE, Business, Target, listening

ROOT = Path(__file__).parents[2]
NEWS, KILLS = 30, 3


async def test_killed_between_the_send_and_its_mark_a_delivery_comes_again_by_the_same_id(
    store: Store, database: str, cafe: Programme
) -> None:
    clock = FixedClock(SystemClock().now())
    business = await Business.of(store, cafe, clock, Deliverer(store, clock, INSECURE))
    victims: list[asyncio.subprocess.Process] = []
    deaths = 0

    async def kill_now_and_then(_request: web.Request) -> web.StreamResponse:
        nonlocal deaths
        if victims and len(target.ids) % 5 == 0:
            deaths += 1
            os.kill(victims.pop().pid, signal.SIGKILL)
        return web.Response()

    async with listening(Target(answer=kill_now_and_then)) as target:
        await business.subscribes(target.url, "points.earned")
        await business.happens(NEWS)
        for _ in range(KILLS):
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.store.hook_process", database, cwd=ROOT
            )
            victims.append(child)
            await asyncio.wait_for(child.wait(), 60)
            await store.write(_leases_run_out)
        await business.deliverer.work(clock.now() + timedelta(minutes=5))
        rows = await business.rows()
    assert deaths == KILLS
    assert {row.state for row in rows} == {"delivered"}
    assert set(target.ids) == {row.news_id for row in rows}
    assert len(set(target.ids)) == NEWS
    assert len(target.ids) > NEWS  # those that were under way when a process died
    by_id = {
        id_: {body for body, one in zip(target.bodies, target.ids, strict=True) if one == id_} for id_ in target.ids
    }
    assert {len(bodies) for bodies in by_id.values()} == {1}


def _leases_run_out(session: Session) -> None:
    """As if so much time had passed."""
    waiting = update(HookDelivery).where(HookDelivery.state == "waiting")
    session.execute(waiting.values(next_try_at=SystemClock().now() - LEASE))
