"""`passaparola hooks …`: the webhooks that go out, what was given up of them, and sending it again."""

import asyncio
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.clock import Clock, SystemClock
from loyalty.errors import NotFound
from loyalty.store import open_store
from loyalty.store.schema import upgrade
from passaparola.errors import CommandError
from passaparola.settings import read_settings
from service.hooks import letters
from service.hooks.tables import Hook, HookDelivery

T = TypeVar("T")


@click.group()
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

    _show(_in_store(lambda session, _clock: work(session)), "there are no hooks")


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

    _show(_in_store(lambda session, _clock: work(session)), "nothing was given up")


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

    click.echo(f"{_in_store(work)} deliveries wait to be sent", err=True)


def _line(hook: Hook, counts: dict[str, int]) -> str:
    host = urlsplit(hook.target_url).hostname  # what follows it may let somebody in
    line = (
        f"{hook.id}  {hook.state}  {host}  {','.join(map(str, hook.kinds))}  "
        f"{counts.get('waiting', 0)} waiting  {counts.get('dead', 0)} dead"
    )
    return f"{line}  {hook.why}" if hook.why else line


def _show(lines: list[str], nothing: str) -> None:
    for line in lines:
        click.echo(line)
    if not lines:
        click.echo(nothing, err=True)


def _in_store(work: Callable[[Session, Clock], T]) -> T:
    settings, clock = read_settings(), SystemClock()
    upgrade(settings.database_url)

    async def run() -> T:
        store = open_store(settings.database_url)
        try:
            return await store.write(lambda session: work(session, clock))
        finally:
            await store.close()

    return asyncio.run(run())
