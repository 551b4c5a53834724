"""How the installation stands, in numbers that the store has: queues, lags, failures, cost, windows.

What is counted by an index is at most `FRESH` old, what takes looking through a table at most `SLOW`: however often
somebody asks, the database is asked seldom.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from conversation.alarms import count_open
from conversation.leaving.costs import costs
from conversation.leaving.outbox import WINDOW
from conversation.leaving.queue_state import waiting_since
from conversation.tables import Conversation, InboxRow, OutboxRow
from crm import overview as crm
from jobs.runner import failing, lateness
from loyalty.news import untold
from loyalty.store import Store
from loyalty.tables import Base, Campaign, Member, Programme, Recipient, Transaction
from service.hooks.tables import Hook, HookDelivery
from service.shops import inbox as shops
from service.shops.apis import watching

FRESH, SLOW = timedelta(seconds=5), timedelta(minutes=1)
Counts = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Gauge:
    """One metric: its name without `passaparola_`, what it says, by which labels."""

    name: str
    says: str
    labels: tuple[str, ...]
    values: Mapping[tuple[str, ...], float]


class Gauges(Collector):
    """What Prometheus is told."""

    def __init__(self, gauges: tuple[Gauge, ...]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for gauge in self._gauges:
            family = GaugeMetricFamily(f"passaparola_{gauge.name}", gauge.says, labels=gauge.labels)
            for labels, value in sorted(gauge.values.items()):
                family.add_metric(labels, value)
            yield family


class Numbers:
    """The numbers of a store, asked for no more often than need be."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._quick: tuple[datetime, tuple[Gauge, ...]] | None = None
        self._slow: tuple[datetime, tuple[Gauge, ...]] | None = None

    async def gauges(self, now: datetime) -> Gauges:
        """All of them, as of now or a moment ago. Raises `StoreUnavailable`."""
        if self._quick is None or not timedelta() <= now - self._quick[0] < FRESH:
            self._quick = now, await self._store.read(lambda session: quick(session, now))
        if self._slow is None or not timedelta() <= now - self._slow[0] < SLOW:
            self._slow = now, await self._store.read(lambda session: slow(session, now))
        return Gauges((*self._quick[1], *self._slow[1]))


def quick(session: Session, now: datetime) -> tuple[Gauge, ...]:
    """What indexes tell."""
    since = session.scalar(select(func.min(InboxRow.received_at)).where(InboxRow.state == "new"))
    unheard, unheard_since = untold(session)
    delivered, delivered_since = shops.waiting(session)
    found, asked = watching.numbers(session, now)
    return (
        _gauge("inbox_messages", "Messages of customers by state", _by(session, InboxRow), "state"),
        _gauge("inbox_oldest_waiting_seconds", "For how long a message has waited for its answer", _age(since, now)),
        _gauge("outbox_messages", "Messages to customers by state", _by(session, OutboxRow), "state"),
        _gauge(
            "outbox_oldest_due_seconds", "For how long the oldest message has been due", waiting_since(session, now)
        ),
        _gauge("outbox_failed", "Messages that failed for good, by WhatsApp's error code", _codes(session), "code"),
        _gauge("alarms_open", "What a person has to see to, by kind", count_open(session), "kind"),
        _gauge("job_late_seconds", "For how long a job has been due and not done", lateness(session, now), "job"),
        _gauge("job_failures", "How often in a row a job has failed", failing(session), "job"),
        _gauge("news_untold", "What happened and nobody could be told yet", unheard),
        _gauge("news_untold_seconds", "For how long the oldest of it has waited", _age(unheard_since, now)),
        _gauge("hook_deliveries", "Webhooks that wait, or were given up", _deliveries(session), "state"),
        _gauge("hook_oldest_due_seconds", "For how long the oldest webhook has been due", _hooks_due(session, now)),
        _gauge("hooks", "Hooks by state", _by(session, Hook), "state"),
        Gauge("shop_deliveries", "Deliveries of shops that wait, or are parked", ("source", "state"), delivered),
        _gauge("shop_oldest_waiting_seconds", "For how long one of them has waited", _age(delivered_since, now)),
        Gauge("shop_orders_found", "Changes of orders found by asking that no webhook had told", ("source",), found),
        Gauge("shop_asked_seconds", "For how long a shop was not asked for its orders", ("source",), asked),
    )


def slow(session: Session, now: datetime) -> tuple[Gauge, ...]:
    """What takes looking through tables."""
    opened = (Conversation.last_heard_at > now - WINDOW) | (Conversation.free_entry_until > now)
    inside = session.scalar(select(func.count()).select_from(Conversation).where(opened)) or 0
    windows = {"open": inside, "closed": _rows(session, Conversation) - inside}
    spent, billed = _costs(session, now)
    contacts, untold_for = crm.numbers(session, now)
    labels = ("programme", "category")
    return (
        _gauge("conversations", "Conversations by WhatsApp's 24-hour window", windows, "window"),
        Gauge("cost_today", "What today's messages (UTC) cost by the rate card", (*labels, "currency"), spent),
        Gauge("billed_today", "Today's messages (UTC) that WhatsApp bills", labels, billed),
        Gauge(
            "shop_codes", "Discount codes to be made or ended, or refused", ("source", "state"), watching.codes(session)
        ),
        Gauge("crm_contacts", "Contacts in CRMs: up to date, waiting, set aside", ("system", "state"), contacts),
        Gauge("crm_oldest_waiting_seconds", "For how long a change has waited to be told", ("system",), untold_for),
        Gauge("campaign_recipients", "Recipients of campaigns that run", ("campaign", "state"), _campaigns(session)),
        _gauge("members", "People known", _rows(session, Member)),
        _gauge("ledger_transactions", "Ledger transactions", _rows(session, Transaction)),
    )  # fmt: skip


def _gauge(name: str, says: str, values: Counts | float, label: str | None = None) -> Gauge:
    if label is None:
        assert not isinstance(values, Mapping)
        return Gauge(name, says, (), {(): values})
    assert isinstance(values, Mapping)
    return Gauge(name, says, (label,), {(key,): value for key, value in values.items()})


def _by(session: Session, table: type[InboxRow] | type[OutboxRow] | type[Hook]) -> Counts:
    rows = session.execute(select(table.state, func.count()).group_by(table.state))
    return {state: count for state, count in rows}  # noqa: C416 -- rows are no tuples to the type checker


def _codes(session: Session) -> Counts:
    query = select(OutboxRow.error_code, func.count()).where(OutboxRow.state == "failed").group_by(OutboxRow.error_code)
    return {str(code) if code is not None else "none": count for code, count in session.execute(query)}


def _deliveries(session: Session) -> Counts:
    waiting = select(func.count()).select_from(HookDelivery).where(HookDelivery.state == "waiting")
    hooks = session.scalars(select(Hook.id)).all()
    dead = (
        select(func.count())
        .select_from(HookDelivery)
        .where(HookDelivery.hook_id.in_(hooks), HookDelivery.state == "dead")
    )
    return {"waiting": session.scalar(waiting) or 0, "dead": session.scalar(dead) or 0}


def _hooks_due(session: Session, now: datetime) -> float:
    oldest = (
        select(func.min(HookDelivery.next_try_at))
        .join(Hook, Hook.id == HookDelivery.hook_id)
        .where(HookDelivery.state == "waiting", HookDelivery.next_try_at <= now, Hook.state == "active")
    )
    return _age(session.scalar(oldest), now)


def _costs(session: Session, now: datetime) -> tuple[dict[tuple[str, ...], float], dict[tuple[str, ...], float]]:
    spent: dict[tuple[str, ...], float] = {}
    billed: dict[tuple[str, ...], float] = {}
    today = now.date()
    for programme in session.scalars(select(Programme.id)):
        for line in costs(session, programme, since=today, until=today + timedelta(days=1)):
            of_kind = (programme, line.category)
            billed[of_kind] = billed.get(of_kind, 0.0) + line.messages
            if line.currency is not None:
                spent[(*of_kind, line.currency)] = float(line.amount)
    return spent, billed


def _campaigns(session: Session) -> dict[tuple[str, ...], float]:
    query = (
        select(Campaign.name, Recipient.state, func.count())
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .where(Campaign.state.in_(("running", "paused")))
        .group_by(Campaign.name, Recipient.state)
    )
    return {(key, state): count for key, state, count in session.execute(query)}


def _rows(session: Session, table: type[Base]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since is not None else 0.0
