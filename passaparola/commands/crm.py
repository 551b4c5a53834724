"""`passaparola crm …`: how CRMs are doing, telling them now, trying again, and whether they let us in."""

from collections.abc import Awaitable, Callable, Mapping

import click
from sqlalchemy.orm import Session

from crm import deals, queue, states
from crm.errors import CrmError
from crm.overview import lines, overview
from crm.system import System
from passaparola.commands.saying import HELP
from passaparola.commands.within import with_house
from passaparola.compose import House
from passaparola.crm_jobs import sync_of
from passaparola.crm_settings import systems_of
from passaparola.errors import CommandError
from passaparola.settings import read_settings

NAME = click.argument("name", metavar="SYSTEM", required=False)
"""One system, or all that are on."""


@click.group(context_settings=HELP)
def crm() -> None:
    """Look after the CRMs that members are told to: HubSpot, Zoho, Bitrix24, Kommo, RetailCRM."""


@crm.command()
@NAME
def status(name: str | None) -> None:
    """Show of each system what waits, what was set aside and why, and until when it is left alone."""

    async def work(house: House, systems: Mapping[str, System]) -> None:
        now = house.clock.now()
        for one in systems:
            found = await house.store.read(lambda session, one=one: overview(session, one, now))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            for line in lines(found):
                click.echo(line)

    _run(name, work)


@crm.command()
@NAME
def sync(name: str | None) -> None:
    """Tell everything that is to be told, now, also to systems that are left alone for a while."""

    async def work(house: House, systems: Mapping[str, System]) -> None:
        unfinished = []
        for one, system in systems.items():
            await house.store.write(lambda session, one=one: _go_on(session, one))  # type: ignore[misc]  # as above
            done = await sync_of(house, system).run(house.clock.now(), batches=None, pages=None)
            click.echo(f"{one}: {str(done) or 'nothing to tell'}")
            unfinished += [f"{one}: {done.why}"] if done.why else []
        if unfinished:
            raise CommandError(f"not everything was told; {'; '.join(unfinished)}")

    _run(name, work)


@crm.command()
@NAME
def retry(name: str | None) -> None:
    """Let contacts and deals that were set aside be tried again; the running service takes them up."""

    async def work(house: House, systems: Mapping[str, System]) -> None:
        now = house.clock.now()
        for one in systems:
            count = await house.store.write(
                lambda session, one=one: queue.retry(session, one, now=now) + deals.retry(session, one, now=now)  # type: ignore[misc]  # as above
            )
            click.echo(f"{one}: {count} wait to be tried again")

    _run(name, work)


@crm.command()
@NAME
def check(name: str | None) -> None:
    """Ask each system whether it lets us in, and which of our fields it lacks. Nothing is written."""

    async def work(_house: House, systems: Mapping[str, System]) -> None:
        wrong = []
        for one, system in systems.items():
            try:
                async with system:
                    missing = (await system.check()).missing
            except CrmError as error:
                wrong.append(f"{one}: {error}")
                continue
            lacks = f"it lacks {', '.join(missing)}; they are made with the first push, or as docs/crm.md says"
            click.echo(f"{one}: it lets us in; {lacks if missing else 'it has all fields'}")
        if wrong:
            raise CommandError("; ".join(wrong))

    _run(name, work)


def _go_on(session: Session, system: str) -> None:
    row = states.of(session, system)
    row.paused_until = None
    session.flush()


def _run(name: str | None, work: Callable[[House, Mapping[str, System]], Awaitable[None]]) -> None:
    settings = read_settings()
    systems = systems_of(settings)
    if not systems:
        raise CommandError("no CRM is on: set the token of one; docs/crm.md says how")
    if name is not None and name not in systems:
        raise CommandError(f"{name} is not on; on are: {', '.join(systems)}")

    async def refreshed(house: House) -> None:
        await house.programmes.refresh()
        await work(house, {name: systems[name]} if name is not None else systems)

    with_house(settings, refreshed)
