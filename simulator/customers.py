"""Customers for tests: what they do is posted to a webhook as Meta posts it, and what they are sent has statuses.

In: a stand-in Graph API and the address of a webhook. Out: signed updates, tried again until they are taken.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from simulator.deliverer import Deliverer, Patience
from simulator.graph import StandInGraph
from simulator.parties import Business, Customer, new_user_id
from simulator.records import Sent
from simulator.webhook_events import EventBuilder
from simulator.webhooks import Shape, Update, WebhookBuilder, batch

BUSINESS = Business("Caffè Aurora", "+390612345678", "100000000000001")
QUICK = Patience(first=0.05, factor=2.0, longest=1.0, give_up_after=60.0)
BATCH = 1000  # Meta, "Create a webhook endpoint"


@dataclass(frozen=True, slots=True)
class Habits:
    """How Meta behaves. ``statuses`` of what arrives: leave out ``delivered`` for a chat that is open, add ``played``.

    ``copies``: each webhook comes so often, its copies side by side. ``shuffled``: statuses come in any order.
    ``contacts``: whether statuses have them. ``charged``: the price's type.
    """

    statuses: Sequence[str] = ("sent", "delivered")
    copies: int = 1
    shuffled: bool = False
    contacts: bool = True
    charged: str = "regular"


class Customers:
    """The people at the other end. Use as an async context manager; ``dice`` shuffles, so that a run can be repeated.

    ``build`` and ``events`` make updates, ``sends`` posts them.
    """

    def __init__(
        self,
        graph: StandInGraph,
        webhook_url: str,
        app_secret: str,
        *,
        business: Business = BUSINESS,
        habits: Habits | None = None,
        patience: Patience = QUICK,
        clock: Callable[[], float] = time.time,
        dice: random.Random | None = None,
    ) -> None:
        self.habits = habits or Habits()
        self.build = WebhookBuilder(business, clock)
        self.events = EventBuilder(self.build)
        self._graph = graph
        self._clock = clock
        self._dice = dice or random.Random(0)
        self._deliverer = Deliverer(webhook_url, app_secret, patience=patience)
        self._people: dict[str, Customer] = {}
        self._posted = 0
        graph.on_message.append(self._report)
        graph.on_failure.append(self._report)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._graph.on_message.remove(self._report)
        self._graph.on_failure.remove(self._report)
        await self._deliverer.close()

    @staticmethod
    def somebody(phone: str | None = None, *, name: str = "Giulia", language: str = "en") -> Customer:
        """A customer; without a phone one of whom only the business-scoped user id is known."""
        return Customer(name, phone, None if phone else new_user_id(), language)

    async def says(self, customer: Customer, text: str) -> Update:
        """She types something; returns when the webhook took it."""
        update = self.build.text(customer, text)
        await self.sends(customer, update)
        return update

    async def taps(self, customer: Customer, title: str) -> Update:
        """She taps a choice in the newest message that offers one of this title. AssertionError if there is none."""
        for sent in reversed([one for key in customer.keys for one in self._graph.sent_to(key)]):
            for choice in sent.choices:
                if choice.title == title:
                    update = self._tap(customer, sent, choice.kind, choice.key, title, choice.description)
                    await self.sends(customer, update)
                    return update
        raise AssertionError(f"nothing that was sent to {customer.key} offers {title!r}")

    async def sends(self, customer: Customer, *updates: Update) -> None:
        """Her phone sends these, in order. AssertionError if the webhook did not take them in all this time."""
        for update in updates:
            self._note(customer, update)
        await self._taken([self._post(customer.key, update.body) for update in updates])

    async def send_together(self, people: Sequence[tuple[Customer, Update]], shape: Shape = "entries") -> None:
        """Meta gathers updates into bodies of up to 1,000; all are posted at once."""
        for customer, update in people:
            self._note(customer, update)
        bodies = [
            batch([update for _, update in people[at : at + BATCH]], shape) for at in range(0, len(people), BATCH)
        ]
        await self._taken([self._post(f"batch {number}", body) for number, body in enumerate(bodies)])

    async def settled(self) -> None:
        """All that was posted so far, statuses too, was taken or given up."""
        await self._deliverer.join()

    def _post(self, queue: str, body: dict[str, Any]) -> list[asyncio.Future[bool]]:
        """The first keeps its place in the queue, its copies come side by side."""
        posted = [self._deliverer.post(queue, body)]
        for _ in range(self.habits.copies - 1):
            self._posted += 1
            posted.append(self._deliverer.post(f"copy {self._posted}", body))
        return posted

    @staticmethod
    async def _taken(posted: Sequence[list[asyncio.Future[bool]]]) -> None:
        taken = await asyncio.gather(*(one for copies in posted for one in copies))
        assert all(taken), f"the webhook did not take {taken.count(False)} of {len(taken)} updates"

    def _note(self, customer: Customer, update: Update) -> None:
        self._people |= dict.fromkeys(customer.keys, customer)
        kind = str(update.message.get("type", ""))
        self._graph.heard(update.wamid, kind, self._clock(), customer.keys)

    def _tap(self, customer: Customer, sent: Sent, kind: str, key: str, title: str, detail: str | None) -> Update:
        if kind == "button":
            return self.build.button_reply(customer, key, title, reply_to=sent.wamid)
        if kind == "row":
            return self.build.list_reply(customer, key, title, detail, reply_to=sent.wamid)
        return self.build.template_reply(customer, key, title, reply_to=sent.wamid)

    def _report(self, sent: Sent) -> None:
        """What becomes of a message: its statuses, posted side by side if they are shuffled."""
        customer = self._people.get(sent.to) or Customer(
            sent.to, *((f"+{sent.to}", None) if sent.to.isdecimal() else (None, sent.to))
        )
        states = list(self.habits.statuses) if sent.failure is None else ["failed"]
        if sent.kind == "reaction":
            states = states[:1]  # Meta, "Reaction messages": only `sent` comes back
        if self.habits.shuffled:
            self._dice.shuffle(states)
        category = "utility" if sent.kind == "template" else "service"
        for number, state in enumerate(states):
            update = self.build.status(
                state, sent.wamid, customer, opaque=sent.opaque, category=category, charged=self.habits.charged,
                contacts=self.habits.contacts, error=sent.failure,
            )  # fmt: skip
            self._post(f"{sent.to} status {number}" if self.habits.shuffled else f"{sent.to} status", update.body)
