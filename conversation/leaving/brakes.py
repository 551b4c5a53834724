"""What holds messages back for all senders at once: a paused number, paused campaigns, a paused template, slowness."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from conversation.alarms import close_alarm
from conversation.leaving.refusals import PROBE
from conversation.tables import SenderState
from loyalty.store.sql import execute, insert_once, table_of

CALM = 2.0
"""Seconds in which refusals count as one: those messages were on their way before we slowed down."""
SLOWEST = 0.05
RECOVERS = 1 / 120
"""How much of the full throughput is taken back each second."""

_STATE = table_of(SenderState)
_PAUSED = select(_STATE.c.key, _STATE.c.paused_at, _STATE.c.probe_at).where(_STATE.c.paused_at.is_not(None))
_LOCK = (
    select(_STATE.c.next_at, _STATE.c.factor, _STATE.c.slowed_at, _STATE.c.paused_at, _STATE.c.probe_at)
    .where(_STATE.c.key == bindparam("which"))
    .with_for_update()
)
_ADVANCE = (
    update(_STATE)
    .where(_STATE.c.key == bindparam("which"))
    .values(next_at=bindparam("next"), probe_at=bindparam("probe"))
)
_SLOW = (
    update(_STATE)
    .where(_STATE.c.key == bindparam("which"))
    .values(factor=bindparam("share"), slowed_at=bindparam("since"))
)
_PAUSE = (
    update(_STATE)
    .where(_STATE.c.key == bindparam("which"))
    .values(
        paused_at=bindparam("at"), probe_at=bindparam("probe"), error_code=bindparam("code"), error=bindparam("why")
    )
)
_RESUME = (
    update(_STATE)
    .where(_STATE.c.key == bindparam("which"), _STATE.c.paused_at.is_not(None))
    .values(paused_at=None, probe_at=None, error_code=None, error=None)
)


@dataclass(frozen=True, slots=True)
class Brake:
    """How a number stands; `next_at` and `slowed_at` are seconds since 1970."""

    next_at: float = 0.0
    factor: float = 1.0
    slowed_at: float = 0.0
    paused_at: datetime | None = None
    probe_at: datetime | None = None


def number_key(number_id: str) -> str:
    """Where a number's state is kept."""
    return f"number:{number_id}"


def marketing_key(number_id: str) -> str:
    """Where it is kept whether a number's campaigns go on."""
    return f"marketing:{number_id}"


def template_key(template: Mapping[str, object]) -> str:
    """Where it is kept whether a template can be used. WhatsApp pauses one language of it, the others go on."""
    return f"template:{template.get('name')}/{template.get('language')}"


def locked(session: Session, key: str) -> Brake:
    """The state, which nobody else changes until the transaction ends."""
    row = execute(session, _LOCK, {"which": key}).first()
    if row is None:
        insert_once(session, SenderState, _fresh(key))
        row = execute(session, _LOCK, {"which": key}).one()
    return Brake(*row)


def advance(session: Session, key: str, *, next_at: float, probe_at: datetime | None) -> None:
    """Write down when the number's next message may go. Lock it before."""
    execute(session, _ADVANCE, {"which": key, "next": next_at, "probe": probe_at})


def share_at(factor: float, slowed_at: float, at: float) -> float:
    """The share of its throughput a number may use: what it was cut to, and slowly more."""
    return min(1.0, factor + max(0.0, at - slowed_at) * RECOVERS)


def slow_down(session: Session, number_id: str, *, now: datetime) -> None:
    """Cut the number's throughput in half, once for refusals that come together."""
    at, key = now.timestamp(), number_key(number_id)
    brake = locked(session, key)
    if at - brake.slowed_at >= CALM:
        share = max(SLOWEST, share_at(brake.factor, brake.slowed_at, at) / 2)
        execute(session, _SLOW, {"which": key, "share": share, "since": at})


def pause(session: Session, key: str, *, code: int | None, why: str, now: datetime) -> None:
    """Let nothing through until it is resumed. A number is probed with one message every few minutes."""
    locked(session, key)
    execute(session, _PAUSE, {"which": key, "at": now, "probe": now + PROBE, "code": code, "why": why})


def resume(session: Session, key: str, *, now: datetime) -> bool:
    """Let messages through again, and close the alarm. True if it was paused."""
    kind, _, subject = key.partition(":")
    resumed = execute(session, _RESUME, {"which": key}).rowcount > 0
    if resumed:
        close_alarm(session, kind, subject=subject, now=now)
    return resumed


def paused(session: Session) -> dict[str, datetime]:
    """What is paused, since when."""
    return {row.key: row.paused_at for row in execute(session, _PAUSED)}


def resume_all(session: Session, *, now: datetime) -> list[str]:
    """Resume all that is paused. Returns what that was."""
    return [key for key in sorted(paused(session)) if resume(session, key, now=now)]


def _fresh(key: str) -> dict[str, object]:
    return {
        "key": key, "next_at": 0.0, "factor": 1.0, "slowed_at": 0.0, "paused_at": None, "probe_at": None,
        "error_code": None, "error": None,
    }  # fmt: skip
