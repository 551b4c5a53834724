"""Choices that were sent, and the tokens in their buttons.

A token is `<offer>-<number>`: the offer's 64 random bits and the place of the choice. What a choice does is kept
here and nowhere in the message, so a token that was made up, stolen or outlived its step can do nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, insert, select
from sqlalchemy.orm import Session

from conversation.choosing.matching import match_choice
from conversation.messages.extras import Medium
from conversation.messages.layout import MORE, WHATSAPP, Limits, lay_out, window_of
from conversation.messages.model import Message
from conversation.messages.parts import to_parts
from conversation.messages.wire import message_from_json, message_to_json
from conversation.tables import Conversation, Offer
from flows.model import Saved
from loyalty.codes import random_signs
from loyalty.store.objects import load
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
    shown: tuple[int, int] | None = None
    """Which choices were on the page: first and last (exclusive). Old offers do not say."""
    numbered: bool = False
    """Whether the choices were shown with numbers before them."""

    def outlived(self, now: datetime) -> bool:
        """Whether a choice of it is too old to change anything. A question in a button may be asked for ever."""
        return now > self.created_at + OLDEST

    def window(self, limits: Limits = WHATSAPP) -> tuple[int, int]:
        """Which choices are on the page that was shown: first and last (exclusive)."""
        return self.shown or window_of(len(self.message.choices), self.page, limits.rows)

    def typed(self, text: str, *, more: str | None = None) -> int | None:
        """Which choice typed words mean, `MORE` for the row that turns the page (titled `more`); None if not clear."""
        first, last = self.window()
        more = more if last - first < len(self.message.choices) else None
        return match_choice(text, self.message.choices, first=first, last=last, more=more, numbered=self.numbered)


def read_token(token: str) -> tuple[str, int] | None:
    """The offer and the number a token names; None for anything that cannot be ours."""
    offer, dash, number = token.partition("-")
    if not dash or len(offer) != _SIGNS or not number.isascii() or not number.isdecimal() or len(number) > 4:
        return None
    return offer, int(number)


def find_offer(session: Session, id_: str | None) -> Offered | None:
    """The offer with this id."""
    row = load(session, Offer, id_) if id_ else None
    return None if row is None else offered(row.id, row.member_id, row)


def offered(id_: str, member: str, row: Any) -> Offered:
    """An offer from the columns of its row, however they were read."""
    kept, window = row.message, row.message.get("window")
    return Offered(
        id_, member, row.run, row.step, message_from_json(kept), row.page, row.created_at,
        (window[0], window[1]) if window else None, kept.get("style") == "numbered",
    )  # fmt: skip


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
    headed = message.image is not None or any(isinstance(extra, Medium) for extra in message.extras)
    layout = lay_out(message.choices, page=page, more=more, limits=limits, headed=headed)
    if layout.style == "plain":
        return to_parts(message, layout, offer="", prompt=prompt, limits=limits)
    id_ = random_signs(_SIGNS)
    shown = {"window": list(layout.window), "style": layout.style}
    execute(
        session,
        _INSERT,
        {
            "id": id_, "member_id": conversation.member_id, "run": saved.run if saved else None,
            "step": saved.step if saved else 0, "message": {**message_to_json(message), **shown}, "page": page,
            "created_at": now,
        },
    )  # fmt: skip
    conversation.offer_id = id_
    return to_parts(message, layout, offer=id_, prompt=prompt, limits=limits)


def forget_old(session: Session, *, now: datetime, at_most: int = 10_000) -> int:
    """Delete offers that nobody can be about to choose from. Returns how many; there may be more."""
    standing = exists().where(Conversation.offer_id == Offer.id)
    old = select(Offer.id).where(Offer.created_at < now - KEPT, ~standing).limit(at_most)
    gone = session.execute(delete(Offer).where(Offer.id.in_(old)).execution_options(synchronize_session=False))
    return int(getattr(gone, "rowcount", 0))


def turns_page(number: int) -> bool:
    """Whether the number in a token is the "more" row."""
    return number == MORE
