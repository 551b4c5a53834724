"""`passaparola keys …`: keys of `/v1` that may do less."""

import asyncio

import click
from sqlalchemy.orm import Session

from loyalty import api_keys
from loyalty.api_keys import create_key, revoke_key
from loyalty.ids import ProgrammeId
from loyalty.revisions import ensure_programme
from passaparola.commands.saying import HELP
from passaparola.compose import build
from passaparola.errors import CommandError
from passaparola.settings import read_settings


@click.group(context_settings=HELP)
def keys() -> None:
    """Make, list and end keys of `/v1` that may do less than PASSAPAROLA_API_KEY."""


@keys.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may do; can be given several times.")
@click.option("--programme", help="The only programme it is good for.")
def create(name: str, scopes: tuple[str, ...], programme: str | None) -> None:
    """Make a key and print it, for the only time."""

    async def work() -> str:
        house = build(read_settings())
        try:
            now = house.clock.now()
            only = house.programmes.get(ProgrammeId(programme)) if programme is not None else None
            if programme is not None and only is None:
                raise CommandError(f"there is no programme {programme}; there is: {', '.join(house.programmes)}")

            def make(session: Session) -> str:
                if only is not None:
                    ensure_programme(session, only, now=now)
                id_ = only.id if only is not None else None
                return create_key(session, name, scopes, programme=id_, actor="command line", now=now)

            return await house.store.write(make)
        finally:
            await house.store.close()

    click.echo(asyncio.run(work()))


@keys.command("list")
def list_keys() -> None:
    """List the keys: id, name, scopes, whether they were ended."""

    async def work() -> list[str]:
        house = build(read_settings())
        try:
            rows = await house.store.read(api_keys.keys)
        finally:
            await house.store.close()
        ends = (f"  ended {row.revoked_at:%Y-%m-%d}" if row.revoked_at else "" for row in rows)
        return [f"{row.id}  {row.name}  {','.join(row.scopes)}{end}" for row, end in zip(rows, ends, strict=True)]

    for line in asyncio.run(work()):
        click.echo(line)


@keys.command("revoke")
@click.argument("id_", metavar="ID")
def revoke(id_: str) -> None:
    """End a key at once."""

    async def work() -> None:
        house = build(read_settings())
        try:
            now = house.clock.now()
            await house.store.write(lambda session: revoke_key(session, id_, actor="command line", now=now))
        finally:
            await house.store.close()

    asyncio.run(work())
