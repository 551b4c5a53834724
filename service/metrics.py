"""Numbers for Prometheus: requests as they happen, queues and ledger as the store has them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from conversation.alarms import count_open
from conversation.queue_state import waiting_since
from conversation.tables import InboxRow, OutboxRow
from loyalty.store import Store
from loyalty.tables import Member, Transaction


class Metrics:
    """The service's own counters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "passaparola_http_requests", "Requests", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "passaparola_http_seconds", "Time to answer", ["method", "route"], registry=self.registry
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


METRICS = web.AppKey("metrics", Metrics)


@dataclass(frozen=True, eq=False)
class _Counts(Collector):
    inbox: dict[str, int]
    outbox: dict[str, int]
    oldest_due: float
    alarms: dict[str, int]
    members: int
    transactions: int

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, what, states in (
            ("passaparola_inbox_messages", "Messages of customers by state", self.inbox),
            ("passaparola_outbox_messages", "Messages to customers by state", self.outbox),
        ):
            family = GaugeMetricFamily(name, what, labels=["state"])
            for state, count in sorted(states.items()):
                family.add_metric([state], count)
            yield family
        alarms = GaugeMetricFamily("passaparola_alarms_open", "What a person has to see to, by kind", labels=["kind"])
        for kind, count in sorted(self.alarms.items()):
            alarms.add_metric([kind], count)
        yield alarms
        name = "passaparola_outbox_oldest_due_seconds"
        yield GaugeMetricFamily(name, "For how long the oldest message has been due", value=self.oldest_due)
        yield GaugeMetricFamily("passaparola_members", "People known", value=self.members)
        yield GaugeMetricFamily("passaparola_ledger_transactions", "Ledger transactions", value=self.transactions)


def _count(session: Session, now: datetime) -> _Counts:
    def by_state(table: type[InboxRow] | type[OutboxRow]) -> dict[str, int]:
        rows = session.execute(select(table.state, func.count()).group_by(table.state))
        return {state: count for state, count in rows}  # noqa: C416 -- rows are no tuples to the type checker

    return _Counts(
        by_state(InboxRow),
        by_state(OutboxRow),
        waiting_since(session, now),
        count_open(session),
        session.scalar(select(func.count()).select_from(Member)) or 0,
        session.scalar(select(func.count()).select_from(Transaction)) or 0,
    )


async def exposition(store: Store, metrics: Metrics, now: datetime) -> bytes:
    """The text Prometheus reads."""
    counts = await store.read(lambda session: _count(session, now))
    registry = CollectorRegistry()
    registry.register(counts)
    return generate_latest(metrics.registry) + generate_latest(registry)
