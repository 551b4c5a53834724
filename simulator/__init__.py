"""A WhatsApp to try things with: a local stand-in for Meta's Cloud API and a page that behaves like the app.

It knows the rest of the project by HTTP only. Tests and benchmarks use its parts on their own: ``StandInGraph`` with
``serve`` as the API, ``WebhookBuilder`` with ``Deliverer`` as the customers.
"""

from simulator.config import SimulatorConfig
from simulator.deliverer import Deliverer, Patience, Report
from simulator.errors import Rejected
from simulator.graph import StandInGraph, serve
from simulator.limits import check
from simulator.parties import Business, Customer
from simulator.records import ReadMark, Refused, Sent
from simulator.rules import PairLimit, ServiceWindow
from simulator.webhooks import Update, WebhookBuilder, batch, encode, sign

__all__ = [
    "Business",
    "Customer",
    "Deliverer",
    "PairLimit",
    "Patience",
    "ReadMark",
    "Refused",
    "Rejected",
    "Report",
    "Sent",
    "ServiceWindow",
    "SimulatorConfig",
    "StandInGraph",
    "Update",
    "WebhookBuilder",
    "batch",
    "check",
    "encode",
    "serve",
    "sign",
]
