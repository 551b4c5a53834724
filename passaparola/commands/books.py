"""What is due, what is proved, who is brought in: `tick`, `audit`, `import-members`."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click

from jobs.runner import Jobs, Ran
from loyalty.books.audit import audit as prove
from loyalty.clock import FixedClock
from loyalty.errors import Invalid, Refused
from loyalty.games.fairness import audit_wheel
from loyalty.levels.recount import some_differences
from loyalty.people.imports import import_row, read_rows
from loyalty.store.schema import upgrade
from passaparola import logs
from passaparola.commands.saying import say
from passaparola.compose import build
from passaparola.due_work import jobs_of
from passaparola.errors import CommandError
from passaparola.settings import read_settings
from service import event_files
from service.settling import settle_referrals

AT_ONCE = 50
"""Events in one transaction, so that others get their turn in between."""


@click.command()
@click.option("--now", "instant", metavar="ISO8601", help="As of this instant, such as 2027-01-01T00:00:00+01:00.")
def tick(instant: str | None) -> None:
    """Do once what is due: pending points, expiry, forgotten holds, old vouchers, levels, birthdays …"""

    logs.configure("WARNING")  # what was done is said below
    clock, settings = FixedClock(_instant(instant)), read_settings()
    upgrade(settings.database_url)
    house = build(settings, clock=clock)

    async def due() -> list[Ran]:
        ran = await Jobs(house.store, house.clock, jobs_of(house, house.service())).run_all(house.clock.now())
        await house.store.close()
        return ran

    ran = asyncio.run(due())
    for job in ran:
        if job.report:
            say(f"{job.name}: {job.report}")
    if not any(job.report for job in ran):
        say("nothing was due")
    if failed := [job.name for job in ran if job.failed]:
        raise CommandError(f"not everything could be done, see above: {', '.join(failed)}; run it again")


@click.command()
@click.option("--without-goals", is_flag=True, help="Leave out levels, goals and boards, which take longest.")
def audit(without_goals: bool) -> None:
    """Prove the ledger (entries balance, caches equal a recomputation, hash chains hold) and the draws of wheels.

    And that every member has the level, the awards and the scores that her past makes.
    """

    settings = read_settings()
    upgrade(settings.database_url)
    house = build(settings)

    async def proof() -> None:
        result = await house.store.read(prove)
        wheels = {
            id_: await house.store.read(lambda session, one=one: audit_wheel(session, one))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            for id_, one in house.programmes.items()
        }
        now = house.clock.now()
        astray = [
            f"{id_}: {finding}"
            for id_, one in house.programmes.items()
            if not without_goals
            for finding in await house.store.read(lambda session, one=one: some_differences(session, one, now=now))  # type: ignore[misc]  # as above
        ]
        await house.store.close()
        wrong = [f"{id_}: {finding}" for id_, wheel in wheels.items() for finding in wheel.findings]
        for finding in (*result.findings, *wrong, *astray):
            click.echo(finding)
        if result.findings:
            raise CommandError(f"the ledger is broken: {len(result.findings)} findings")
        if wrong:
            raise CommandError(f"the wheel did not do what it promised: {len(wrong)} findings")
        if astray:
            raise CommandError(f"levels, goals or scores are not what they should be: {len(astray)} findings")
        for id_, wheel in wheels.items():
            for fairness in wheel.fairness:
                say(f"{id_}: {fairness}")
        say(f"the ledger is sound: {result.transactions} transactions, {result.entries} entries")

    asyncio.run(proof())


@click.command("import-members")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_members(file: Path) -> None:
    """Bring an existing customer base in: a CSV with phone, name, language, opt_in_evidence, points."""

    settings = read_settings()
    upgrade(settings.database_url)
    house = build(settings)
    rows = list(read_rows(file))
    if len(house.programmes) != 1:
        raise CommandError("several programmes are set: name one file in PASSAPAROLA_PROGRAMME for the import")
    programme = next(iter(house.programmes.values()))

    async def bring_in() -> tuple[int, list[str]]:
        new, refused = 0, []
        for row in rows:
            try:
                new += await house.store.write(
                    lambda session, row=row: import_row(session, programme, row, now=house.clock.now())  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                )
            except Refused as refusal:
                refused.append(f"{file}:{row.line}: not taken: {refusal}")
        await house.store.close()
        return new, refused

    new, refused = asyncio.run(bring_in())
    for line in refused:
        click.echo(line)
    not_taken = f", {len(refused)} not taken" if refused else ""
    say(f"{len(rows)} customers read, {new} of them new members of {programme.name}{not_taken}")


@click.command("import-events")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_events(file: Path) -> None:
    """Take purchases and other events from a CSV, each once by its id: docs/shops.md names the columns."""
    settings = read_settings()
    upgrade(settings.database_url)
    house = build(settings)
    rows = list(event_files.read_rows(file))
    if len(house.programmes) != 1:
        raise CommandError("several programmes are set: name one file in PASSAPAROLA_PROGRAMME for the import")

    async def bring_in() -> list[event_files.Taken]:
        await house.programmes.refresh()
        programme = next(iter(house.programmes.values()))
        taken = []
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            taken.append(
                await house.store.write(
                    lambda session, some=some: event_files.take(session, programme, some, house.clock.now())  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                )
            )
        await settle_referrals(house.service(), programme)
        await house.store.close()
        return taken

    taken = asyncio.run(bring_in())
    refused = [one for some in taken for one in some.refused]
    for line, why in refused:
        click.echo(f"{file}:{line}: not taken: {why}")
    new, repeated = sum(some.new for some in taken), sum(some.repeated for some in taken)
    not_taken = f", {len(refused)} not taken: correct them and import the file again" if refused else ""
    say(f"{len(rows)} events read, {new} of them new, {repeated} known already{not_taken}")


def _instant(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"--now {text!r} is no ISO 8601 instant, such as 2027-01-01T00:00:00+01:00") from None
    if instant.tzinfo is None:
        raise Invalid("--now needs an offset, such as 2027-01-01T00:00:00+01:00")
    return instant
