"""Finding what webhooks lost: a shop is asked for the orders that changed, and each goes the way of a webhook.

A state of an order has one name, made of its id and the moment of its change, so it is stored once however often it is
asked for, and what a webhook told as well changes nothing (`service/shops/posting.py`). The watermark moves with the
page it stands for, in one transaction, and only forwards; cut off anywhere, the next run goes on from there. Runs
begin a little before it, as shops list a change some moments late.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from conversation.alarms import close_alarm, raise_alarm
from loyalty.store import Store
from service.shops import inbox
from service.shops.apis import watching
from service.shops.apis.api import ShopApi, Snapshot
from service.shops.apis.errors import ShopApiError
from service.shops.tables import ShopDelivery

log = structlog.get_logger()

EVERY = timedelta(minutes=15)
OVERLAP = timedelta(minutes=10)
GRACE = timedelta(minutes=2)
"""What changed less long ago is left to its webhook until the next run."""
SKEW = timedelta(minutes=1)
"""So far the shop's clock may be ahead of ours."""
FIRST_DAYS = 7
UNHEARD, SILENCE = 5, timedelta(days=1)
"""So many changes in a row that no webhook told, or one so long ago and none told since: webhooks seem to be dead."""
SILENT = "shop_silent"
"""An alarm: webhooks seem to be dead."""
POLLED = "poll:"
"""How names of deliveries begin that nobody delivered."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run goes by: whence, and how far; and since when what no webhook told counts as lost (never, if empty)."""

    since: datetime
    until: datetime
    counts_from: datetime | None


@dataclass(frozen=True, slots=True)
class Polled:
    """What a run found: orders that changed, states of them that are new to the inbox, and that no webhook told."""

    orders: int = 0
    new: int = 0
    missed: int = 0

    def __add__(self, other: "Polled") -> "Polled":
        return Polled(self.orders + other.orders, self.new + other.new, self.missed + other.missed)

    def __str__(self) -> str:
        lost = f", {self.missed} of them untold by webhooks" if self.missed else ""
        return f"{self.orders} changed orders looked at, {self.new} new{lost}"


class Reconciler:
    """Asks one shop."""

    def __init__(self, store: Store, api: ShopApi, *, days: int = FIRST_DAYS) -> None:
        """`days` is how far back the first run begins."""
        self._store, self._api, self._days = store, api, days

    async def work(self, now: datetime) -> str:
        """Ask, if it is time to. Returns what came of it in a few words, also if the shop did not answer."""
        if not await self._store.read(partial(watching.is_due, api=self._api, now=now)):
            return ""
        try:
            found = await self.run(now)
        except ShopApiError as error:
            return f"left alone: {await watching.leave_alone(self._store, self._api, error, now)}"
        return str(found) if found.new else ""

    async def run(self, now: datetime, *, since: datetime | None = None) -> Polled:
        """Ask for what changed since the watermark, or `since`. Raises `ShopApiError`; what was stored stays stored."""
        run = await self._store.write(partial(self._begin, now=now, since=since))
        found, reached, in_order = Polled(), run.since, True
        async with self._api as api:
            async for page in api.orders_gone_since(run.since):  # first: what follows moves the watermark past them
                old = _settled(page, run)
                found += await self._store.write(partial(self._take, orders=old, run=run, reached=run.since, now=now))
            async for page in api.orders_changed_since(run.since):
                old = _settled(page, run)
                times = [reached, *(one.changed_at for one in old)]
                in_order = in_order and times == sorted(times, key=lambda at: max(at, run.since))
                reached = max(times)
                # Pages in no order tell how far we are only when all of them are there.
                found += await self._store.write(
                    partial(self._take, orders=old, run=run, reached=reached if in_order else run.since, now=now)
                )
        await self._store.write(partial(self._end, run=run, now=now))
        return found

    def _begin(self, session: Session, now: datetime, since: datetime | None) -> Run:
        row = watching.of(session, self._api)
        until = now - GRACE
        usual = row.watermark - OVERLAP if row.watermark is not None else now - timedelta(days=self._days)
        # Before a first run was through, webhooks may not have been there yet.
        return Run(min(since or usual, until), until, usual if row.polled_at is not None else None)

    def _take(self, session: Session, orders: Sequence[Snapshot], run: Run, reached: datetime, now: datetime) -> Polled:
        """Store a page and how far it takes us, in one transaction."""
        row = watching.of(session, self._api)
        told, new, missed = self._told(session, orders), 0, 0
        for one in orders:
            fresh = self._store_one(session, one, now)
            new += fresh
            if one.id in told and told[one.id] >= one.changed_at - SKEW:
                row.unheard, row.unheard_since = 0, None
            elif fresh and run.counts_from is not None and one.changed_at >= run.counts_from:
                missed += 1
                row.found += 1
                row.unheard += 1
                row.unheard_since = row.unheard_since or now
                log.warning("an order was found that no webhook told of", source=self._api.source, order=one.id)
        session.flush()
        self._forward(session, run, reached, now)
        return Polled(len(orders), new, missed)

    def _store_one(self, session: Session, order: Snapshot, now: datetime) -> bool:
        name = f"{POLLED}{order.id}@{order.changed_at.isoformat()}"
        return inbox.store_delivery(
            session, self._api.source, self._api.shop, self._api.order_topic, name, order.body, now
        )

    def _told(self, session: Session, orders: Sequence[Snapshot]) -> dict[str, datetime]:
        """When a webhook last told of each of these orders, by its id; those are missing that none did."""
        if not orders:
            return {}
        keys = {f"{self._api.source}:{self._api.shop}/order/{one.id}"[:300]: one.id for one in orders}
        query = (
            select(ShopDelivery.key, func.max(ShopDelivery.received_at))
            .where(
                ShopDelivery.received_at >= min(one.changed_at for one in orders) - SKEW, ShopDelivery.key.in_(keys),
                ~ShopDelivery.delivery_id.startswith(POLLED),
            )
            .group_by(ShopDelivery.key)
        )  # fmt: skip
        return {keys[key]: at for key, at in session.execute(query)}

    def _forward(self, session: Session, run: Run, reached: datetime, now: datetime) -> None:
        """Move the watermark on, unless something lies between it and where this run began."""
        row = watching.of(session, self._api)
        if row.watermark is None or run.since <= row.watermark < reached:
            row.watermark = reached
        session.flush()

    def _end(self, session: Session, run: Run, now: datetime) -> None:
        self._forward(session, run, run.until, now)
        watching.succeeded(session, self._api, now)
        row = watching.of(session, self._api)
        row.polled_at, row.next_at = now, now + EVERY
        session.flush()
        about = watching.subject(self._api)
        long = row.unheard_since is not None and now - row.unheard_since >= SILENCE
        if row.unheard >= UNHEARD or long:
            raise_alarm(
                session, SILENT,
                f"the webhooks of {self._api.shop} seem to be dead: {row.unheard} changed orders were found by asking "
                "that none told of; `passaparola shops check` shows which are missing",
                subject=about, now=now,
            )  # fmt: skip
        elif not row.unheard:
            close_alarm(session, SILENT, now=now, subject=about)


def _settled(page: Sequence[Snapshot], run: Run) -> list[Snapshot]:
    """The orders whose webhooks have had their time."""
    return [one for one in page if one.changed_at <= run.until]
