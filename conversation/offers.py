"""Choices that were sent, and the tokens in their buttons.

A token is `<offer>-<number>`: the offer's 64 random bits and the place of the choice. What a choice does is kept
here and nowhere in the message, so a token that was made up, stolen or outlived its step can do nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, insert, select
from sqlalchemy.orm import Session

from conversation.layout import MORE, WHATSAPP, Layout, Limits, cut, lay_out, split, units
from conversation.model import Message
from conversation.tables import Conversation, Offer
from conversation.wire import message_from_json, message_to_json
from flows.model import Saved
from loyalty.codes import random_signs
from loyalty.store.sql import execute, table_of

OLDEST = timedelta(days=7)
"""How long a tap may still move a flow."""
KEPT = timedelta(days=90)
"""How long an offer is known at all; a tap on an older one gets the answer of an unknown one."""
_SIGNS = 13
_INSERT = insert(table_of(Offer))


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer read back."""

    id: str
    member: str
    run: str | None
    step: int
    message: Message
    page: int
    created_at: datetime

    def outlived(self, now: datetime) -> bool:
        """Whether a choice of it is too old to change anything. A question in a button may be asked for ever."""
        return now > self.created_at + OLDEST

    def window(self, limits: Limits = WHATSAPP) -> tuple[int, int]:
        """Which choices are on the page that was shown: first and last (exclusive)."""
        count = len(self.message.choices)
        if count <= limits.rows:
            return 0, count
        size = limits.rows - 1
        first = self.page % -(-count // size) * size
        return first, min(first + size, count)


def read_token(token: str) -> tuple[str, int] | None:
    """The offer and the number a token names; None for anything that cannot be ours."""
    offer, dash, number = token.partition("-")
    if not dash or len(offer) != _SIGNS or not number.isascii() or not number.isdecimal() or len(number) > 4:
        return None
    return offer, int(number)


def find_offer(session: Session, id_: str | None) -> Offered | None:
    """The offer with this id."""
    row = session.get(Offer, id_) if id_ else None
    return None if row is None else offered(row.id, row.member_id, row)


def offered(id_: str, member: str, row: Any) -> Offered:
    """An offer from the columns of its row, however they were read."""
    return Offered(id_, member, row.run, row.step, message_from_json(row.message), row.page, row.created_at)


def make_offer(
    session: Session,
    conversation: Conversation,
    message: Message,
    *,
    saved: Saved | None,
    more: str,
    page: int = 0,
    prompt: str,
    now: datetime,
    limits: Limits = WHATSAPP,
) -> list[dict[str, Any]]:
    """Remember a message's choices as the conversation's newest offer; returns the message as it goes to the outbox.

    It is one part wherever it fits; a text too long for a message with choices goes ahead of it in parts, as does a
    picture that a list cannot carry, and `prompt` stands above choices that are left without a text.
    """
    layout = lay_out(message.choices, page=page, more=more, limits=limits)
    if layout.style == "plain":
        return _plain(message.text, message.image, limits)
    id_ = random_signs(_SIGNS)
    execute(
        session,
        _INSERT,
        {
            "id": id_, "member_id": conversation.member_id, "run": saved.run if saved else None,
            "step": saved.step if saved else 0, "message": message_to_json(message), "page": page, "created_at": now,
        },
    )  # fmt: skip
    conversation.offer_id = id_
    fits = units(message.text) <= limits.body
    ahead, text = ("", message.text.strip()) if fits else (message.text, "")
    above, header = (message.image, None) if layout.style == "list" else (None, message.image)
    menu = cut((message.menu or "").strip(), limits.menu) or None
    return [*_plain(ahead, above, limits), _part(text or prompt, header, layout, id_, menu)]


def _plain(text: str, image: str | None, limits: Limits) -> list[dict[str, Any]]:
    """A text without choices, in as few parts as fit; a picture stands above it, the text as its caption if it may."""
    parts = split(text, limits.text)
    if image and (not parts or units(parts[0]) > limits.caption):
        parts.insert(0, "")
    return [_part(part, image if number == 0 else None) for number, part in enumerate(parts)]


def _part(
    text: str, image: str | None = None, layout: Layout | None = None, offer: str = "", menu: str | None = None
) -> dict[str, Any]:
    if layout is None:
        return {"style": "plain", "text": text, "image": image}
    choices = [
        {"id": f"{offer}-{shown.number}", "title": shown.title, "detail": shown.detail} for shown in layout.shown
    ]
    return {"style": layout.style, "text": text, "image": image, "choices": choices, "menu": menu}


def forget_old(session: Session, *, now: datetime, at_most: int = 10_000) -> int:
    """Delete offers that nobody can be about to choose from. Returns how many; there may be more."""
    standing = exists().where(Conversation.offer_id == Offer.id)
    old = select(Offer.id).where(Offer.created_at < now - KEPT, ~standing).limit(at_most)
    gone = session.execute(delete(Offer).where(Offer.id.in_(old)).execution_options(synchronize_session=False))
    return int(getattr(gone, "rowcount", 0))


def turns_page(number: int) -> bool:
    """Whether the number in a token is the "more" row."""
    return number == MORE
