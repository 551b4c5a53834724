"""The customers' phones: what they send becomes webhooks, what the business sends becomes bubbles and statuses.

Sources: Meta, "status messages webhook reference" (which statuses, when), "Typing indicators" (reading marks earlier
messages too), "Reaction messages" (only ``sent`` comes back).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from simulator.chats import Bubble, Chat, ChatBook, Json, Ticks
from simulator.deliverer import Deliverer
from simulator.errors import Rejected
from simulator.graph import StandInGraph
from simulator.records import ReadMark, Sent
from simulator.webhooks import Update, WebhookBuilder


class Phones:
    """Connects chats, webhooks and the stand-in Graph; with ``statuses`` False no status webhook is posted."""

    def __init__(
        self,
        book: ChatBook,
        builder: WebhookBuilder,
        deliverer: Deliverer,
        graph: StandInGraph,
        *,
        statuses: bool = True,
        publish: Callable[[Json], None] = lambda event: None,
    ) -> None:
        self._book = book
        self._builder = builder
        self._deliverer = deliverer
        self._window = graph.window
        self._statuses = statuses
        self._publish = publish
        graph.on_message.append(self.receive)
        graph.on_read.append(self.marked)

    def send(self, chat: Chat, update: Update) -> Bubble:
        """The customer sends what ``update`` says; the bubble gets its second tick when the webhook answers 200."""
        bubble = Bubble(update.wamid, "out", time.time(), update.message, Ticks.POSTED)
        if self._window is not None:
            self._window.wrote(chat.customer.keys, bubble.at)
        self._book.put(chat, bubble)
        self.look(chat)  # who writes has the chat open
        delivery = self._deliverer.post(chat.key, update.body)

        def answered(done: asyncio.Future[bool]) -> None:
            if not done.cancelled():
                failure = None if done.result() else "The chat process never took this message."
                ticks = Ticks.ANSWERED if done.result() else Ticks.POSTED
                self._book.change(chat, update.wamid, ticks=ticks, failure=failure)

        delivery.add_done_callback(answered)
        return bubble

    def receive(self, sent: Sent) -> None:
        """The business sent something: show it, and report what became of it."""
        chat = self._book.at_address(sent.to)
        if sent.failure is not None:
            failure = f"Not delivered: {sent.failure.title} ({sent.failure.code}). {sent.failure.details}"
            self._book.put(chat, Bubble(sent.wamid, "in", sent.at, sent.body, failure=failure))
            self._report(chat, "failed", sent, sent.failure)
            return
        if sent.kind == "reaction":
            reaction = sent.body["reaction"]
            self._book.change(chat, reaction["message_id"], reaction=reaction["emoji"] or None)
            self._report(chat, "sent", sent)
            return
        self._book.tick_all(chat)  # whoever answers has read the question
        self._book.put(chat, Bubble(sent.wamid, "in", sent.at, sent.body))
        self._report(chat, "sent", sent)
        self._report(chat, "delivered", sent)

    def marked(self, mark: ReadMark) -> None:
        """The business marked a message as read, perhaps with three dots."""
        chat = self._book.chat_of(mark.wamid)
        if chat is None:
            return
        self._book.tick_all(chat, mark.wamid)
        if mark.typing:
            self._publish({"event": "typing", "chat": chat.key})

    def look(self, chat: Chat) -> None:
        """The customer looks at the chat: ``read`` for everything new."""
        for bubble in chat.unseen():
            self._book.change(chat, bubble.wamid, seen=True)
            if self._statuses:
                opaque = bubble.content.get("biz_opaque_callback_data")
                update = self._builder.status("read", bubble.wamid, chat.customer, opaque=opaque)
                self._deliverer.post(chat.key, update.body)

    def _report(self, chat: Chat, status: str, sent: Sent, error: Rejected | None = None) -> None:
        if not self._statuses:
            return
        category = "utility" if sent.kind == "template" else "service"
        opaque = sent.body.get("biz_opaque_callback_data")
        update = self._builder.status(status, sent.wamid, chat.customer, opaque=opaque, category=category, error=error)
        self._deliverer.post(chat.key, update.body)
