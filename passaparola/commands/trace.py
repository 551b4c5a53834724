"""`passaparola trace ID` and `passaparola alarms`: looking something up in the store, for operators."""

from datetime import datetime
from typing import Any, TypeVar

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from conversation.alarms import open_alarms
from conversation.tables import Alarm, InboxRow, OutboxRow
from loyalty.clock import Clock
from loyalty.errors import NotFound
from passaparola.commands.saying import HELP, show_lines
from passaparola.commands.within import in_store
from passaparola.logs import mask
from passaparola.settings import read_settings
from service.hooks.tables import HookDelivery

T = TypeVar("T")
MOST = 200


def lines_of(session: Session, correlation: str) -> list[str]:
    """What came of a request, in order: messages that came in, messages and webhooks that went out. No contents."""

    def of(table: type[InboxRow] | type[OutboxRow] | type[HookDelivery]) -> Any:
        return session.scalars(select(table).where(table.correlation == correlation).limit(MOST))

    heard = [(row.received_at, f"message {row.message_id} came in: {row.state}") for row in of(InboxRow)]
    said = [
        (row.created_at, f"message {row.id} goes out, {row.category}: {row.state}{_why(row)}") for row in of(OutboxRow)
    ]
    told = [
        (row.created_at, f"webhook {row.id}, {row.kind}: {row.state} after {row.attempts} tries")
        for row in of(HookDelivery)
    ]
    found: list[tuple[datetime, str]] = [*heard, *said, *told]
    return [f"{at:%Y-%m-%d %H:%M:%S}  {what}" for at, what in sorted(found)]


def _why(row: OutboxRow) -> str:
    return f" ({row.error_code or ''} {mask(row.error)})" if row.error else ""


@click.command()
@click.argument("correlation", metavar="ID")
def trace(correlation: str) -> None:
    """Show what came of a request: its id is `correlation` in the logs, and X-Request-Id in answers."""
    lines = in_store(read_settings(), lambda session, _clock: lines_of(session, correlation))
    if not lines:
        raise NotFound(f"nothing is kept under {correlation[:64]!r}; the id is in the logs and in X-Request-Id")
    for line in lines:
        click.echo(line)


@click.group(context_settings=HELP)
def alarms() -> None:
    """Look at what a person has to see to, and say that it was seen to. docs/operations.md explains each kind."""


@alarms.command("list")
def list_() -> None:
    """List open alarms, oldest first: id, kind, what it is about, since when, how often, what to do."""

    def work(session: Session) -> list[str]:
        return [
            f"{one.id}  {one.kind}  {mask(one.subject)}  {one.first_at:%Y-%m-%d %H:%M}  {one.count}  {mask(one.detail)}"
            for one in open_alarms(session)
        ]

    show_lines(in_store(read_settings(), lambda session, _clock: work(session)), "nobody has to see to anything")


@alarms.command()
@click.argument("number", metavar="ID", type=int)
def close(number: int) -> None:
    """Say that an alarm was seen to. If what raised it happens again, there will be a new one."""

    def work(session: Session, clock: Clock) -> None:
        row = session.get(Alarm, number, with_for_update=True)
        if row is None or row.closed_at is not None:
            raise NotFound(f"there is no open alarm {number}; `passaparola alarms list` shows them")
        row.closed_at = clock.now()

    in_store(read_settings(), work)
