"""Deliveries as operators see them: what was told, what was given up; replaying it; forgetting what is old."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, get_args

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from loyalty.errors import Invalid, NotFound, Refused
from loyalty.ids import ProgrammeId
from loyalty.tables import News
from service.hooks.subscriptions import end
from service.hooks.tables import Hook, HookDelivery

State = Literal["waiting", "delivered", "dead", "dropped"]
STATES: tuple[State, ...] = get_args(State)
KEPT_DELIVERED = timedelta(days=7)
KEPT_DEAD = timedelta(days=90)
KEPT_NEWS = timedelta(days=90)
LONGEST_PAUSE = timedelta(days=30)
"""A hook that nobody saw to for so long is ended, or it would collect deliveries for ever."""
BATCH = 1000
LOOKED_AT = 5 * BATCH
"""Of the oldest news so many are looked at, not all there is: it lies in order of its ids."""


def deliveries(
    session: Session, hook: str | None, *, state: State | None, limit: int, after: str | None = None
) -> list[HookDelivery]:
    """Deliveries of a hook (of all if None), newest first; of one state if it is named."""
    query = select(HookDelivery)
    if hook is not None:
        query = query.where(HookDelivery.hook_id == hook)
    if state is not None:
        query = query.where(HookDelivery.state == state)
    if after:
        query = query.where(HookDelivery.id < after)
    return list(session.scalars(query.order_by(HookDelivery.id.desc()).limit(limit)))


def replay(session: Session, programme: ProgrammeId | None, id_: str, *, now: datetime) -> HookDelivery:
    """Send a delivery again that was given up or has arrived; it has the same id and all its tries.

    One that waits already stays as it is. Raises `NotFound`, or `Refused` if its hook has ended.
    """
    row = session.get(HookDelivery, id_, with_for_update=True, populate_existing=True)
    hook = session.get(Hook, row.hook_id) if row is not None else None
    if row is None or hook is None or (programme is not None and hook.programme_id != programme):
        raise NotFound(f"there is no delivery {id_[:64]!r}; GET /v1/hooks/ID/deliveries shows them", field="id")
    alive(hook)
    if row.state == "dropped":
        raise Refused("dropped", "this delivery was dropped for good: there is nobody to tell")
    if row.state != "waiting":
        row.state, row.attempts, row.next_try_at, row.updated_at = "waiting", 0, now, now
        session.flush()
    return row


def replay_dead(session: Session, hook: Hook, *, now: datetime) -> int:
    """Send everything again that was given up. Returns how many deliveries that is."""
    alive(hook)
    done = session.connection().execute(
        update(HookDelivery)
        .where(HookDelivery.hook_id == hook.id, HookDelivery.state == "dead")
        .values(state="waiting", attempts=0, next_try_at=now, updated_at=now)
    )
    return done.rowcount


def counts(session: Session, hooks: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many deliveries wait and how many are dead, by hook."""
    rows = session.execute(
        select(HookDelivery.hook_id, HookDelivery.state, func.count())
        .where(HookDelivery.hook_id.in_(hooks), HookDelivery.state.in_(("waiting", "dead")))
        .group_by(HookDelivery.hook_id, HookDelivery.state)
    )
    found: dict[str, dict[str, int]] = {}
    for hook, state, count in rows:
        found.setdefault(hook, {})[state] = count
    return found


def state_of(named: str | None) -> State | None:
    """The state that somebody names. Raises `Invalid`."""
    state = next((one for one in STATES if one == named), None)
    if named is not None and state is None:
        raise Invalid(f"state is one of {', '.join(STATES)}", field="state")
    return state


def end_left_alone(session: Session, *, now: datetime) -> int:
    """End hooks whose time is over, and those that have been paused for too long. Returns how many."""
    expired = Hook.expires_at.is_not(None) & (Hook.expires_at <= now)
    alone = (Hook.state == "paused") & (Hook.state_at <= now - LONGEST_PAUSE)
    rows = session.scalars(select(Hook).where(Hook.state != "ended", expired | alone).with_for_update()).all()
    for hook in rows:
        over = hook.expires_at is not None and hook.expires_at <= now
        why = "its expiration is over" if over else f"it was paused for {LONGEST_PAUSE.days} days"
        end(session, hook, why, now=now)
    return len(rows)


def forget_deliveries(session: Session, *, now: datetime) -> int:
    """Drop a batch of deliveries that nobody needs any more. Returns how many; 0 when all is done."""
    ended = HookDelivery.state.in_(("delivered", "dropped")) & (HookDelivery.updated_at <= now - KEPT_DELIVERED)
    dead = (HookDelivery.state == "dead") & (HookDelivery.updated_at <= now - KEPT_DEAD)
    some = select(HookDelivery.id).where(ended | dead).limit(BATCH)
    return session.connection().execute(delete(HookDelivery).where(HookDelivery.id.in_(some))).rowcount


def forget_news(session: Session, *, now: datetime) -> int:
    """Drop a batch of news that everybody was told long ago. Returns how many; 0 when all is done.

    Its key goes too: what happened so long ago cannot happen again, since the ledger has causes of its own.
    """
    oldest = select(News).order_by(News.id).limit(LOOKED_AT).subquery()
    needed = exists().where(HookDelivery.news_id == oldest.c.id)
    some = (
        select(oldest.c.id)
        .where(oldest.c.told_at.is_not(None), oldest.c.created_at <= now - KEPT_NEWS, ~needed)
        .limit(BATCH)
    )
    return session.connection().execute(delete(News).where(News.id.in_(some))).rowcount


def alive(hook: Hook) -> None:
    """Raises `Refused` if a hook has ended."""
    if hook.state == "ended":
        raise Refused("hook_ended", "its hook has ended: there is nobody to send it to")
