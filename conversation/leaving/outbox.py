"""Messages on their way out. They are written with what caused them, in one transaction; a sender drains them.

Which of them may go, and when, is decided by `connectors/sending/claims.py`; what receipts tell, by `receipts`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session

from conversation.arriving import early_receipts
from conversation.arriving.early_receipts import ApplyReceipts
from conversation.arriving.receipts import apply_receipts
from conversation.leaving import brakes
from conversation.leaving.consequences import category_of, refuse
from conversation.leaving.refusals import Refusal, template_of
from conversation.tables import Conversation, OutboxRow
from loyalty.correlation import current
from loyalty.store.sql import execute, insert_once, table_of

WINDOW = timedelta(hours=24)
"""WhatsApp's customer service window: free-form messages only so long after the customer's last one."""
FREE_ENTRY = timedelta(hours=72)
"""The same after she came by an advertisement (Meta: free entry point conversations)."""
UNSURE_AFTER = timedelta(seconds=60)
"""A send that has no outcome after this is not coming back: its process died in the middle of it."""
CLOSED = "the customer service window was closed"
MARKETING = "marketing"
CATEGORIES = ("service", "utility", MARKETING, "authentication")


@dataclass(frozen=True, slots=True)
class Due:
    """A message a sender has claimed."""

    id: int
    number_id: str
    phone: str | None
    user_id: str | None
    message: dict[str, Any]
    attempts: int
    correlation: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a send: the provider's id of the message, or its refusal."""

    id: int
    wamid: str | None
    refusal: Refusal | None = None


def window_open(conversation: Conversation, now: datetime) -> bool:
    """Whether a free-form message may go out: decided by when the customer wrote, not by when we heard of it."""
    return window_open_at(conversation.last_heard_at, conversation.free_entry_until, now)


def window_open_at(heard: datetime | None, free_entry_until: datetime | None, now: datetime) -> bool:
    """As `window_open`, by the two instants that decide it."""
    if free_entry_until is not None and now < free_entry_until:
        return True
    return heard is not None and now < heard + WINDOW


def enqueue(
    session: Session, conversation: Conversation, parts: Sequence[dict[str, Any]], *, key: str, now: datetime,
    not_before: datetime | None = None, fallback: dict[str, Any] | None = None, category: str = "service",
    bulk: bool = False,
) -> bool:  # fmt: skip
    """Put a message in the outbox, once for its key. True if it is new and will be sent.

    One that is not to be sent before a moment lets others pass until then. Outside the customer service window a
    template goes out, else the `fallback` (a message of style `template`) in place of all parts, else nothing: it is
    withheld. The window is looked at again when it is sent. `category` is one of `CATEGORIES`; what is `marketing`
    is sent only to members who want it. What is `bulk` lets everything else pass; marketing always does.
    """
    begins = max(not_before or now, now)
    may_go = window_open(conversation, begins) or fallback is not None
    new = waits = False
    for number, part in enumerate(parts):
        kind = category_of(part) or category
        free = may_go or template_of(part) is not None
        row = {
            "programme_id": conversation.programme_id, "member_id": conversation.member_id,
            "number_id": conversation.number_id, "phone": conversation.phone, "user_id": conversation.user_id,
            "key": f"{key}/{number}", "category": kind, "bulk": bulk or kind == MARKETING, "message": part,
            "fallback": fallback if number == 0 else None, "state": "waiting" if free else "withheld", "attempts": 0,
            "not_before": not_before, "next_try_at": begins, "outside": False, "error": None if free else CLOSED,
            "created_at": now, "updated_at": now, "correlation": current(),
        }  # fmt: skip
        new = insert_once(session, OutboxRow, row) or new
        waits = waits or free
    return new and waits


_OUTBOX = table_of(OutboxRow)
_FIRST_NUMBER = (
    select(_OUTBOX.c.number_id)
    .where(_OUTBOX.c.state == "waiting", _OUTBOX.c.number_id > bindparam("after"))
    .order_by(_OUTBOX.c.number_id)
    .limit(1)
)
_ANY_DUE = (
    select(_OUTBOX.c.id)
    .where(
        _OUTBOX.c.state == "waiting",
        _OUTBOX.c.number_id == bindparam("number"),
        _OUTBOX.c.bulk == bindparam("in_bulk"),
        _OUTBOX.c.next_try_at <= bindparam("due"),
    )
    .limit(1)
)


def numbers_due(session: Session, *, now: datetime) -> list[str]:
    """The numbers that have something to send; cheaper to ask than to claim in vain."""
    due, after = [], ""
    while (row := execute(session, _FIRST_NUMBER, {"after": after}).first()) is not None:
        after = row.number_id
        if any(
            execute(session, _ANY_DUE, {"number": after, "in_bulk": bulk, "due": now}).first() is not None
            for bulk in (False, True)
        ):
            due.append(after)
    return due


_MINE = or_(
    _OUTBOX.c.state == "sending",
    _OUTBOX.c.state == "unsure",
    (_OUTBOX.c.state == "waiting") & (func.coalesce(_OUTBOX.c.wamid, "") != bindparam("name")),
)
"""It has no better news of this very send: a receipt that was faster keeps its place."""
_SETTLE = (
    update(_OUTBOX)
    .where(_OUTBOX.c.id == bindparam("number"))
    .values(
        state=case((_MINE, "sent"), else_=_OUTBOX.c.state),
        wamid=bindparam("name"),
        sent_at=bindparam("at"),
        error_code=case((_MINE, None), else_=_OUTBOX.c.error_code),
        error=case((_MINE, None), else_=_OUTBOX.c.error),
        updated_at=bindparam("at"),
    )
)
_NUMBER = select(_OUTBOX.c.number_id, _OUTBOX.c.tried_at).where(_OUTBOX.c.id == bindparam("number"))


def settle(
    session: Session, outcomes: Sequence[Outcome], *, now: datetime, apply: ApplyReceipts = apply_receipts
) -> None:
    """Write down what became of claimed messages, in one statement for all that went well.

    Receipts that were faster than the answer to the send are applied by `apply`.
    """
    ended = sorted(outcomes, key=lambda one: one.id)  # rows are locked in one order by everybody
    sent = [{"number": one.id, "name": one.wamid, "at": now} for one in ended if one.wamid is not None]
    if sent:
        session.connection().execute(_SETTLE, sent)
        _resume_numbers(session, sent, now)
        early = early_receipts.claim_all(session, [str(values["name"]) for values in sent])
        if early:
            apply(session, early, now=now)
    for one in ended:
        if one.refusal is not None:
            _refuse(session, one.id, one.refusal, now)


def _resume_numbers(session: Session, sent: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """A message that got through after its number was paused says that the number works again."""
    paused = brakes.paused(session)
    if not any(key.startswith("number:") for key in paused):
        return
    for values in sent:
        row = execute(session, _NUMBER, {"number": values["number"]}).first()
        since = paused.get(brakes.number_key(row.number_id)) if row is not None else None
        if since is not None and row.tried_at > since:
            brakes.resume(session, brakes.number_key(row.number_id), now=now)


def _refuse(session: Session, number: int, refusal: Refusal, now: datetime) -> None:
    row = session.get(OutboxRow, number, with_for_update=True, populate_existing=True)
    if row is not None and row.state in {"sending", "unsure"}:  # else a receipt told the same before, or better
        refuse(session, row, refusal, now=now)


def give_back(session: Session, numbers: Sequence[int], *, now: datetime) -> None:
    """Let go of claimed messages that were certainly not sent."""
    session.connection().execute(
        update(_OUTBOX)
        .where(_OUTBOX.c.id.in_(numbers), _OUTBOX.c.state == "sending")
        .values(state="waiting", attempts=_OUTBOX.c.attempts - 1, tried_at=None, updated_at=now)
    )


_STUCK = (
    update(_OUTBOX)
    .where(_OUTBOX.c.state == "sending", _OUTBOX.c.updated_at <= bindparam("before"))
    .values(
        state="unsure",
        updated_at=bindparam("at"),
        error="the sender ended in the middle of the send: nobody knows whether it went out",
    )
)


def recover(session: Session, *, now: datetime) -> int:
    """Mark sends whose process died inside them as `unsure`. Returns how many.

    They are not sent again by themselves: a receipt settles them, or a person does (`passaparola outbox`). What comes
    after them to the same person goes on. `docs/decisions/0012-sent-once-or-marked.md` says why.
    """
    return execute(session, _STUCK, {"before": now - UNSURE_AFTER, "at": now}).rowcount
