"""Messages of customers that could not be answered: looked at by an operator, and tried again."""

from datetime import UTC, datetime
from typing import TypeVar

import click
from sqlalchemy.orm import Session

from conversation.alarms import close_alarm
from conversation.arriving import inbox as messages
from conversation.tables import InboxRow
from passaparola.commands.saying import HELP, say, show_lines
from passaparola.commands.within import with_house
from passaparola.errors import CommandError
from passaparola.logs import mask
from passaparola.settings import Settings, read_settings

T = TypeVar("T")


def lines(settings: Settings) -> list[str]:
    """The messages that were set aside: number, when they were sent, what kind, why. What they say is not shown."""
    return with_house(
        settings,
        lambda house: house.store.write(lambda session: [_line(row) for row in messages.set_aside(session)]),
    )


def retry(settings: Settings, number: int) -> None:
    """Let a message be tried again; the running chat process takes it up by itself.

    Raises `CommandError` if no message with this number is set aside. With the last one the alarm ends.
    """
    now = datetime.now(UTC)

    def work(session: Session) -> bool:
        found = messages.retry(session, number)
        if found and not messages.set_aside(session, limit=1):
            close_alarm(session, messages.SET_ASIDE, now=now)
        return found

    if not with_house(settings, lambda house: house.store.write(work)):
        raise CommandError(f"no message {number} is set aside; `passaparola inbox list` shows those that are")


def _line(row: InboxRow) -> str:
    kind = next(iter(row.body.get("content", {})), "")
    why = next(iter((row.error or "").splitlines()), "")
    return f"{row.id}  {row.sent_at:%Y-%m-%d %H:%M}  {kind}  {mask(why)[:200]}"


@click.group(context_settings=HELP)
def inbox() -> None:
    """Look at messages of customers that could not be answered, and let them be tried again."""


@inbox.command("list")
def list_set_aside() -> None:
    """List them: number, when they were sent, what kind, why. What they say is not shown."""
    show_lines(lines(read_settings()), "no message is set aside")


@inbox.command("retry")
@click.argument("number", type=int, metavar="ID")
def retry_set_aside(number: int) -> None:
    """Let a message be tried again; the running chat process takes it up within half a minute."""
    retry(read_settings(), number)
    say(f"message {number} will be tried again")
