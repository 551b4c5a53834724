"""A WhatsApp to try things with: a local stand-in for Meta's Cloud API and a page that behaves like the app.

It knows the rest of the project by HTTP only. Tests and benchmarks use its parts on their own: ``StandInGraph`` with
``serve`` as the API, ``Customers`` as the people; ``simulator.pytest_plugin`` has both as fixtures.
"""

from simulator.config import SimulatorConfig
from simulator.customers import Customers, Habits
from simulator.deliverer import Deliverer, Patience, Report
from simulator.errors import Rejected
from simulator.graph import StandInGraph, serve
from simulator.limits import check
from simulator.parties import Business, Customer
from simulator.records import ReadMark, Refused, Sent
from simulator.rules import PairLimit, PortfolioLimit, ServiceWindow, Throughput
from simulator.webhook_events import AD, EventBuilder
from simulator.webhooks import Update, WebhookBuilder, batch, encode, sign

__all__ = [
    "AD",
    "Business",
    "Customer",
    "Customers",
    "Deliverer",
    "EventBuilder",
    "Habits",
    "PairLimit",
    "Patience",
    "PortfolioLimit",
    "ReadMark",
    "Refused",
    "Rejected",
    "Report",
    "Sent",
    "ServiceWindow",
    "SimulatorConfig",
    "StandInGraph",
    "Throughput",
    "Update",
    "WebhookBuilder",
    "batch",
    "check",
    "encode",
    "serve",
    "sign",
]
