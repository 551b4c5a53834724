"""What the page does in a chat: `/sim/state`, `/sim/chats…`. Everything is named by the chat's key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from simulator.answers import Refusal, answer, body_of, text_in
from simulator.chats import Chat, ChatBook
from simulator.choices import choice
from simulator.parties import Customer, new_user_id
from simulator.phones import Phones
from simulator.webhooks import Update, WebhookBuilder

TEXT = 65536  # a person may type far more than a business may send
LANGUAGES = frozenset(("en", "it", "es", "fr", "ar"))


class ChatRoutes:
    """The routes of the chats; ``about`` gives the part of the state that is not chats."""

    def __init__(
        self, book: ChatBook, phones: Phones, builder: WebhookBuilder, about: Callable[[], dict[str, Any]]
    ) -> None:
        self._book = book
        self._phones = phones
        self._builder = builder
        self._about = about

    def routes(self) -> list[web.RouteDef]:
        """For the application under `/sim`."""
        return [
            web.get("/state", self.state),
            web.post("/chats", self.add),
            web.post("/chats/{key}/text", self.text),
            web.post("/chats/{key}/tap", self.tap),
            web.post("/chats/{key}/media", self.media),
            web.post("/chats/{key}/open", self.open),
        ]

    async def state(self, request: web.Request) -> web.Response:
        """Everything the page shows at first."""
        return answer({**self._about(), "chats": self._book.state()})

    async def add(self, request: web.Request) -> web.Response:
        """Somebody new: ``name``, and ``phone``, or without one a ``user_id`` (made up if it is missing)."""
        body = await body_of(request)
        phone = text_in(body, "phone", required=False).replace(" ", "") or None
        user_id = text_in(body, "user_id", required=False) or None
        language = text_in(body, "language", required=False) or "en"
        if language not in LANGUAGES:
            raise Refusal(400, f"Languages: {', '.join(sorted(LANGUAGES))}.")
        if phone is None and user_id is None:
            user_id = new_user_id()
        try:
            chat = self._book.add(Customer(text_in(body, "name"), phone, user_id, language))
        except ValueError as error:
            raise Refusal(400, f"{error}.".capitalize()) from None
        return answer(chat.as_json(), 201)

    async def text(self, request: web.Request) -> web.Response:
        """The customer types ``text``; ``reply_to`` is the message it quotes, if any."""
        chat = self._chat(request)
        body = await body_of(request)
        text = text_in(body, "text")
        if len(text) > TEXT:
            raise Refusal(400, f"WhatsApp takes {TEXT} characters at most.")
        reply_to = text_in(body, "reply_to", required=False) or None
        return self._sent(chat, self._builder.text(chat.customer, text, reply_to=reply_to))

    async def tap(self, request: web.Request) -> web.Response:
        """The customer taps the choice ``id`` of the business's message ``message``, however old it is."""
        chat = self._chat(request)
        body = await body_of(request)
        wamid = text_in(body, "message")
        bubble = chat.bubbles.get(wamid)
        chosen = choice(bubble.content, str(body.get("id"))) if bubble is not None and bubble.side == "in" else None
        if chosen is None:
            raise Refusal(404, "There is no such button in this chat.")
        customer = chat.customer
        if chosen.kind == "button":
            update = self._builder.button_reply(customer, chosen.key, chosen.title, reply_to=wamid)
        elif chosen.kind == "row":
            update = self._builder.list_reply(customer, chosen.key, chosen.title, chosen.description, reply_to=wamid)
        else:
            title = text_in(body, "title", required=False) or chosen.title  # Meta knows the label, the send does not
            update = self._builder.template_reply(customer, chosen.key, title, reply_to=wamid)
        return self._sent(chat, update)

    async def media(self, request: web.Request) -> web.Response:
        """The customer sends a placeholder of ``kind``: no file behind it, but a genuine webhook."""
        chat = self._chat(request)
        body = await body_of(request)
        kind = text_in(body, "kind")
        reply_to = text_in(body, "reply_to", required=False) or None
        customer, builder = chat.customer, self._builder
        if kind == "contact":
            phone = customer.phone or text_in(body, "phone")
            return self._sent(chat, builder.contact(customer, phone, asked=reply_to is not None, reply_to=reply_to))
        makers: dict[str, Callable[[], Update]] = {
            "voice": lambda: builder.audio(customer),
            "photo": lambda: builder.image(customer, text_in(body, "caption", required=False) or None),
            "video": lambda: builder.video(customer),
            "document": lambda: builder.document(customer),
            "sticker": lambda: builder.sticker(customer),
            "location": lambda: builder.location(customer, 45.4642, 9.19, "Piazza del Duomo, Milano", reply_to),
            "poll": lambda: builder.unsupported(customer),
        }
        if kind not in makers:
            raise Refusal(400, f"Kinds: {', '.join(sorted(makers))}, contact.")
        return self._sent(chat, makers[kind]())

    async def open(self, request: web.Request) -> web.Response:
        """The customer looks at the chat."""
        self._phones.look(self._chat(request))
        return answer({"ok": True})

    def _sent(self, chat: Chat, update: Update) -> web.Response:
        return answer(self._phones.send(chat, update).as_json(), 201)

    def _chat(self, request: web.Request) -> Chat:
        chat = self._book.get(request.match_info["key"])
        if chat is None:
            raise Refusal(404, "There is no such chat.")
        return chat
