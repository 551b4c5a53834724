"""Which choices a reply refers to, if it quotes a message of ours that offered some."""

from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from conversation.arriving.incoming import Incoming, Tap
from conversation.choosing.offers import Offered, find_offer, read_token
from conversation.tables import OutboxRow
from loyalty.store.sql import execute, table_of

_OUTBOX = table_of(OutboxRow)
_QUOTED = select(_OUTBOX.c.message).where(
    _OUTBOX.c.wamid == bindparam("wamid"), _OUTBOX.c.member_id == bindparam("member")
)


def quoted_offer(session: Session, member: str, incoming: Incoming) -> Offered | None:
    """The offer in the message of ours that a customer's words quote. A tap says by itself what it chooses."""
    if incoming.in_reply_to is None or isinstance(incoming.content, Tap):
        return None
    row = execute(session, _QUOTED, {"wamid": incoming.in_reply_to, "member": member}).first()
    offer = find_offer(session, _offer_in(row.message)) if row is not None else None
    return offer if offer is not None and offer.member == member else None


def _offer_in(message: dict[str, Any]) -> str | None:
    """The offer that the buttons of a message name."""
    for choice in message.get("choices") or ():
        named = read_token(str(choice.get("id", "")))
        if named is not None:
            return named[0]
    return None
