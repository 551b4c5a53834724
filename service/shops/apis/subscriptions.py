"""Whether a shop still has the webhooks by which it tells us; those that it dropped are made again.

Shopify deletes a subscription after eight failed deliveries, WooCommerce disables a webhook after five. Only those are
made again that we saw before: a shop that was set up otherwise (Shopify shows no app the webhooks of its settings page)
would tell everything twice, signed with a secret that we may not know.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.orm import Session

from conversation.alarms import close_alarm, raise_alarm
from loyalty.store import Store
from service.shops.apis import watching
from service.shops.apis.api import ShopApi, Subscription
from service.shops.apis.errors import Rejected, ShopApiError
from service.shops.apis.tables import ShopWatch

log = structlog.get_logger()

EVERY = timedelta(hours=1)
LOST = "shop_webhook"
"""An alarm: a webhook that was there is gone, and could not be made again."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Which topics are told to us, which are not (as far as the shop shows), and which were made again just now."""

    active: tuple[str, ...]
    missing: tuple[str, ...]
    made: tuple[str, ...] = ()


class Subscriptions:
    """Looks after the webhooks of one shop."""

    def __init__(self, store: Store, api: ShopApi, public_url: str) -> None:
        self._store, self._api = store, api
        self.address = f"{public_url.rstrip('/')}/webhooks/{api.source}"

    async def work(self, now: datetime) -> str:
        """Look, if it is time to, and make again what was lost. Returns what that was; nothing if nothing was."""
        if not await self._store.read(partial(self._is_due, now=now)):
            return ""
        try:
            checked = await self.check(now)
        except ShopApiError as error:
            return f"left alone: {await watching.leave_alone(self._store, self._api, error, now)}"
        return f"webhooks made again: {', '.join(checked.made)}" if checked.made else ""

    async def check(self, now: datetime, *, make_all: bool = False) -> Checked:
        """Look which webhooks are there. Those that were lost are made again; with `make_all`, all that are missing."""
        async with self._api as api:
            active = self._active(await api.subscriptions())
            known = await self._store.read(self._known)
            missing = tuple(topic for topic in api.topics if topic not in active)
            lost = [topic for topic in missing if make_all or topic in known]
            made, problem = await self._make(lost)
        checked = Checked((*active, *made), tuple(topic for topic in missing if topic not in made), made)
        await self._store.write(partial(self._note, checked=checked, problem=problem, now=now))
        return checked

    async def _make(self, topics: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
        """Make webhooks. Returns those that were made, and why others were not."""
        made: list[str] = []
        for topic in topics:
            try:
                await self._api.subscribe(topic, self.address)
            except Rejected as error:
                return tuple(made), str(error)
            log.warning("a webhook of a shop was made", source=self._api.source, shop=self._api.shop, topic=topic)
            made.append(topic)
        return tuple(made), None

    def _active(self, found: Sequence[Subscription]) -> tuple[str, ...]:
        topics = {one.topic for one in found if one.active and one.address.rstrip("/") == self.address}
        return tuple(topic for topic in self._api.topics if topic in topics)

    def _row(self, session: Session) -> ShopWatch | None:
        return session.get(ShopWatch, (self._api.source, self._api.shop))

    def _known(self, session: Session) -> frozenset[str]:
        row = self._row(session)
        return frozenset(row.topics) if row is not None else frozenset()

    def _is_due(self, session: Session, now: datetime) -> bool:
        row = self._row(session)
        due = row is None or row.checked_at is None or row.checked_at <= now - EVERY
        return due and not watching.paused(session, self._api, now)

    def _note(self, session: Session, checked: Checked, problem: str | None, now: datetime) -> None:
        watching.succeeded(session, self._api, now)
        row = watching.of(session, self._api)
        row.checked_at, row.topics = now, sorted({*row.topics, *checked.active})
        session.flush()
        lost = [topic for topic in checked.missing if topic in row.topics]
        about = watching.subject(self._api)
        if lost:
            why = f" ({problem})" if problem else ""
            raise_alarm(
                session, LOST,
                f"{self._api.shop} dropped the webhook for {', '.join(lost)} and it could not be made again{why}; "
                "make it in the shop, then `passaparola shops check`",
                subject=about, now=now,
            )  # fmt: skip
        else:
            close_alarm(session, LOST, now=now, subject=about)
