"""The service process: aiohttp, and the jobs that fall due."""

import sys

import structlog
from aiohttp import web

from jobs.runner import Jobs
from passaparola import VERSION
from passaparola.compose import SWITCH, House
from passaparola.due_work import jobs_of
from service.app import build_app

log = structlog.get_logger()


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
    jobs = Jobs(house.store, house.clock, jobs_of(house, house.service()))
    jobs.start()
    log.info("the service is ready", port=house.settings.service_port)
    yield
    await jobs.close()
    await house.store.close()
