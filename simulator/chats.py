"""The chats as the customers' phones show them, kept in memory.

In: bubbles and what happens to them. Out: JSON for the page, whole (``state``) or as events to ``publish``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Literal

from simulator.parties import Customer

Json = dict[str, Any]


class Ticks(IntEnum):
    """The ticks on the customer's own bubble."""

    WAITING = 0
    POSTED = 1
    ANSWERED = 2
    READ = 3


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message. ``side`` is the customer's view: out = typed by the customer, in = from the business.

    ``content`` is the message as the API has it: ``{"type": "text", "text": {…}}``.
    """

    wamid: str
    side: Literal["in", "out"]
    at: float
    content: Mapping[str, Any]
    ticks: Ticks = Ticks.WAITING
    seen: bool = False
    failure: str | None = None
    reaction: str | None = None

    def as_json(self) -> Json:
        """For the page."""
        return {
            "id": self.wamid,
            "side": self.side,
            "at": self.at,
            "content": self.content,
            "ticks": int(self.ticks),
            "seen": self.seen,
            "failure": self.failure,
            "reaction": self.reaction,
        }


class Chat:
    """One customer's chat with the business; bubbles in the order of arrival."""

    def __init__(self, customer: Customer) -> None:
        self.customer = customer
        self.bubbles: dict[str, Bubble] = {}

    @property
    def key(self) -> str:
        """The chat's name in addresses."""
        return self.customer.key

    def unseen(self) -> list[Bubble]:
        """What the business wrote and the customer has not looked at."""
        return [each for each in self.bubbles.values() if each.side == "in" and not each.seen and not each.failure]

    def as_json(self, *, bubbles: bool = True) -> Json:
        """For the page; without ``bubbles`` only the line in the list."""
        customer = self.customer
        line = {"key": self.key, "name": customer.name, "phone": customer.phone, "user_id": customer.user_id}
        line["language"] = customer.language
        return {**line, "bubbles": [each.as_json() for each in self.bubbles.values()]} if bubbles else {**line}


class ChatBook:
    """All chats. ``publish`` gets one event for every change."""

    def __init__(self, customers: Iterable[Customer], publish: Callable[[Json], None]) -> None:
        self._publish = publish
        self._chats: dict[str, Chat] = {}
        self._addresses: dict[str, Chat] = {}
        for customer in customers:
            self._enter(customer)

    def state(self) -> list[Json]:
        """Every chat with its bubbles."""
        return [chat.as_json() for chat in self._chats.values()]

    def get(self, key: str) -> Chat | None:
        """The chat of that key."""
        return self._chats.get(key)

    def add(self, customer: Customer) -> Chat:
        """A chat for somebody new; ValueError if one of the addresses is taken."""
        chat = self._enter(customer)
        self._publish({"event": "chat", "chat": chat.as_json()})
        return chat

    def at_address(self, address: str) -> Chat:
        """The chat reached by digits or a user id; somebody unknown gets one, since the business may write first."""
        known = self._addresses.get(address)
        if known is not None:
            return known
        if address.isdecimal():
            return self.add(Customer(f"+{address}", phone=f"+{address}"))
        return self.add(Customer(address, user_id=address))

    def put(self, chat: Chat, bubble: Bubble) -> None:
        """Append a bubble, or replace the one of the same id."""
        chat.bubbles[bubble.wamid] = bubble
        self._publish({"event": "bubble", "chat": chat.key, "bubble": bubble.as_json()})

    def change(self, chat: Chat, wamid: str, **changes: Any) -> None:
        """Change a bubble, if it is there and the change is one; ticks never go back."""
        bubble = chat.bubbles.get(wamid)
        if bubble is None:
            return
        if "ticks" in changes:
            changes["ticks"] = max(changes["ticks"], bubble.ticks)
        changed = replace(bubble, **changes)
        if changed != bubble:
            self.put(chat, changed)

    def tick_all(self, chat: Chat, through: str | None = None) -> None:
        """Blue ticks on the customer's bubbles, up to and with ``through``: reading one marks all earlier ones."""
        for bubble in tuple(chat.bubbles.values()):
            if bubble.side == "out":
                self.change(chat, bubble.wamid, ticks=Ticks.READ)
            if bubble.wamid == through:
                return

    def chat_of(self, wamid: str) -> Chat | None:
        """The chat in which that message is."""
        return next((chat for chat in self._chats.values() if wamid in chat.bubbles), None)

    def _enter(self, customer: Customer) -> Chat:
        taken = [key for key in customer.keys if key in self._addresses]
        if taken:
            raise ValueError(f"{taken[0]} is already the address of {self._addresses[taken[0]].customer.name}")
        chat = self._chats[customer.key] = Chat(customer)
        for key in customer.keys:
            self._addresses[key] = chat
        return chat
