"""What receipts tell of our messages. They come in any order, several times, and faster than the answer to the send."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from conversation.arriving import early_receipts
from conversation.arriving.incoming import Receipt
from conversation.leaving.consequences import refuse
from conversation.leaving.costs import RateCard
from conversation.leaving.refusals import Do, Refusal
from conversation.tables import OutboxRow
from loyalty.store.sql import execute, table_of

RANK = {
    "waiting": 0, "withheld": 0, "sending": 1, "unsure": 1, "sent": 2, "dropped": 3, "failed": 3, "delivered": 4,
    "read": 5, "played": 5,
}  # fmt: skip
"""A state only goes forward. What was delivered was delivered, whatever was said before."""
SECOND = timedelta(seconds=1)
"""How exactly a receipt tells its time."""

log = structlog.get_logger()

Judge = Callable[[int | None], Do]
"""What a provider's error code in a receipt asks for."""

_OUTBOX = table_of(OutboxRow)
_FOUND = (
    _OUTBOX.c.id, _OUTBOX.c.state, _OUTBOX.c.wamid, _OUTBOX.c.tried_at, _OUTBOX.c.sent_at, _OUTBOX.c.billed_on,
    _OUTBOX.c.phone, _OUTBOX.c.user_id, _OUTBOX.c.correlation,
)  # fmt: skip
_BY_NUMBER = select(*_FOUND).where(_OUTBOX.c.id == bindparam("number")).with_for_update()
_BY_NAME = select(*_FOUND).where(_OUTBOX.c.wamid == bindparam("name")).limit(1).with_for_update()
_MOVE = (
    update(_OUTBOX)
    .where(_OUTBOX.c.id == bindparam("number"))
    .values(
        state=bindparam("becomes"), wamid=bindparam("name"), sent_at=bindparam("since"), updated_at=bindparam("at"),
        error_code=None, error=None,
    )
)  # fmt: skip
_BILL = (
    update(_OUTBOX)
    .where(_OUTBOX.c.id == bindparam("number"))
    .values(
        billed_on=bindparam("day"), billed_as=bindparam("kind"), cost=bindparam("price"), currency=bindparam("money")
    )
)


def fail_plainly(_code: int | None) -> Do:
    """The judge where no provider is asked: what failed has failed."""
    return Do.ASK_HER


def apply_receipts(
    session: Session, receipts: Sequence[Receipt], *, now: datetime, judge: Judge = fail_plainly,
    rates: RateCard | None = None,
) -> None:  # fmt: skip
    """Bring messages to the state their receipts tell, and do what failures ask for, once. Note what they cost."""
    for receipt in sorted(receipts, key=lambda one: one.outbox_id or 0):  # locked in one order by everybody
        row = _find(session, receipt)
        if row is None:
            early_receipts.keep(session, receipt, now)
            continue
        if not _is_of_this_try(row, receipt):
            continue
        log.info("receipt", outbox_id=row.id, state=receipt.state, code=receipt.error_code, correlation=row.correlation)
        if receipt.state == "failed":
            _fail(session, row.id, receipt, judge, now)
            continue
        if receipt.pricing is not None and row.billed_on is None:
            _bill(session, row, receipt, rates)
        if RANK.get(receipt.state, 0) > RANK.get(row.state, 0):
            execute(
                session, _MOVE, {
                    "number": row.id, "becomes": "read" if receipt.state == "played" else receipt.state,
                    "name": receipt.message_id, "since": row.sent_at or receipt.at, "at": now,
                },
            )  # fmt: skip


def _find(session: Session, receipt: Receipt) -> Any:
    if receipt.outbox_id is not None:
        row = execute(session, _BY_NUMBER, {"number": receipt.outbox_id}).first()
        if row is not None and row.wamid in {None, receipt.message_id}:
            return row
    return execute(session, _BY_NAME, {"name": receipt.message_id}).first()


def _is_of_this_try(row: Any, receipt: Receipt) -> bool:
    """Whether a receipt speaks of the newest try. An older one counts only if it says that the message arrived."""
    if receipt.state in {"delivered", "read", "played"}:
        return row.tried_at is not None
    if row.state in {"waiting", "withheld"} or row.tried_at is None:  # the news of that try is known already
        return False
    return bool(row.wamid == receipt.message_id or receipt.at >= row.tried_at - SECOND)


def _fail(session: Session, number: int, receipt: Receipt, judge: Judge, now: datetime) -> None:
    row = session.get_one(OutboxRow, number, with_for_update=True, populate_existing=True)
    if row.state not in {"sending", "unsure", "sent"}:
        return
    row.wamid = receipt.message_id
    row.sent_at = row.sent_at or receipt.at
    refusal = Refusal(judge(receipt.error_code), receipt.error_code, receipt.error or "the message failed")
    refuse(session, row, refusal, now=now)


def _bill(session: Session, row: Any, receipt: Receipt, rates: RateCard | None) -> None:
    pricing = receipt.pricing
    assert pricing is not None
    price = rates.price(pricing.category, pricing.type, row.phone, row.user_id, receipt.at) if rates else None
    execute(
        session, _BILL, {
            "number": row.id, "day": receipt.at.date(), "kind": pricing.category,
            "price": price.amount if price else None, "money": price.currency if price else None,
        },
    )  # fmt: skip
