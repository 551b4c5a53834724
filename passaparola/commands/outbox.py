"""`passaparola outbox …`: what did not go out, why, and sending it again."""

import json
from typing import TypeVar

import click
from sqlalchemy.orm import Session

from conversation.alarms import open_alarms
from conversation.leaving import brakes, dead_letters
from conversation.leaving.dead_letters import DEAD
from passaparola.commands.saying import HELP, show_lines
from passaparola.commands.within import in_store
from passaparola.errors import CommandError
from passaparola.logs import mask
from passaparola.settings import read_settings

T = TypeVar("T")


@click.group(context_settings=HELP)
def outbox() -> None:
    """Look at messages that did not go out, send them again, or drop them."""


@outbox.command("list")
@click.option("--state", type=click.Choice(DEAD), help="Only those of one state.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
def list_(state: str | None, limit: int) -> None:
    """List dead letters, newest first: id, state, code, category, when, to whom, why. And open alarms."""

    def work(session: Session) -> list[str]:
        alarms = [
            f"alarm: {alarm.kind} {mask(alarm.subject) if alarm.kind == 'refused' else alarm.subject}: "
            f"{mask(alarm.detail)} ({alarm.count} times since {alarm.first_at:%Y-%m-%d %H:%M})"
            for alarm in open_alarms(session)
        ]
        paused = [f"paused: {key} since {since:%Y-%m-%d %H:%M}" for key, since in brakes.paused(session).items()]
        letters = [
            f"{one.id}  {one.state}  {one.code or '-'}  {one.category}  {one.created_at:%Y-%m-%d %H:%M}  {one.to}  "
            f"{mask(one.error or '')}"
            for one in dead_letters.dead_letters(session, state=state, limit=limit)
        ]
        return [*alarms, *paused, *letters]

    show_lines(in_store(read_settings(), lambda session, _clock: work(session)), "nothing is left lying")


@outbox.command()
@click.argument("number", metavar="ID", type=int)
def show(number: int) -> None:
    """Show a message of the outbox with what it says."""

    def work(session: Session) -> dict[str, object]:
        row = dead_letters.dead_letter(session, number)
        return {
            "id": row.id, "state": row.state, "to": dead_letters.masked(row), "category": row.category,
            "code": row.error_code, "error": mask(row.error or "") or None, "attempts": row.attempts,
            "created_at": row.created_at.isoformat(), "message": row.message, "fallback": row.fallback,
        }  # fmt: skip

    found = in_store(read_settings(), lambda session, _clock: work(session))
    click.echo(json.dumps(found, ensure_ascii=False, indent=2))


@outbox.command()
@click.argument("number", metavar="ID", type=int, required=False)
@click.option("--all-of", "code", type=int, metavar="CODE", help="All that ended with this error code.")
def resend(number: int | None, code: int | None) -> None:
    """Send a dead letter again, or all that ended with one error code. An unsure one may arrive twice."""
    if (number is None) == (code is None):
        raise CommandError("name one message by its ID, or an error code with --all-of CODE")
    count = in_store(
        read_settings(),
        lambda session, clock: dead_letters.send_again(session, now=clock.now(), number=number, code=code),
    )
    click.echo(f"{count} messages wait to be sent", err=True)


@outbox.command()
@click.argument("number", metavar="ID", type=int)
def drop(number: int) -> None:
    """Give a dead letter up: it is kept, but no longer listed."""
    in_store(read_settings(), lambda session, clock: dead_letters.drop(session, number, now=clock.now()))


@outbox.command()
def resume() -> None:
    """Let paused numbers, campaigns and templates go on, once what stopped them was seen to."""
    keys = in_store(read_settings(), lambda session, clock: brakes.resume_all(session, now=clock.now()))
    for key in keys:
        click.echo(f"{key} goes on")
    if not keys:
        click.echo("nothing was paused", err=True)
