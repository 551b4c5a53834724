"""What receipts tell of who got a message: the user id of a customer who was known by her phone alone.

From then on she is the same customer when WhatsApp hides her phone (Meta, "Business-scoped user ids").
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from conversation.arriving.incoming import Receipt
from conversation.register import written
from conversation.tables import Conversation, OutboxRow
from loyalty.ids import ProgrammeId
from loyalty.people.members import Ref, find_member
from loyalty.store.sql import execute, insert_once, table_of
from loyalty.tables import Identity

_CONVERSATION, _OUTBOX = table_of(Conversation), table_of(OutboxRow)
_NAMELESS = (
    select(_CONVERSATION.c.member_id, _CONVERSATION.c.programme_id)
    .join(_OUTBOX, _OUTBOX.c.member_id == _CONVERSATION.c.member_id)
    .where(
        (_OUTBOX.c.wamid == bindparam("wamid")) | (_OUTBOX.c.id == bindparam("number")),
        _CONVERSATION.c.phone == bindparam("telephone"),
        _CONVERSATION.c.user_id.is_(None),
    )
    .limit(1)
)
_NAME = (
    update(_CONVERSATION)
    .where(_CONVERSATION.c.member_id == bindparam("member"), _CONVERSATION.c.user_id.is_(None))
    .values(user_id=bindparam("user"))
)


def learn(session: Session, receipts: Sequence[Receipt], *, now: datetime) -> int:
    """Note the user ids of customers who were known by phone alone. Returns how many were learnt.

    One that is another member's already is left alone: when she writes, it shows who she is.
    """
    told = {
        receipt.recipient: receipt
        for receipt in receipts
        if receipt.recipient is not None and receipt.recipient.phone and receipt.recipient.user_id
    }
    learnt = 0
    for recipient, receipt in told.items():
        values = {
            "wamid": receipt.message_id, "number": receipt.outbox_id, "telephone": written(recipient.phone),
        }  # fmt: skip
        row = execute(session, _NAMELESS, values).first()
        if row is None:
            continue
        assert recipient.user_id is not None
        ref = Ref.user(recipient.user_id)
        if find_member(session, ProgrammeId(row.programme_id), (ref,)) is not None:
            continue
        identity = {
            "programme_id": row.programme_id, "member_id": row.member_id, "kind": str(ref.kind), "value": ref.value,
            "created_at": now,
        }  # fmt: skip
        if insert_once(session, Identity, identity):
            learnt += execute(session, _NAME, {"member": row.member_id, "user": ref.value}).rowcount
    return learnt
