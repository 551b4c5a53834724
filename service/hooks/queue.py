"""The queue of deliveries: what is due for which hook, who takes it, and what becomes of it.

Whoever takes deliveries puts them off by a lease, in the same statement. If the process dies, they fall due again and
are sent again, by the same id: at least once, never forgotten. What became of one is written down only by the process
that took it last.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from conversation.alarms import close_alarm, raise_alarm
from loyalty.store.sql import execute, table_of
from loyalty.tables import News
from service.hooks.payload import HookPayload, body_of, payload_of
from service.hooks.samples import sample_of
from service.hooks.subscriptions import ALARM, end, live_secrets
from service.hooks.tables import Hook, HookDelivery

LEASE = timedelta(seconds=60)
"""A process that dies holds deliveries up for so long; a try takes 10 s at most."""
DELAYS = tuple(timedelta(seconds=seconds) for seconds in (30, 120, 600, 1_800, 7_200, 21_600, 55_050))
"""Between tries: 8 tries over 24 hours."""
TRIES = len(DELAYS) + 1
JITTER = 0.1
SUSPECT = 3
"""Failures in a row from which on a hook is tried with one delivery at a time, less and less often."""
FIRST_QUIET, LONGEST_QUIET = timedelta(seconds=30), timedelta(hours=1)
PAUSE = 20
"""Failures in a row (half a day of them) after which a hook is paused until a person has seen to it."""
LONGEST_RETRY_AFTER = timedelta(hours=24)
GONE = 410
ERASED = "the member was erased: nobody is to be told of her"
_HTTP_OK = range(200, 300)
_LOCK = {"key_share": True}
"""Who writes down a new delivery of a hook need not wait for those who send its old ones."""
_DELIVERY, _HOOK = table_of(HookDelivery), table_of(Hook)
_DUE = (
    select(_DELIVERY.c.hook_id)
    .join(_HOOK, _HOOK.c.id == _DELIVERY.c.hook_id)
    .where(
        _DELIVERY.c.state == "waiting",
        _DELIVERY.c.next_try_at <= bindparam("now"),
        _HOOK.c.state == "active",
        _HOOK.c.quiet_until.is_(None) | (_HOOK.c.quiet_until <= bindparam("now")),
    )
    .distinct()
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery that this process has taken, ready to be sent."""

    id: str
    attempt: int
    message_id: str
    body: bytes
    secrets: tuple[str, ...]
    correlation: str | None

    def __repr__(self) -> str:
        return f"Taken({self.id}, attempt {self.attempt})"  # neither what it says nor what it is signed with


@dataclass(frozen=True, slots=True)
class Batch:
    """What one hook is sent now."""

    hook: str
    url: str
    taken: tuple[Taken, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a try: the status that was answered, else why there was none."""

    delivery: str
    attempt: int
    status: int | None
    error: str | None = None
    retry_after: timedelta | None = None

    @property
    def arrived(self) -> bool:
        """Whether it was taken."""
        return self.status in _HTTP_OK


def hooks_due(session: Session, now: datetime) -> list[str]:
    """The hooks that have something to be sent now."""
    return execute(session, _DUE, {"now": now}).scalars()


def take(session: Session, hook_id: str, *, most: int, now: datetime) -> Batch | None:
    """Take what is due of a hook, oldest first; None if there is nothing. Of a hook that keeps failing, one."""
    hook = session.get(Hook, hook_id, with_for_update=_LOCK, populate_existing=True)
    if hook is None or hook.state != "active" or (hook.quiet_until is not None and hook.quiet_until > now):
        return None
    if hook.expires_at is not None and hook.expires_at <= now:
        end(session, hook, "its expiration is over", now=now)
        return None
    if hook.failures >= SUSPECT:
        most = 1
    rows = session.scalars(
        select(HookDelivery)
        .where(HookDelivery.hook_id == hook.id, HookDelivery.state == "waiting", HookDelivery.next_try_at <= now)
        .order_by(HookDelivery.id)
        .limit(most)
    ).all()
    if not rows:
        return None
    taken = [one for row in rows if (one := _taken(session, hook, row, now)) is not None]
    session.flush()
    return Batch(hook.id, hook.target_url, tuple(taken))


def _taken(session: Session, hook: Hook, row: HookDelivery, now: datetime) -> Taken | None:
    payload = _payload(session, hook, row)
    row.updated_at = now
    if payload is None:
        row.state, row.error = "dropped", ERASED
        return None
    row.attempts, row.next_try_at = row.attempts + 1, now + LEASE
    live = tuple(live_secrets(hook, now))
    return Taken(row.id, row.attempts, payload.id, body_of(payload), live, row.correlation)


def _payload(session: Session, hook: Hook, row: HookDelivery) -> HookPayload | None:
    if row.news_id is None:
        return sample_of(row.kind, hook.programme_id, row.created_at, id_=row.id)
    return payload_of(session, session.get_one(News, row.news_id))


def settle(session: Session, hook_id: str, results: Sequence[Result], *, now: datetime) -> None:
    """Write down what became of tries, and what follows for their hook."""
    hook = session.get_one(Hook, hook_id, with_for_update=_LOCK, populate_existing=True)
    for result in results:
        row = session.get(HookDelivery, result.delivery, populate_existing=True)
        if row is None or row.state != "waiting" or row.attempts != result.attempt:
            continue  # somebody else took it since, or it was dropped
        _note(row, result, now)
        if result.arrived:
            _works(session, hook, now)
        else:
            _fails(session, hook, result, now)
    session.flush()


def _note(row: HookDelivery, result: Result, now: datetime) -> None:
    row.status, row.error, row.updated_at = result.status, result.error, now
    if result.arrived:
        row.state = "delivered"
    elif row.attempts >= TRIES:
        row.state = "dead"
    else:
        wait = DELAYS[row.attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)
        row.next_try_at = now + max(wait, result.retry_after or wait)


def _works(session: Session, hook: Hook, now: datetime) -> None:
    if hook.failures and hook.state == "active":
        hook.failures, hook.quiet_until = 0, None
        close_alarm(session, ALARM, subject=hook.id, now=now)


def _fails(session: Session, hook: Hook, result: Result, now: datetime) -> None:
    hook.failures += 1
    if result.status == GONE:
        end(session, hook, "the address answered 410: it wants to hear nothing more", now=now)
        return
    quiet = result.retry_after
    if hook.failures >= SUSPECT:
        doubled = min(FIRST_QUIET * 2 ** min(hook.failures - SUSPECT, 20), LONGEST_QUIET)
        quiet = max(doubled, quiet or doubled)
    if quiet is not None:
        hook.quiet_until = max(now + quiet, hook.quiet_until or now)
    if hook.failures >= PAUSE and hook.state == "active":
        hook.state, hook.state_at = "paused", now
        hook.why = f"{hook.failures} tries in a row failed, the last one: {result.error}"
        told = f"webhook {hook.id} is paused: {hook.why}; see to its address, then POST /v1/hooks/{hook.id}/resume"
        raise_alarm(session, ALARM, told, subject=hook.id, now=now)
