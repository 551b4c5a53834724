"""Hooks: subscribing, ending, changing the secret, letting one go on that was paused."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from conversation.alarms import close_alarm
from loyalty import trail
from loyalty.errors import Invalid, NotFound, Refused
from loyalty.ids import ProgrammeId, new_id
from loyalty.news import Kind
from loyalty.store.sql import lock_name
from service.hooks.listening import EVERYTHING
from service.hooks.signing import new_secret
from service.hooks.tables import Hook, HookDelivery

MOST = 100
"""Live hooks of a programme: each costs a row for each piece of news."""
OVERLAP = timedelta(hours=24)
"""For so long a former secret is signed with as well, unless somebody says otherwise."""
ALARM = "hook"


def kinds_of(named: str | Sequence[str]) -> list[str]:
    """The kinds of news that somebody names: one, several, or `*`. Raises `Invalid`."""
    wanted = [named] if isinstance(named, str) else list(dict.fromkeys(named))
    if EVERYTHING in wanted:
        return [EVERYTHING]
    unknown = [one for one in wanted if one not in set(Kind)]
    if unknown or not wanted:
        which = f"there is no event {unknown[0][:64]!r}" if unknown else "name an event"
        raise Invalid(f"{which}; there are: *, {', '.join(sorted(Kind))}", field="event")
    return sorted(wanted)


def subscribe(
    session: Session, programme: ProgrammeId, target_url: str, kinds: Sequence[str], *, expires_at: datetime | None,
    actor: str, now: datetime,
) -> Hook:  # fmt: skip
    """Make a hook; the target was checked (`Guard.check_target`). Raises `Invalid`, `Refused` if there are too many."""
    if expires_at is not None and expires_at <= now:
        raise Invalid("the expiration is over already; give a time to come, or none", field="expiration")
    lock_name(session, f"hooks:{programme}")
    live = select(func.count()).where(Hook.programme_id == programme, Hook.state != "ended")
    if (session.scalar(live) or 0) >= MOST:
        raise Refused("too_many_hooks", f"there are {MOST} hooks; end some of them first")
    hook = Hook(
        id=new_id(), programme_id=programme, target_url=target_url, kinds=list(kinds), secret=new_secret(),
        former_secret=None, former_until=None, state="active", why=None, failures=0, quiet_until=None,
        expires_at=expires_at, created_by=actor[:200], created_at=now, state_at=now,
    )  # fmt: skip
    session.add(hook)
    session.flush()
    trail.note(
        session, programme, actor=actor, action="hook.subscribed", subject=hook.id, detail={"events": list(kinds)},
        now=now,
    )  # fmt: skip
    return hook


def get(session: Session, programme: ProgrammeId, id_: str, *, lock: bool = False) -> Hook:
    """A hook of a programme. Raises `NotFound`."""
    hook = session.get(Hook, id_, with_for_update=lock or None, populate_existing=lock)
    if hook is None or hook.programme_id != programme:
        raise NotFound(f"there is no hook {id_[:64]!r}; GET /v1/hooks shows them", field="id")
    return hook


def listed(session: Session, programme: ProgrammeId, *, limit: int, after: str | None) -> list[Hook]:
    """Hooks that have not ended, oldest first."""
    query = select(Hook).where(Hook.programme_id == programme, Hook.state != "ended")
    if after:
        query = query.where(Hook.id > after)
    return list(session.scalars(query.order_by(Hook.id).limit(limit)))


def end(session: Session, hook: Hook, why: str, *, now: datetime) -> None:
    """No longer tell it anything: what waits for it is dropped. Ending it again does nothing."""
    if hook.state == "ended":
        return
    hook.state, hook.why, hook.state_at = "ended", why, now
    session.execute(
        update(HookDelivery)
        .where(HookDelivery.hook_id == hook.id, HookDelivery.state == "waiting")
        .values(state="dropped", error=why, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    session.flush()
    close_alarm(session, ALARM, subject=hook.id, now=now)


def rotate(session: Session, hook: Hook, *, overlap: timedelta, actor: str, now: datetime) -> str:
    """Give it a new secret; the one before is signed with as well for a while. Returns the new one.

    A hook has two live secrets at most: whoever rotates twice ends the oldest. Raises `Refused` if it has ended.
    """
    _alive(hook)
    hook.former_secret, hook.former_until, hook.secret = hook.secret, now + overlap, new_secret()
    session.flush()
    _note(session, hook, "hook.rotated", actor, now)
    return hook.secret


def resume(session: Session, hook: Hook, *, actor: str, now: datetime) -> None:
    """Let a paused hook go on with what was kept for it. Raises `Refused` if it has ended."""
    _alive(hook)
    hook.state, hook.why, hook.failures, hook.quiet_until, hook.state_at = "active", None, 0, None, now
    session.flush()
    close_alarm(session, ALARM, subject=hook.id, now=now)
    _note(session, hook, "hook.resumed", actor, now)


def live_secrets(hook: Hook, now: datetime) -> list[str]:
    """What a delivery is signed with now, newest first."""
    former = hook.former_secret
    return [hook.secret, *([former] if former and hook.former_until and now < hook.former_until else [])]


def _alive(hook: Hook) -> None:
    if hook.state == "ended":
        raise Refused("hook_ended", "this hook has ended; subscribe anew")


def _note(session: Session, hook: Hook, action: str, actor: str, now: datetime) -> None:
    programme = ProgrammeId(hook.programme_id)
    trail.note(session, programme, actor=actor, action=action, subject=hook.id, detail={}, now=now)
