"""`passaparola hooks …`: the webhooks that go out, what was given up of them, and sending it again."""

from typing import TypeVar
from urllib.parse import urlsplit

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.clock import Clock
from loyalty.errors import NotFound
from passaparola.commands.saying import HELP, show_lines
from passaparola.commands.within import in_store
from passaparola.errors import CommandError
from passaparola.settings import read_settings
from service.hooks import letters
from service.hooks.tables import Hook, HookDelivery

T = TypeVar("T")


@click.group(context_settings=HELP)
def hooks() -> None:
    """Look at webhooks that go out and at what was given up of them, and send it again."""


@hooks.command("list")
@click.option("--all", "ended", is_flag=True, help="Also those that have ended.")
def list_(ended: bool) -> None:
    """List hooks: id, state, host, events, what waits and what is dead, why it does not run."""

    def work(session: Session) -> list[str]:
        rows = session.scalars(select(Hook).order_by(Hook.id)).all()
        shown = [hook for hook in rows if ended or hook.state != "ended"]
        counts = letters.counts(session, [hook.id for hook in shown])
        return [_line(hook, counts.get(hook.id, {})) for hook in shown]

    show_lines(in_store(read_settings(), lambda session, _clock: work(session)), "there are no hooks")


@hooks.command()
@click.option("--hook", "hook", metavar="HOOK", help="Only those of one hook.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
def dead(hook: str | None, limit: int) -> None:
    """List deliveries that were given up, newest first: id, hook, event, when, how often it was tried, why."""

    def work(session: Session) -> list[str]:
        rows: list[HookDelivery] = letters.deliveries(session, hook, state="dead", limit=limit)
        return [
            f"{row.id}  {row.hook_id}  {row.kind}  {row.created_at:%Y-%m-%d %H:%M}  {row.attempts}  {row.error}"
            for row in rows
        ]

    show_lines(in_store(read_settings(), lambda session, _clock: work(session)), "nothing was given up")


@hooks.command()
@click.argument("delivery", metavar="ID", required=False)
@click.option("--all-of", "hook", metavar="HOOK", help="Everything that was given up for one hook.")
def replay(delivery: str | None, hook: str | None) -> None:
    """Send a delivery again, or all that were given up for a hook. The receiver knows them by their ids."""
    if (delivery is None) == (hook is None):
        raise CommandError("name one delivery by its ID, or a hook with --all-of HOOK")

    def work(session: Session, clock: Clock) -> int:
        if delivery is not None:
            letters.replay(session, None, delivery, now=clock.now())
            return 1
        found = session.get(Hook, hook)
        if found is None:
            raise NotFound(f"there is no hook {hook!r}; `passaparola hooks list` shows them")
        return letters.replay_dead(session, found, now=clock.now())

    click.echo(f"{in_store(read_settings(), work)} deliveries wait to be sent", err=True)


def _line(hook: Hook, counts: dict[str, int]) -> str:
    host = urlsplit(hook.target_url).hostname  # what follows it may let somebody in
    line = (
        f"{hook.id}  {hook.state}  {host}  {','.join(map(str, hook.kinds))}  "
        f"{counts.get('waiting', 0)} waiting  {counts.get('dead', 0)} dead"
    )
    return f"{line}  {hook.why}" if hook.why else line
