"""The command line: `passaparola …`."""

import asyncio
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connectors.errors import ConnectorError
from conversation.errors import ConversationError
from loyalty.errors import Invalid, LoyaltyError, Refused
from passaparola import VERSION, logs
from passaparola.errors import CommandError
from passaparola.settings import read_settings, require_whatsapp

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from jobs.runner import Ran

SIMULATOR_PORT = "PASSAPAROLA_SIMULATOR_PORT"
REPORT = Path("var/unexpected-error.txt")


def say(line: str) -> None:
    """A line of progress."""
    click.echo(line, err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION)
def cli() -> None:
    """Loyalty, referral and games inside WhatsApp."""


@cli.command()
def demo() -> None:
    """Run everything on this machine with a sample café and a WhatsApp simulator; nothing else is needed."""
    from passaparola import demo as parts
    from passaparola.supervisor import check_port, supervise
    from passaparola.training import is_current, train

    settings = read_settings()
    simulator = os.environ.get(SIMULATOR_PORT, "8090")
    if not simulator.isascii() or not simulator.isdecimal() or not 0 < int(simulator) < 2**16:
        raise CommandError(f"{SIMULATOR_PORT} is no port: use a number such as 8090")
    addresses = parts.Addresses("127.0.0.1", settings.chat_port, settings.service_port, int(simulator))
    check_port(addresses.host, addresses.chat, "PASSAPAROLA_CHAT_PORT")
    check_port(addresses.host, addresses.service, "PASSAPAROLA_SERVICE_PORT")
    check_port(addresses.host, addresses.simulator, SIMULATOR_PORT)
    os.environ.update(parts.demo_environment(addresses))
    settings = read_settings()
    if is_current(settings.model):
        say(f"model: {settings.model} is up to date")
    else:
        train(settings.model, say)
    programme, rows = asyncio.run(parts.load_sample(settings))
    say(
        f"database: {parts.without_password(settings.database_url)} with {len(rows)} sample members of {programme.name}"
    )
    say("starting the chat process, the service and the simulator …")
    announce = [
        "",
        f"  Chat with {programme.name}:   {addresses.page}",
        f"  The service's API:      http://{addresses.host}:{addresses.service}/openapi.json",
        "  Stop with Ctrl-C.",
        "",
    ]
    asyncio.run(supervise(parts.children(settings, addresses, programme, rows), announce))


@cli.command()
def run() -> None:
    """Run the chat process and the service in earnest; settings come from the environment or .env."""
    from loyalty.store.schema import upgrade
    from passaparola.compose import build
    from passaparola.demo import processes
    from passaparola.supervisor import check_port, supervise
    from passaparola.training import is_current, train

    settings = read_settings()
    require_whatsapp(settings)
    check_port(settings.host, settings.chat_port, "PASSAPAROLA_CHAT_PORT")
    check_port(settings.host, settings.service_port, "PASSAPAROLA_SERVICE_PORT")
    upgrade(settings.database_url)
    asyncio.run(build(settings).store.close())  # programme and sentences are read, so that a mistake shows here
    if not is_current(settings.model):
        train(settings.model, say)
    announce = [f"Passaparola is running: chat on port {settings.chat_port}, service on port {settings.service_port}"]
    asyncio.run(supervise(processes(settings), announce))


@cli.command()
def chat() -> None:
    """Run the chat process alone: Rasa with the WhatsApp channel."""
    require_whatsapp(read_settings())
    _rasa()
    from passaparola.chat import serve
    from passaparola.telemetry import switch_on

    logs.configure()
    switch_on(os.environ, "chat")
    serve()


@cli.command()
def service() -> None:
    """Run the HTTP service alone."""
    from passaparola.compose import build
    from passaparola.serve import serve
    from passaparola.telemetry import switch_on

    logs.configure()
    switch_on(os.environ, "service")
    serve(build(read_settings()))


@cli.command()
@click.option("--port", default=5055, show_default=True, help="Where the action server listens.")
def actions(port: int) -> None:
    """Run Rasa's action server alone, where actions are deployed apart from the chat process."""
    _rasa()
    from passaparola.action_server import serve

    logs.configure()
    serve(read_settings(), port)


@cli.command()
@click.option("--if-stale", is_flag=True, help="Only if the model is missing or older than what it is made of.")
def train(if_stale: bool) -> None:
    """Train and save the model."""
    from passaparola import training

    model = read_settings().model
    if if_stale and training.is_current(model):
        say(f"model: {model} is up to date")
        return
    logs.configure("WARNING")
    training.train(model, say)


@cli.command()
def check() -> None:
    """Check programmes, sentences, training data and flows; say file and line of every mistake."""
    from passaparola.check import WARNING, check_all

    findings = check_all(read_settings().programme, today=datetime.now(UTC).date())
    for finding in findings:
        click.echo(finding)
    mistakes = sum(f": {WARNING}" not in finding for finding in findings)
    if mistakes:
        raise CommandError(f"{mistakes} mistakes; correct them and check again")
    say(f"everything is in order, with {len(findings)} warnings" if findings else "everything is in order")


@cli.command()
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="So many messages at most.")
@click.option("--language", type=click.Choice(["en", "it", "es", "fr", "ar"]), help="Only messages in this language.")
@click.option("--export", "out", type=click.Path(path_type=Path), help="Write them into a YAML file to edit.")
@click.option("--import", "decided", type=click.Path(path_type=Path), help="Do what such a file says.")
def annotate(limit: int, language: str | None, out: Path | None, decided: Path | None) -> None:
    """Go through messages that were not understood, and file them into the training data."""
    from passaparola.annotate_command import run as go_through

    say(go_through(read_settings(), limit=limit, language=language, out=out, decided=decided))


@cli.command()
def schema() -> None:
    """Write what editors know programme files by (programmes/schema.json), and the tables of docs/programmes.md."""
    from passaparola.reference import write

    read_settings()  # says so if this is not the project's folder
    for file in write(Path()):
        say(f"{file} is written")


@cli.command()
def flows() -> None:
    """Draw the dialog flows into docs/flows/, as SVG and Mermaid."""
    from conversation.flowing.parts import Tools, build_parts
    from conversation.sentences import Sentences
    from passaparola.compose import RESPONSES
    from passaparola.flow_pictures import FOLDER, write

    read_settings()  # says so if this is not the project's folder
    parts = build_parts(Tools(Sentences.load(RESPONSES), "", ""))
    write(FOLDER, [part.flow for part in parts])
    say(f"{len(parts)} flows are drawn in {FOLDER}/")


@cli.command()
@click.option("--now", "instant", metavar="ISO8601", help="As of this instant, such as 2027-01-01T00:00:00+01:00.")
def tick(instant: str | None) -> None:
    """Do once what is due: pending points, expiry, forgotten holds, old vouchers, levels, birthdays …"""
    from jobs.runner import Jobs
    from loyalty.clock import FixedClock
    from loyalty.store.schema import upgrade
    from passaparola.compose import build
    from passaparola.due_work import jobs_of

    clock, settings = FixedClock(_instant(instant)), read_settings()
    upgrade(settings.database_url)
    house = build(settings, clock=clock)

    async def due() -> "list[Ran]":
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


@cli.command()
@click.option("--without-goals", is_flag=True, help="Leave out levels, goals and boards, which take longest.")
def audit(without_goals: bool) -> None:
    """Prove the ledger (entries balance, caches equal a recomputation, hash chains hold) and the draws of wheels.

    And that every member has the level, the awards and the scores that her past makes.
    """
    from loyalty.books.audit import audit as prove
    from loyalty.games.fairness import audit_wheel
    from loyalty.levels.recount import some_differences
    from loyalty.store.schema import upgrade
    from passaparola.compose import build

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


@cli.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write everything into a new file, one moment of it, and prove the ledger in it. Nothing has to be stopped."""
    from passaparola.backup_command import back_up

    back_up(read_settings().database_url, file, say)


@cli.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the database that is there.")
def restore(file: Path, force: bool) -> None:
    """Put a backup in the place of the database. Stop all processes first.

    What waited when it was made may have gone out since: it is marked, and does not go out by itself.
    """
    from passaparola.backup_command import put_back

    put_back(read_settings().database_url, file, say, force=force)


@cli.command("import-members")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_members(file: Path) -> None:
    """Bring an existing customer base in: a CSV with phone, name, language, opt_in_evidence, points."""
    from loyalty.people.imports import import_row, read_rows
    from loyalty.store.schema import upgrade
    from passaparola.compose import build

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


def _rasa() -> None:
    """Get ready to import Rasa: no telemetry, no TensorFlow where the pipeline needs none."""
    from passaparola import light_rasa

    logs.quiet_libraries()
    light_rasa.install()


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


@cli.group()
def keys() -> None:
    """Make, list and end keys of `/v1` that may do less than PASSAPAROLA_API_KEY."""


@keys.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may do; can be given several times.")
@click.option("--programme", help="The only programme it is good for.")
def create(name: str, scopes: tuple[str, ...], programme: str | None) -> None:
    """Make a key and print it, for the only time."""
    from loyalty.api_keys import create_key
    from loyalty.ids import ProgrammeId
    from loyalty.revisions import ensure_programme
    from passaparola.compose import build

    async def work() -> str:
        house = build(read_settings())
        try:
            now = house.clock.now()
            only = house.programmes.get(ProgrammeId(programme)) if programme is not None else None
            if programme is not None and only is None:
                raise CommandError(f"there is no programme {programme}; there is: {', '.join(house.programmes)}")

            def make(session: "Session") -> str:
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
    from loyalty import api_keys
    from passaparola.compose import build

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
    from loyalty.api_keys import revoke_key
    from passaparola.compose import build

    async def work() -> None:
        house = build(read_settings())
        try:
            now = house.clock.now()
            await house.store.write(lambda session: revoke_key(session, id_, actor="command line", now=now))
        finally:
            await house.store.close()

    asyncio.run(work())


@cli.group()
def inbox() -> None:
    """Look at messages of customers that could not be answered, and let them be tried again."""


@inbox.command("list")
def list_set_aside() -> None:
    """List them: number, when they were sent, what kind, why. What they say is not shown."""
    from passaparola.inbox_command import lines

    found = lines(read_settings())
    for line in found:
        click.echo(line)
    if not found:
        say("no message is set aside")


@inbox.command("retry")
@click.argument("number", type=int, metavar="ID")
def retry_set_aside(number: int) -> None:
    """Let a message be tried again; the running chat process takes it up within half a minute."""
    from passaparola.inbox_command import retry

    retry(read_settings(), number)
    say(f"message {number} will be tried again")


@cli.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND …")
@click.pass_context
def outbox(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Look at messages that did not go out, send them again, or drop them; let what is paused go on."""
    from passaparola.outbox_command import outbox as group

    _hand_on(context, group, arguments)


@cli.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND …")
@click.pass_context
def templates(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Hand templates in to WhatsApp, and see what it makes of them: what is said outside the 24-hour window."""
    from passaparola.templates_command import templates as group

    _hand_on(context, group, arguments)


@cli.command()
@click.argument("correlation", metavar="ID")
def trace(correlation: str) -> None:
    """Show what came of a request: its id is `correlation` in the logs, and X-Request-Id in answers."""
    from passaparola.trace_command import show_trace

    show_trace(correlation)


@cli.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND …")
@click.pass_context
def alarms(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Look at what a person has to see to, and say that it was seen to."""
    from passaparola.trace_command import alarms as group

    _hand_on(context, group, arguments)


@cli.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND …")
@click.pass_context
def hooks(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Look at webhooks that go out, and send again what was given up of them."""
    from passaparola.hooks_command import hooks as group

    _hand_on(context, group, arguments)


@cli.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND …")
@click.pass_context
def crm(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Look after the CRMs that members are told to: what waits, what was refused, whether they let us in."""
    from passaparola.crm_command import crm as group

    _hand_on(context, group, arguments)


@cli.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND …")
@click.pass_context
def campaign(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Broadcasts: plan, try out, start, pause and report them."""
    from passaparola.campaign_command import campaign as group

    _hand_on(context, group, arguments)


def _hand_on(context: click.Context, group: click.Group, arguments: tuple[str, ...]) -> None:
    """Run a group of commands that lives in a module of its own, loaded only when it is asked for."""
    names = context.help_option_names
    group.main(list(arguments), context.command_path, standalone_mode=False, help_option_names=names)


def main() -> None:
    """The entry point: every failure is one line that says what to do."""
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    sys.path.insert(0, "")  # Rasa finds our components by import path, wherever the script is installed
    try:
        cli(standalone_mode=False)
    except (CommandError, LoyaltyError, ConversationError, ConnectorError) as error:
        _end(str(error))
    except click.ClickException as error:
        _end(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _end("stopped", 130)
    except Exception:
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        REPORT.write_text(traceback.format_exc(), "utf-8")
        _end(f"something unexpected happened; {REPORT} has the details for a bug report")


def _end(message: str, code: int = 1) -> None:
    click.echo(f"passaparola: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
