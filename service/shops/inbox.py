"""The inbox of shops: each delivery is kept once, worked off once, and one thing's deliveries one after the other."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, bindparam, delete, exists, func, literal_column, or_, select, update
from sqlalchemy.orm import Session

from loyalty.errors import NotFound
from loyalty.store.sql import execute, insert_once, table_of
from service.shops import shopify, woocommerce
from service.shops.errors import Unreadable
from service.shops.reading import read_object
from service.shops.tables import ShopDelivery

WAITING, DONE, IGNORED, PARKED = "waiting", "done", "ignored", "parked"
KINDS = {shopify.SOURCE: shopify, woocommerce.SOURCE: woocommerce}
"""How each kind of shop is read."""
KNOWN_FOR = timedelta(days=7)
"""So long a delivery is known again; shops repeat one for some hours."""
PARKED_FOR = timedelta(days=30)
"""So long somebody may look at what could not be worked off."""
AT_ONCE = 1000
MOST_TRIES = 8
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=5), timedelta(hours=1)

_ROW = table_of(ShopDelivery)
_EARLIER = _ROW.alias("earlier")
# Spelt out, not as a parameter: else SQLite does not know that the index of what waits will do.
_WAITS: ColumnElement[str] = literal_column("'waiting'")
_IS_PARKED: ColumnElement[str] = literal_column("'parked'")
_DUE = (
    select(_ROW.c.id)
    .where(
        _ROW.c.state == _WAITS, _ROW.c.next_try_at <= bindparam("now"),
        ~exists().where(_EARLIER.c.state == _WAITS, _EARLIER.c.key == _ROW.c.key, _EARLIER.c.id < _ROW.c.id),
    )
    .order_by(_ROW.c.id)
    .limit(bindparam("most"))
)  # fmt: skip
_TAKE = (
    select(
        _ROW.c.id, _ROW.c.source, _ROW.c.shop, _ROW.c.topic, _ROW.c.body, _ROW.c.attempts, _ROW.c.received_at
    )
    .where(_ROW.c.id == bindparam("delivery"), _ROW.c.state == WAITING)
    .with_for_update(skip_locked=True)
)  # fmt: skip
_FINISH = (
    update(_ROW)
    .where(_ROW.c.id == bindparam("delivery"))
    .values(state=bindparam("to"), error=bindparam("why"), settled_at=bindparam("at"), body=b"")
)
_PARK = (
    update(_ROW)
    .where(_ROW.c.id == bindparam("delivery"))
    .values(state=PARKED, error=bindparam("why"), settled_at=bindparam("at"))
)
_LATER = (
    update(_ROW)
    .where(_ROW.c.id == bindparam("delivery"), _ROW.c.state == WAITING)
    .values(attempts=bindparam("tries"), next_try_at=bindparam("then"), error=bindparam("why"))
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that was taken to be worked off."""

    id: int
    source: str
    shop: str
    topic: str
    body: bytes
    attempts: int
    received_at: datetime


def row_of(source: str, shop: str, topic: str, delivery_id: str, body: bytes, now: datetime) -> dict[str, Any]:
    """A delivery as it is stored: read as far as is needed to say what it is about.

    One that cannot be read is parked at once: it is the shop's own words, and would be the same if it came again.
    """
    error, about = None, None
    try:
        about = KINDS[source].subject(topic, read_object(body))
    except Unreadable as problem:
        error = str(problem)
    return {
        "source": source, "shop": shop, "topic": topic, "delivery_id": delivery_id,
        "key": f"{source}:{shop}/{about or f'{topic}/{delivery_id}'}"[:300], "body": body,
        "state": WAITING if error is None else PARKED, "attempts": 0, "next_try_at": now, "error": error,
        "received_at": now, "settled_at": None if error is None else now,
    }  # fmt: skip


def put(session: Session, row: Mapping[str, Any]) -> bool:
    """Store a delivery. True if it is new, False if it is known by its id."""
    return insert_once(session, ShopDelivery, row)


def store_delivery(
    session: Session, source: str, shop: str, topic: str, delivery_id: str, body: bytes, now: datetime
) -> bool:
    """Store what a shop said, however it was learnt, to be worked off soon. True if it is new.

    `delivery_id` is the shop's own, or one of the caller's that tells the same state of a thing by the same name.
    """
    return put(session, row_of(source, shop, topic, delivery_id, body, now))


def id_of(body: bytes) -> str:
    """A name for a delivery that came without one: the same for the same words."""
    return hashlib.sha256(body).hexdigest()


def due(session: Session, now: datetime, *, most: int) -> list[int]:
    """The deliveries that can be worked off now: of each thing the oldest that waits."""
    return execute(session, _DUE, {"now": now, "most": most}).scalars()


def take(session: Session, id_: int) -> Delivery | None:
    """A delivery, for this transaction alone; None if somebody else works on it or did."""
    row = execute(session, _TAKE, {"delivery": id_}).first()
    return None if row is None else Delivery(row[0], row[1], row[2], row[3], bytes(row[4]), row[5], row[6])


def finish(session: Session, id_: int, state: str, reason: str | None, now: datetime) -> None:
    """Note what became of a delivery. Its words are forgotten, unless it is parked for a person to look at."""
    values = {"delivery": id_, "why": reason, "at": now}
    if state == PARKED:
        execute(session, _PARK, values)
    else:
        execute(session, _FINISH, {**values, "to": state})


def fail(session: Session, id_: int, attempts: int, reason: str, now: datetime, dice: float) -> bool:
    """Note that it went wrong `attempts` times; it is tried again later and later, then parked. True if it is parked.

    `dice` is between 0 and 1: what failed together is not tried again together.
    """
    if attempts >= MOST_TRIES:
        finish(session, id_, PARKED, reason, now)
        return True
    wait = min(_FIRST_WAIT * 4 ** (attempts - 1), _LONGEST_WAIT) * (0.5 + dice / 2)
    execute(session, _LATER, {"delivery": id_, "tries": attempts, "then": now + wait, "why": reason})
    return False


def listed(session: Session, *, state: Literal["parked", "waiting"], limit: int, after: int) -> list[ShopDelivery]:
    """Deliveries that are parked or wait, oldest first; `after` is the id of the last one of the page before."""
    spelt = _IS_PARKED if state == PARKED else _WAITS
    query = select(ShopDelivery).where(ShopDelivery.state == spelt, ShopDelivery.id > after)
    return list(session.scalars(query.order_by(ShopDelivery.id).limit(limit)))


def again(session: Session, id_: int, now: datetime) -> ShopDelivery:
    """Let a parked delivery be tried once more. Raises `NotFound`."""
    row = _parked(session, id_)
    row.state, row.attempts, row.next_try_at, row.settled_at = WAITING, 0, now, None
    session.flush()
    return row


def drop(session: Session, id_: int, now: datetime) -> ShopDelivery:
    """Decide that a parked delivery is not to be taken; its words are forgotten. Raises `NotFound`."""
    row = _parked(session, id_)
    row.state, row.body, row.settled_at = IGNORED, b"", now
    session.flush()
    return row


def forget_old(session: Session, *, now: datetime) -> int:
    """Drop what was worked off or parked long ago. Returns how many."""
    long_ago = or_(_ROW.c.state != PARKED, _ROW.c.received_at < now - PARKED_FOR)
    old = select(_ROW.c.id).where(_ROW.c.received_at < now - KNOWN_FOR, _ROW.c.state != WAITING, long_ago)
    old = old.order_by(_ROW.c.received_at).limit(AT_ONCE)
    return execute(session, delete(_ROW).where(_ROW.c.id.in_(old))).rowcount


def waiting(session: Session) -> tuple[dict[tuple[str, ...], float], datetime | None]:
    """How many deliveries wait or are parked, by source and state, and since when the oldest waits."""
    counts: dict[tuple[str, ...], float] = {}
    for state, spelt in ((WAITING, _WAITS), (PARKED, _IS_PARKED)):
        query = select(_ROW.c.source, func.count()).where(_ROW.c.state == spelt).group_by(_ROW.c.source)
        counts |= {(source, state): number for source, number in session.execute(query)}
    oldest = session.scalar(select(_ROW.c.received_at).where(_ROW.c.state == _WAITS).order_by(_ROW.c.id).limit(1))
    return counts, oldest


def _parked(session: Session, id_: int) -> ShopDelivery:
    row = session.get(ShopDelivery, id_, with_for_update=True)
    if row is None or row.state != PARKED:
        raise NotFound("there is no parked delivery with this id", field="id")
    return row
