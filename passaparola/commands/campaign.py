"""`passaparola campaign …`: plan, try out, start, hold and report a broadcast."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from sqlalchemy.orm import Session

from campaigns import desk
from campaigns.counts import Tally
from campaigns.design import Design
from campaigns.planning import Planner
from campaigns.reading import read_campaign
from campaigns.showing import as_json, plan_lines, report_lines
from campaigns.testing import send_test
from campaigns.wording import Voice
from loyalty.ids import ProgrammeId
from loyalty.people.members import get_member
from loyalty.programme import Programme
from loyalty.tables import Campaign
from passaparola.commands.saying import HELP
from passaparola.commands.within import with_house
from passaparola.compose import House
from passaparola.errors import CommandError
from passaparola.settings import read_settings

T = TypeVar("T")
ACTOR = "command line"
FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
NAME = click.argument("name")
PROGRAMME = click.option("--programme", help="Whose campaign, if two programmes have one of this name.")
JSON = click.option("--json", "plain", is_flag=True, help="As JSON.")


@click.group(context_settings=HELP)
def campaign() -> None:
    """Broadcasts: plan, try out, start, hold and report them; docs/campaigns.md tells how."""


@campaign.command()
@FILE
@click.option("--dry-run", is_flag=True, help="Count and estimate; write nothing.")
@click.option("--anew", is_flag=True, help="Drop a plan of this name that was not started.")
@JSON
def plan(file: Path, dry_run: bool, anew: bool, plain: bool) -> None:
    """Decide who gets what, and write it down: a row for each recipient. Planning again changes nothing."""
    design = read_campaign(file)

    async def work(house: House) -> tuple[Tally, bool]:
        planner = Planner(house.store, _programme(house, design), design, house.rates, now=house.clock.now())
        if dry_run:
            return await planner.dry_run(), False
        planned = await planner.plan(anew=anew, progress=lambda seen: click.echo(f"{seen} members …", err=True))
        return planned.tally, planned.new

    tally, new = with_house(read_settings(), work)
    if plain:
        click.echo(json.dumps(tally.to_json(), ensure_ascii=False, indent=2))
    else:
        for line in plan_lines(tally, design):
            click.echo(line)
    said = "nothing was written" if dry_run else "it is planned" if new else "it was planned before; nothing changed"
    click.echo(f"{design.id}: {said}", err=True)


@campaign.command("test-send")
@FILE
@click.option("--to", "ref", required=True, help="A member: her id, phone:+39…, user:IT.… or a phone number.")
@click.option("--variant", help="Which variant; the first unless said.")
def test_send(file: Path, ref: str, variant: str | None) -> None:
    """Send the message to one member now, as she would get it; it counts for nothing."""
    design = read_campaign(file)

    async def work(house: House) -> str:
        programme, now = _programme(house, design), house.clock.now()
        voice = Voice(programme, house.sentences, house.provider().limits)
        named = f"phone:{ref}" if ref.startswith("+") else ref

        def one(session: Session) -> str:
            member = get_member(session, programme.id, named)
            return send_test(
                session, member, design, variant, voice, number_id=house.settings.number_id, now=now
            )  # fmt: skip

        return await house.store.write(one)

    click.echo(f"{with_house(read_settings(), work)} is in the outbox; the running chat process sends it", err=True)


@campaign.command()
@NAME
@PROGRAMME
def start(name: str, programme: str | None) -> None:
    """Let a planned campaign begin, now or at the time its file says."""
    begun = _change(desk.start, name, programme)
    click.echo(f"{name} {'is started' if begun else 'runs already'}", err=True)


@campaign.command()
@NAME
@PROGRAMME
def pause(name: str, programme: str | None) -> None:
    """Send no more for now; what is not on its way yet is taken back."""
    _change(desk.pause, name, programme)
    click.echo(f"{name} is paused", err=True)


@campaign.command()
@NAME
@PROGRAMME
def resume(name: str, programme: str | None) -> None:
    """Let a campaign go on that was paused, or stopped by itself."""
    _change(desk.resume, name, programme)
    click.echo(f"{name} goes on", err=True)


@campaign.command()
@NAME
@PROGRAMME
def stop(name: str, programme: str | None) -> None:
    """End a campaign for good."""
    ended = _change(desk.stop, name, programme)
    click.echo(f"{name} {'is stopped' if ended else 'was over before'}", err=True)


@campaign.command("list")
@JSON
def list_(plain: bool) -> None:
    """List all campaigns, newest first: state, how many have had their turn, why one stands still."""

    async def work(house: House) -> list[desk.Overview]:
        return list(await house.store.read(desk.overviews))

    found = with_house(read_settings(), work)
    if plain:
        click.echo(json.dumps([as_json(one) for one in found], ensure_ascii=False, indent=2))
        return
    for one in found:
        counts = ", ".join(f"{count} {state}" for state, count in sorted(one.recipients.items()))
        begins = f"  next {one.begins:%Y-%m-%d %H:%M}" if one.begins and one.state == "running" else ""
        line = f"{one.programme}  {one.name}  {one.state}{begins}  {counts or 'nobody'}  {one.reason or ''}"
        click.echo(line.rstrip())
    if not found:
        click.echo("nothing is planned; `passaparola campaign plan FILE` does that", err=True)


@campaign.command("report")
@NAME
@PROGRAMME
@JSON
def report_(name: str, programme: str | None, plain: bool) -> None:
    """Show what came of a campaign: per variant, with intervals, and the verdict if one is due."""
    from campaigns.report import Report, report  # noqa: PLC0415 -- it needs scipy, which takes a while to load

    async def work(house: House) -> Report:
        now = house.clock.now()
        return await house.store.read(lambda session: report(session, _find(session, name, programme), now=now))

    found = with_house(read_settings(), work)
    if plain:
        click.echo(json.dumps(as_json(found), ensure_ascii=False, indent=2))
        return
    for line in report_lines(found):
        click.echo(line)


def _find(session: Session, name: str, programme: str | None, *, lock: bool = False) -> Campaign:
    return desk.find(session, ProgrammeId(programme) if programme else None, name, lock=lock)


def _change(verb: Callable[..., bool], name: str, programme: str | None) -> bool:
    async def work(house: House) -> bool:
        now = house.clock.now()

        def change(session: Session) -> bool:
            return verb(session, _find(session, name, programme, lock=True), actor=ACTOR, now=now)

        return await house.store.write(change)

    return with_house(read_settings(), work)


def _programme(house: House, design: Design) -> Programme:
    found = house.programmes.get(design.programme)
    if found is None:
        known = ", ".join(house.programmes)
        raise CommandError(f"there is no programme {design.programme} here; there is: {known}")
    return found
