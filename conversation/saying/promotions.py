"""Whether a member may get something promotional now: her consent, the cap of a week, the quiet hours where she lives.

Notices and campaigns ask here, in the transaction that puts the message in the outbox as `marketing`. The member's
conversation is locked until it ends, so that two who ask at once cannot both take the last place of her week.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from conversation.leaving.outbox import MARKETING
from conversation.register import conversation_of
from conversation.saying.zones import quiet_until
from conversation.tables import Conversation, OutboxRow
from loyalty.ids import MemberId
from loyalty.people.consents import gets_offers
from loyalty.programme import Programme
from loyalty.store.sql import execute, table_of

WEEK = timedelta(days=7)
Reason = Literal["no_conversation", "unreachable", "no_consent", "handed_over", "capped"]
"""Why she gets nothing. The values stay: campaigns report them."""
_UNSENT, _SENT = ("waiting", "sending", "unsure"), ("sent", "delivered", "read")
_OUTBOX = table_of(OutboxRow)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a promotional message may be put in the outbox now."""

    ok: bool
    reason: Reason | None = None
    """Why not."""
    not_before: datetime | None = None
    """If it may: when it is to go out at the earliest, if her quiet hours hold. If not: when to ask again, if time
    alone changes the answer."""


def may_promote(session: Session, programme: Programme, member: MemberId, *, now: datetime) -> Verdict:
    """Whether a member may get a promotional message as of `now`. Locks her conversation.

    Whoever is told yes enqueues with `category="marketing"` and the verdict's `not_before`, in this transaction.
    """
    conversation = conversation_of(session, member, lock=True)
    if conversation is None:
        return Verdict(False, "no_conversation")
    if not gets_offers(session, member):
        return Verdict(False, "no_consent")
    if _is_unreachable(conversation):
        return Verdict(False, "unreachable")
    if conversation.quiet_until is not None and conversation.quiet_until > now:
        return Verdict(False, "handed_over", conversation.quiet_until)
    cap = programme.notices.promotions_per_week
    counted = _of_the_week(session, member, now)
    if len(counted) >= cap:
        return Verdict(False, "capped", _free_again(counted, cap))
    return Verdict(True, not_before=quiet_until(programme, conversation.phone, now))


def _is_unreachable(conversation: Conversation) -> bool:
    failed, heard = conversation.unreachable_at, conversation.last_heard_at
    return failed is not None and (heard is None or heard <= failed)


_COUNTED = (
    select(_OUTBOX.c.state, func.coalesce(_OUTBOX.c.sent_at, _OUTBOX.c.tried_at, _OUTBOX.c.updated_at).label("at"))
    .where(
        _OUTBOX.c.member_id == bindparam("member"),
        _OUTBOX.c.category == MARKETING,
        _OUTBOX.c.state.in_((*_UNSENT, *_SENT)),
        _OUTBOX.c.key.like("%/0"),  # a message in several parts is one
    )
    .order_by("at")
)


def _of_the_week(session: Session, member: MemberId, now: datetime) -> list[datetime | None]:
    """When each promotional message went out that counts, oldest first; None for what is yet to go.

    What waits or is in doubt counts however old it is: it can still arrive. What was withheld or failed does not.
    """
    session.flush()
    rows = execute(session, _COUNTED, {"member": member}).all()
    sent = [row.at for row in rows if row.state in _SENT and row.at > now - WEEK]
    return [*sent, *(None for row in rows if row.state in _UNSENT)]


def _free_again(counted: list[datetime | None], cap: int) -> datetime | None:
    """When there is room again; None if that hangs on what is still to be sent, or if the cap is none at all."""
    if cap == 0:
        return None
    leaves = counted[len(counted) - cap]
    return leaves + WEEK if leaves is not None else None
