"""Receipts that were faster than we: the message they tell of has no id of the channel in our outbox yet.

They wait here until it has one. Those of messages that are not ours (another system sends by the same number) wait in
vain and are dropped.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from conversation.arriving.incoming import Receipt, receipt_from_json, receipt_to_json
from conversation.tables import EarlyReceipt
from loyalty.store.sql import execute, insert_once, table_of

KEPT = timedelta(days=7)
"""As long as WhatsApp tries to hand over a webhook (Meta: "Webhooks overview")."""
_EARLY = table_of(EarlyReceipt)
_CLAIM = delete(_EARLY).where(_EARLY.c.message_id == bindparam("message")).returning(_EARLY.c.id, _EARLY.c.body)
_ANY = select(_EARLY.c.id).limit(1)
_DROP = delete(_EARLY).where(_EARLY.c.received_at < bindparam("before"))


class ApplyReceipts(Protocol):
    """Brings messages of ours to the state that receipts tell."""

    def __call__(self, session: Session, receipts: Sequence[Receipt], *, now: datetime) -> None: ...


def keep(session: Session, receipt: Receipt, now: datetime) -> None:
    """Keep a receipt whose message nobody knows, once for each state."""
    row = {
        "message_id": receipt.message_id, "state": receipt.state, "body": receipt_to_json(receipt), "received_at": now,
    }  # fmt: skip
    insert_once(session, EarlyReceipt, row)


def claim(session: Session, wamid: str) -> list[Receipt]:
    """Take the receipts of a message whose id is known now, in the order they came."""
    rows = sorted(execute(session, _CLAIM, {"message": wamid}), key=lambda row: int(row.id))
    return [receipt_from_json(wamid, row.body) for row in rows]


def claim_all(session: Session, wamids: Iterable[str]) -> list[Receipt]:
    """Take the receipts of all these messages; one look is enough if none waits, as is usual."""
    if execute(session, _ANY).first() is None:
        return []
    return [receipt for wamid in wamids for receipt in claim(session, wamid)]


def drop_old(session: Session, *, now: datetime) -> int:
    """Drop those that waited too long. Returns how many."""
    return execute(session, _DROP, {"before": now - KEPT}).rowcount
