"""How a shop is doing that is asked: until when it is left alone and why, and who hears of it."""

import random
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from conversation.alarms import close_alarm, raise_alarm
from loyalty.store import Store
from loyalty.store.sql import insert_once
from service.shops.apis.api import ShopApi
from service.shops.apis.errors import Down, ShopApiError, Wait
from service.shops.apis.tables import ShopCode, ShopWatch

log = structlog.get_logger()

REFUSED = "shop_api"
"""An alarm: the shop does not let us in, or has not answered for long."""
FIRST, LONGEST = timedelta(seconds=15), timedelta(minutes=15)
DOWN_FOR_LONG = 20
"""So many failures in a row, some four hours, and a person hears of it."""


def subject(api: ShopApi) -> str:
    """What an alarm about a shop is about."""
    return f"{api.source}/{api.shop}"[:200]


def of(session: Session, api: ShopApi) -> ShopWatch:
    """The shop's row, locked."""
    values: dict[str, Any] = {
        "source": api.source, "shop": api.shop, "watermark": None, "next_at": None, "polled_at": None,
        "checked_at": None, "topics": [], "paused_until": None, "why": None, "failures": 0, "found": 0, "unheard": 0,
        "unheard_since": None,
    }  # fmt: skip
    insert_once(session, ShopWatch, values)
    key = (api.source, api.shop)
    row = session.get(ShopWatch, key, with_for_update=True, populate_existing=True)
    assert row is not None
    return row


def paused(session: Session, api: ShopApi, now: datetime) -> bool:
    """Whether a shop is to be left alone."""
    row = session.get(ShopWatch, (api.source, api.shop))
    return row is not None and row.paused_until is not None and row.paused_until > now


def is_due(session: Session, api: ShopApi, now: datetime) -> bool:
    """Whether a shop is to be asked for its orders."""
    row = session.get(ShopWatch, (api.source, api.shop))
    return row is None or ((row.next_at is None or row.next_at <= now) and not paused(session, api, now))


def succeeded(session: Session, api: ShopApi, now: datetime) -> None:
    """It did what it was asked: whatever was wrong is over."""
    row = of(session, api)
    row.failures, row.paused_until, row.why = 0, None, None
    session.flush()
    close_alarm(session, REFUSED, now=now, subject=subject(api))


async def leave_alone(store: Store, api: ShopApi, error: ShopApiError, now: datetime) -> str:
    """Leave a shop alone for as long as an error asks for. Returns why, in words."""
    why = str(error)
    log.warning("a shop is left alone for a while", source=api.source, shop=api.shop, why=why)
    dice = random.uniform(0.5, 1.0)

    def work(session: Session) -> None:
        row = of(session, api)
        row.why = why
        if isinstance(error, Wait):
            row.paused_until = now + error.after
            return
        row.failures += 1
        longer = FIRST * 2 ** min(row.failures - 1, 16)
        row.paused_until = now + (min(longer, LONGEST) * dice if isinstance(error, Down) else LONGEST)
        session.flush()
        if not isinstance(error, Down) or row.failures >= DOWN_FOR_LONG:
            raise_alarm(
                session, REFUSED, f"{why}; see to it, then `passaparola shops check`", subject=subject(api), now=now
            )

    await store.write(work)
    return why


Counts = dict[tuple[str, ...], float]


def numbers(session: Session, now: datetime) -> tuple[Counts, Counts]:
    """By source: how many changes were found that no webhook told; seconds since it was last asked with success."""
    found: Counts = {}
    asked: Counts = {}
    for row in session.scalars(select(ShopWatch)):
        key = (row.source,)
        found[key] = found.get(key, 0.0) + row.found
        if row.polled_at is not None:
            asked[key] = max(asked.get(key, 0.0), (now - row.polled_at).total_seconds())
    return found, asked


def codes(session: Session) -> Counts:
    """How many discount codes are to be made or ended, or were refused, by source and state."""
    open_ones = ShopCode.state.in_(("wanted", "ending", "failed"))
    query = select(ShopCode.source, ShopCode.state, func.count()).where(open_ones)
    rows = session.execute(query.group_by(ShopCode.source, ShopCode.state))
    return {(source, state): number for source, state, number in rows}
