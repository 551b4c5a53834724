"""Answers given before: the same key with the same body is answered as before, with another body refused."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from loyalty.errors import Conflict
from loyalty.store.sql import insert_once
from loyalty.tables import IdempotencyKey

OPEN = 0
"""The status of a key whose request has not been answered yet."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer a key had: HTTP status and body."""

    status: int
    answer: dict[str, Any]


def reserve(session: Session, scope: str, key: str, body_hash: str, *, now: datetime) -> Answered | None:
    """Take a key for a request. Returns the answer if there is one, None if the request is to be carried out.

    A second request with the key waits on Postgres until the first has committed. Raises `Conflict` for another body.
    """
    row = {"scope": scope, "key": key, "body_hash": body_hash, "status": OPEN, "answer": {}, "created_at": now}
    if insert_once(session, IdempotencyKey, row):
        return None
    known = session.execute(
        select(IdempotencyKey).where(IdempotencyKey.scope == scope, IdempotencyKey.key == key)
    ).scalar_one()
    if known.body_hash != body_hash:
        raise Conflict("this Idempotency-Key was used with another body; nothing was changed", field="Idempotency-Key")
    return Answered(known.status, known.answer) if known.status != OPEN else None


def keep(session: Session, scope: str, key: str, answered: Answered) -> None:
    """Keep the answer of a key."""
    session.execute(
        update(IdempotencyKey)
        .where(IdempotencyKey.scope == scope, IdempotencyKey.key == key)
        .values(status=answered.status, answer=answered.answer)
        .execution_options(synchronize_session=False)
    )
