"""Numbers for Prometheus: requests as they happen, and how things stand as the store has it."""

from datetime import datetime

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from service.gauges import Numbers


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
        self._shops = Counter(
            "passaparola_shop_webhooks", "Deliveries of shops, by what became of them in the request",
            ["source", "outcome"], registry=self.registry,
        )  # fmt: skip

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def shop(self, source: str, outcome: str) -> None:
        """Note a delivery of a shop: `stored`, `repeated`, `parked`, `ignored`, or why it was refused."""
        self._shops.labels(source, outcome).inc()


METRICS = web.AppKey("metrics", Metrics)
NUMBERS = web.AppKey("numbers", Numbers)


async def exposition(numbers: Numbers, metrics: Metrics, now: datetime) -> bytes:
    """The text Prometheus reads. Raises `StoreUnavailable`."""
    registry = CollectorRegistry()
    registry.register(await numbers.gauges(now))
    return generate_latest(metrics.registry) + generate_latest(registry)
