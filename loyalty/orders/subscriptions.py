"""Subscriptions as the shop reports them: from when, until when. News may come late, twice and in any order."""

import hashlib
import json
from datetime import datetime

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from loyalty.books.points import open_books
from loyalty.errors import Conflict, Invalid
from loyalty.ids import Cause, MemberId, new_id
from loyalty.levels import progress
from loyalty.orders.earned import settle_level
from loyalty.orders.history import SUBSCRIPTION
from loyalty.orders.purchases import FUTURE
from loyalty.people.members import kept
from loyalty.programme import Programme
from loyalty.store.sql import execute, lock_name, table_of
from loyalty.tables import Member, Subscription

_ROW = table_of(Subscription)
_KNOWN = select(_ROW.c.id, _ROW.c.member_id, _ROW.c.started_at, _ROW.c.ended_at, _ROW.c.told_at).where(
    _ROW.c.programme_id == bindparam("programme"), _ROW.c.key == bindparam("key")
)
_INSERT = insert(_ROW)
_KEEP = (
    update(_ROW)
    .where(_ROW.c.id == bindparam("subscription"))
    .values(started_at=bindparam("started"), ended_at=bindparam("ended"), told_at=bindparam("told"))
)


def record_subscription(
    session: Session, programme: Programme, member: MemberId, *, key: str, started_at: datetime,
    ended_at: datetime | None, told_at: datetime, now: datetime,
) -> bool:  # fmt: skip
    """Keep what the shop says of a subscription, if nothing newer is known. True if it was news.

    `ended_at` of one that runs on is None; `told_at` is when the shop said so. Of two things said at one moment the one
    that has an end counts, whichever comes first. Raises `Invalid`, and `Conflict` if the key is another member's.
    """
    if told_at > now + FUTURE:
        raise Invalid("told_at lies in the future", field="told_at")
    if ended_at is not None and ended_at < started_at:
        raise Invalid("ended_at lies before started_at", field="ended_at")
    lock_name(session, f"subscription:{programme.id}:{key}")
    books = open_books(session, programme.id, member, now=now)
    row = session.get_one(Member, member, populate_existing=True)
    if row.merged_into is not None:  # while one waited for the lock
        return record_subscription(
            session, programme, MemberId(kept(session, row).id), key=key, started_at=started_at, ended_at=ended_at,
            told_at=told_at, now=now,
        )  # fmt: skip
    known = execute(session, _KNOWN, {"programme": programme.id, "key": key}).first()
    if known is not None and known.member_id != member:
        raise Conflict(f"the subscription {key!r} is another member's; nothing was changed", field="id")
    if known is not None and _rank(told_at, started_at, ended_at) <= _rank(
        known.told_at, known.started_at, known.ended_at
    ):
        return False
    if known is None:
        new = {
            "id": new_id(), "programme_id": programme.id, "member_id": member, "key": key, "started_at": started_at,
            "ended_at": ended_at, "told_at": told_at,
        }  # fmt: skip
        execute(session, _INSERT, new)
    else:
        told = {"subscription": known.id, "started": started_at, "ended": ended_at, "told": told_at}
        execute(session, _KEEP, told)
    # An order's worth may depend on the level, and the level of that time on this.
    since = min(started_at, known.started_at) if known is not None else started_at
    said = json.dumps([key, *(str(at) for at in (told_at, started_at, ended_at))])
    cause = Cause(f"subscription:{hashlib.sha256(said.encode()).hexdigest()}")
    settle_level(books, programme, SUBSCRIPTION, since, cause=cause)
    progress.update(books, programme, since=since)
    return True


def _rank(
    told_at: datetime, started_at: datetime, ended_at: datetime | None
) -> tuple[datetime, bool, datetime, datetime]:
    """What makes one thing said newer than another."""
    return told_at, ended_at is not None, ended_at or started_at, started_at
