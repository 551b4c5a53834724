"""From a shop's webhook to the message: `python -m benchmarks.notices [--quick] [--postgres URL]`.

Orders of members who wrote a moment ago arrive as Shopify's webhooks at a steady rate. Measured is the time from the
first byte of a webhook to the arrival of the message about it at the stand-in for the Graph API, through both
processes: the service (signature, inbox, posting, notice) and the chat process (sender). Prints Markdown.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp
from sqlalchemy.orm import Session

from benchmarks.figures import Sample
from benchmarks.incoming import running
from benchmarks.programs import WORK, alone, free_port
from conversation.register import ensure_conversation
from loyalty.files.reading import read_programme
from loyalty.news import TellingStore
from loyalty.people.identities import Ref
from loyalty.people.members import Person, join, meet
from loyalty.revisions import ensure_programme
from loyalty.store import open_store
from loyalty.store.schema import upgrade
from simulator import Sent, StandInGraph, serve
from tests.crash.chat_process import HOST, NUMBER_ID, TOKEN, chat_process
from tests.crash.service_process import SHOP, SHOP_SECRET, service_process

RATE = 100.0
QUICK, FULL = 5.0, 60.0
WARMING = 200
PROGRAMME = Path("programmes/cafe.yml")


def phone(number: int) -> str:
    """The number of a member."""
    return f"+3933{number:08}"


async def enrol(database: str, people: int) -> None:
    """Members whose customer service window is open."""
    store = TellingStore(open_store(database), ())  # nobody is told of her joining
    programme, now = read_programme(PROGRAMME), datetime.now(UTC)

    def some(session: Session, first: int) -> None:
        ensure_programme(session, programme, now=now)
        for number in range(first, min(first + 500, people)):
            member = meet(session, programme, Person((Ref.phone(phone(number)),)), now=now)
            join(session, programme, member, now=now)
            conversation = ensure_conversation(
                session, member, number_id=NUMBER_ID, phone=phone(number).removeprefix("+"), user_id=None
            )
            conversation.last_heard_at = now
        session.flush()

    for first in range(0, people, 500):
        await store.write(lambda session, first=first: some(session, first))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    await store.close()


def order(number: int) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of the webhook of a member's order."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    line = {"id": number, "title": "Coffee beans", "sku": "BEANS", "quantity": 1, "price": "42.50", "gift_card": False}
    body: dict[str, Any] = {
        "id": 5_000_000_000_000_000_000 + number, "name": f"#{number}", "test": False, "currency": "EUR",
        "financial_status": "paid", "created_at": at, "processed_at": at, "updated_at": at, "cancelled_at": None,
        "total_price": "42.50", "subtotal_price": "42.50", "total_tax": "0.00", "total_discounts": "0.00",
        "taxes_included": True, "phone": phone(number), "customer": {"id": number + 1, "phone": phone(number)},
        "billing_address": {"country_code": "IT", "phone": phone(number)}, "line_items": [line], "refunds": [],
    }  # fmt: skip
    raw = json.dumps(body).encode()
    signature = base64.b64encode(hmac.new(SHOP_SECRET.encode(), raw, hashlib.sha256).digest()).decode()
    headers = {
        "Content-Type": "application/json", "X-Shopify-Topic": "orders/paid", "X-Shopify-Hmac-Sha256": signature,
        "X-Shopify-Shop-Domain": SHOP, "X-Shopify-Webhook-Id": f"webhook-{number}", "X-Shopify-Triggered-At": at,
    }  # fmt: skip
    return raw, headers


class Arrivals:
    """When the message for each member arrived."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    def __call__(self, sent: Sent) -> None:
        self.at.setdefault("+" + sent.to.removeprefix("+"), perf_counter())


async def post(session: aiohttp.ClientSession, url: str, number: int) -> tuple[str, float, float]:
    """A member's order is told. Returns her number, when that began, and the seconds until it was acknowledged."""
    body, headers = order(number)
    began = perf_counter()
    async with session.post(url, data=body, headers=headers) as answer:
        if answer.status != 200:
            raise RuntimeError(f"the webhook answered {answer.status}: {await answer.text()}")
    return phone(number), began, perf_counter() - began


async def measure(database: str, seconds: float) -> None:
    """Everything, printed."""
    people = int(RATE * seconds) + WARMING
    await enrol(database, people)
    graph, chat, shop, arrivals = StandInGraph(TOKEN), free_port(), free_port(), Arrivals()
    graph.on_message.append(arrivals)
    url = f"http://{HOST}:{shop}/webhooks/shopify"
    async with (
        serve(graph) as api,
        running(chat_process(database, api, chat), chat),
        running(service_process(database, api, shop), shop),
        aiohttp.ClientSession() as session,
    ):
        posts = []
        begin = perf_counter()
        for number in range(people):
            await asyncio.sleep(max(0.0, begin + number / RATE - perf_counter()))
            posts.append(asyncio.create_task(post(session, url, number)))
        told = await asyncio.gather(*posts)
        async with asyncio.timeout(60):
            while len(arrivals.at) < people:  # noqa: ASYNC110 -- other processes know nothing of us
                await asyncio.sleep(0.05)
    counted = told[WARMING:]
    _print("acknowledged", Sample(tuple(took for _, _, took in counted), seconds))
    _print("message arrived", Sample(tuple(arrivals.at[who] - began for who, began, _ in counted), seconds))
    print(f"\n{len(counted):,} orders, {len(graph.messages):,} messages, load average {os.getloadavg()[0]:.1f}")


def _print(name: str, sample: Sample) -> None:
    found = [f"{sample.percentile(which) * 1e3:.0f}" for which in (50, 95, 99)]
    print(f"| {name} | {' | '.join(found)} | {max(sample.latencies) * 1e3:.0f} |")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    parser.add_argument("--postgres", help="the URL of an empty database, instead of SQLite")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    with alone(), tempfile.TemporaryDirectory(dir=WORK, prefix="notices-") as folder:
        database = options.postgres or f"sqlite:///{folder}/store.db"
        upgrade(database)
        print(f"| {RATE:.0f} orders a second, after, ms | p50 | p95 | p99 | max |\n|---|--:|--:|--:|--:|")
        asyncio.run(measure(database, QUICK if options.quick else FULL))


if __name__ == "__main__":
    main()
