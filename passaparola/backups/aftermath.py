"""What is no longer true in a database that was restored: what waited then may have been done since.

Nobody may get a message twice, so nothing that waited goes out by itself. It is marked, for a person to decide.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Table, func, update
from sqlalchemy.orm import Session

from conversation.alarms import raise_alarm
from conversation.tables import InboxRow, OutboxRow
from jobs.tables import JobRow
from loyalty.store.sql import table_of
from loyalty.tables import Campaign, News

ALARM = "restored"
SAID = "it waited when the backup was made: perhaps it went out since"


@dataclass(frozen=True, slots=True)
class Marked:
    """How many rows were marked of each kind."""

    outbox: int
    inbox: int
    news: int
    campaigns: int

    def lines(self) -> list[str]:
        """What the operator is told, a line for each kind there is."""
        told = (
            (self.outbox, "messages may have gone out since: `passaparola outbox list --state unsure`"),
            (self.inbox, "messages of customers may have been answered since: `passaparola inbox list`"),
            (self.news, "pieces of news may have been told since and are told no more"),
            (self.campaigns, "campaigns are paused: `passaparola campaign` says how to go on"),
        )
        return [f"{count} {what}" for count, what in told if count]


def mark(session: Session, *, now: datetime) -> Marked:
    """Mark what waited when the backup was made; what is marked already stays so."""
    outbox, inbox, news = table_of(OutboxRow), table_of(InboxRow), table_of(News)
    campaign, job = table_of(Campaign), table_of(JobRow)
    going = outbox.c.state.in_(("waiting", "sending"))
    marked = Marked(
        _mark(session, outbox, going, state="unsure", error=SAID, updated_at=now, tried_at=_or(outbox.c.tried_at, now)),
        _mark(session, inbox, inbox.c.state == "new", state="failed", error=SAID, done_at=now),
        _mark(session, news, news.c.told_at.is_(None), told_at=now, error=SAID),
        _mark(
            session, campaign, campaign.c.state.in_(("planning", "planned", "running")),
            state="paused", reason=SAID, updated_at=now,
        ),
    )  # fmt: skip
    _mark(session, job, job.c.lease.is_not(None), lease=None, leased_until=None)  # whoever held it is gone
    if lines := marked.lines():
        raise_alarm(session, ALARM, "; ".join(lines), now=now)
    return marked


def _mark(session: Session, table: Table, which: object, **values: object) -> int:
    return session.connection().execute(update(table).where(which).values(**values)).rowcount  # type: ignore[arg-type]  # a condition, as all callers give


def _or(column: object, now: datetime) -> object:
    return func.coalesce(column, now)
