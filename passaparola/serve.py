"""The service process: aiohttp, and the clock that lets due work happen."""

import asyncio
import sys
from contextlib import suppress

import structlog
from aiohttp import web

from conversation.handouts import forget_old_files
from conversation.offers import forget_old
from conversation.upkeep import drop_old
from loyalty.due import run_due
from loyalty.errors import LoyaltyError
from passaparola import VERSION
from passaparola.compose import SWITCH, House
from service.app import build_app
from service.parking import claim_parked
from service.settling import settle_referrals

log = structlog.get_logger()

DUE_EVERY = 60.0
SETTLE_EVERY = 2.0


def serve(house: House) -> None:
    """Run the service until it is told to stop."""
    sys.setswitchinterval(SWITCH)
    app = build_app(house.service(), version=VERSION)
    app.cleanup_ctx.append(lambda _app: _background(house))
    web.run_app(
        app, host=house.settings.host, port=house.settings.service_port, print=None, access_log=None,
        handle_signals=True,
    )  # fmt: skip


async def _background(house: House):  # type: ignore[no-untyped-def]
    tasks = [asyncio.create_task(_due(house)), asyncio.create_task(_settle(house))]
    log.info("the service is ready", port=house.settings.service_port)
    yield
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await house.store.close()


async def _due(house: House) -> None:
    """Do what is due, again and again; a failure is told and the next round tries once more."""
    context = house.service()
    while True:
        await _refresh(house)
        for programme in house.programmes.values():
            try:
                await run_due(house.store, programme, now=house.clock.now())
                await claim_parked(context, programme)
            except LoyaltyError as error:
                log.error("due work failed", programme=programme.id, error=str(error))
        try:
            await house.store.write(lambda session: forget_old(session, now=house.clock.now()))
            await house.store.write(lambda session: forget_old_files(session, now=house.clock.now()))
            await house.store.write(lambda session: drop_old(session, now=house.clock.now()))
        except LoyaltyError as error:
            log.error("old choices and files could not be forgotten", error=str(error))
        await asyncio.sleep(DUE_EVERY)


async def _settle(house: House) -> None:
    """Settle referrals soon after something happened to them in the chat."""
    context = house.service()
    while True:
        for programme in house.programmes.values():
            try:
                await settle_referrals(context, programme)
            except LoyaltyError as error:
                log.error("referrals could not be settled", programme=programme.id, error=str(error))
        await asyncio.sleep(SETTLE_EVERY)


async def _refresh(house: House) -> None:
    """Put changed programme files in force, though nobody asks for anything."""
    try:
        await house.programmes.refresh()
    except LoyaltyError as error:
        log.error("the programmes could not be written down", error=str(error))
