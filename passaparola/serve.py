"""The service process: aiohttp, and the jobs that fall due."""

import sys
from dataclasses import replace

import structlog
from aiohttp import web

from jobs.runner import Jobs
from passaparola import VERSION
from passaparola.compose import SWITCH, House, keep_loaded
from passaparola.due_work import jobs_of
from service.app import build_app

log = structlog.get_logger()


def serve(house: House) -> None:
    """Run the service until it is told to stop."""
    sys.setswitchinterval(SWITCH)
    context = house.service()
    jobs = Jobs(house.store, house.clock, jobs_of(house, context))
    app = build_app(replace(context, wake=jobs.wake), version=VERSION)
    app.cleanup_ctx.append(lambda _app: _background(house, jobs))
    web.run_app(
        app, host=house.settings.host, port=house.settings.service_port, print=None, access_log=None,
        handle_signals=True,
    )  # fmt: skip


async def _background(house: House, jobs: Jobs):  # type: ignore[no-untyped-def]
    jobs.start()
    keep_loaded()
    log.info("the service is ready", port=house.settings.service_port)
    yield
    await jobs.close()
    await house.store.close()
