"""Customers who asked for a person: the queue, and the silence of the bot while a person talks to them.

What they write meanwhile stays in the inbox, what is written to them in the outbox: `history` reads both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from conversation import alarms
from conversation.caring.rights import messages_of
from conversation.register import conversation_of
from conversation.tables import Conversation, Handover
from flows.model import Saved
from loyalty.errors import NotFound, Refused
from loyalty.ids import MemberId, ProgrammeId, new_id
from loyalty.programme import Programme

log = structlog.get_logger()

State = Literal["waiting", "taken", "done"]
STATES: tuple[State, ...] = get_args(State)
CUSTOMER, TIME = "customer", "time"
"""Who hands back, where it is no colleague."""
ALARM = "handover"
FLOW = "handover"
"""The flow a customer is in while she waits for a person: it holds the way back to the bot."""
LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a conversation while it was a person's. `who` is `customer` or `us`."""

    who: Literal["customer", "us"]
    at: datetime
    message_id: str | None
    content: dict[str, Any]
    state: str


def ask(session: Session, programme: Programme, member: MemberId, *, reason: str, now: datetime) -> Handover:
    """Queue somebody who asks for a person, and keep the bot quiet. Once: who waits already keeps her place."""
    assert programme.staff is not None, "only a programme with staff hands over"
    conversation = _locked(session, member)
    until = now + timedelta(hours=programme.staff.quiet_hours)
    found = open_of(session, member)
    if found is None:
        found = Handover(
            id=new_id(), programme_id=programme.id, member_id=member, state="waiting", reason=reason[:LONGEST_REASON],
            asked_at=now, quiet_until=until, taken_by=None, taken_at=None, ended_by=None, ended_at=None,
        )  # fmt: skip
        session.add(found)
        detail = "somebody waits for a person: GET /v1/handovers shows who, POST /v1/handovers/{id}/take answers her"
        alarms.raise_alarm(session, ALARM, detail, subject=programme.id, now=now)
        log.warning("a customer asks for a person", handover=found.id, programme=programme.id)
    _keep_quiet(found, conversation, until)
    session.flush()
    return found


def take(session: Session, programme: Programme, id_: str, *, by: str, now: datetime) -> Handover:
    """Somebody of the business takes care of her. Raises `NotFound`, and `Refused` if somebody else has taken it."""
    found, conversation = _open(session, programme, id_)
    if found.taken_by is not None and found.taken_by != by:
        raise Refused("taken", f"{found.taken_by} has taken it; he or she hands it back with /done", field="author")
    if found.taken_by is None:
        found.state, found.taken_by, found.taken_at = "taken", by, now
    _prolong(programme, found, conversation, now)
    calm(session, programme.id, now)
    return found


def write(session: Session, programme: Programme, id_: str, *, by: str, now: datetime) -> tuple[Handover, Conversation]:
    """Note that a person writes to her, which takes it if nobody had; returns where to write. Raises as `take`."""
    found, conversation = _open(session, programme, id_)
    if found.taken_by is None:
        take(session, programme, id_, by=by, now=now)
    _prolong(programme, found, conversation, now)
    session.flush()
    return found, conversation


def done(session: Session, programme: Programme, id_: str, *, by: str, now: datetime) -> Handover:
    """Hand her back to the bot. What is done already stays as it was. Raises `NotFound`."""
    found = get(session, programme.id, id_)
    conversation = conversation_of(session, found.member_id, lock=True)
    session.refresh(found)
    if found.ended_at is None:
        _end(session, found, conversation, by=by, now=now)
    return found


def hand_back(session: Session, member: MemberId, *, by: str, now: datetime) -> bool:
    """Let the bot talk to her again. True if a person had her, or she waited for one."""
    conversation, found = _locked(session, member), open_of(session, member)
    if found is None:
        conversation.quiet_until = None
        return False
    _end(session, found, conversation, by=by, now=now)
    return True


def resume(session: Session, conversation: Conversation, at: datetime, *, now: datetime) -> bool:
    """Let the bot talk again to somebody who writes after her time with a person. True if she should be told."""
    if conversation.quiet_until is None or is_quiet(conversation.quiet_until, at):
        return False
    found = open_of(session, MemberId(conversation.member_id))
    if found is not None:
        _end(session, found, conversation, by=TIME, now=now)
    conversation.quiet_until = None
    return True


def is_quiet(quiet_until: datetime | None, at: datetime) -> bool:
    """Whether the bot keeps quiet about a message that was written at a moment."""
    return quiet_until is not None and at < quiet_until


def open_of(session: Session, member: MemberId) -> Handover | None:
    """Her place in the queue, if she has one."""
    return session.scalar(select(Handover).where(Handover.member_id == member, Handover.ended_at.is_(None)))


def get(session: Session, programme: ProgrammeId, id_: str) -> Handover:
    """A handover by its id. Raises `NotFound`."""
    found = session.get(Handover, id_)
    if found is None or found.programme_id != programme:
        raise NotFound("there is no such handover in the programme", field="id")
    return found


def listed(
    session: Session, programme: ProgrammeId, *, states: Sequence[State], limit: int, after: str | None
) -> list[Handover]:
    """Those in some states, oldest first."""
    query = select(Handover).where(Handover.programme_id == programme, Handover.state.in_(states))
    if after is not None:
        query = query.where(Handover.id > after)
    return list(session.scalars(query.order_by(Handover.id).limit(limit)))


def history(session: Session, handover: Handover) -> list[Said]:
    """What was said while a person had her, and the message with which she asked, in order."""
    received, sent = messages_of(session, MemberId(handover.member_id))
    said = [Said("customer", row.sent_at, row.message_id, row.body, row.state) for row in received]
    said += [Said("us", row.created_at, row.wamid, row.message, row.state) for row in sent]
    said = [one for one in said if handover.ended_at is None or one.at <= handover.ended_at]
    before = [one for one in said if one.who == "customer" and one.at < handover.asked_at]
    asked = max(before, key=lambda one: one.at, default=None)  # it is older than the turn that it had
    return sorted(
        (one for one in said if one is asked or one.at >= handover.asked_at), key=lambda one: (one.at, one.who == "us")
    )


def flow_in(saved: Saved | None) -> Saved | None:
    """The flow that holds the way back to the bot, on top or underneath."""
    every = () if saved is None else (saved, *saved.under)
    return next((one for one in every if one.flow == FLOW), None)


def _locked(session: Session, member: MemberId) -> Conversation:
    session.flush()
    conversation = conversation_of(session, member, lock=True)
    assert conversation is not None, "who asks for a person, asks in a conversation"
    return conversation


def _open(session: Session, programme: Programme, id_: str) -> tuple[Handover, Conversation]:
    found = get(session, programme.id, id_)
    conversation = conversation_of(session, found.member_id, lock=True)
    session.refresh(found)
    if found.ended_at is not None or conversation is None:
        raise Refused("done", "she was handed back to the bot; ask her to ask again, or call her", field="id")
    return found, conversation


def _prolong(programme: Programme, found: Handover, conversation: Conversation, now: datetime) -> None:
    hours = programme.staff.quiet_hours if programme.staff is not None else 1
    _keep_quiet(found, conversation, now + timedelta(hours=hours))


def _keep_quiet(found: Handover, conversation: Conversation, until: datetime) -> None:
    found.quiet_until = conversation.quiet_until = max(until, found.quiet_until)


def _end(session: Session, found: Handover, conversation: Conversation | None, *, by: str, now: datetime) -> None:
    found.state, found.ended_by, found.ended_at = "done", by, now
    if conversation is not None:
        told = by == CUSTOMER  # others hand her back behind her back: she is told when she writes
        conversation.quiet_until = None if told else min(now, found.quiet_until)
        conversation.flow = _without(conversation.flow)
    session.flush()
    calm(session, ProgrammeId(found.programme_id), now)


def _without(flow: dict[str, Any] | None) -> dict[str, Any] | None:
    """The flows a conversation is in, without the one that waits for a person."""
    if flow is None:
        return None
    saved = Saved.from_json(flow)
    left = [replace(one, under=()) for one in (saved, *saved.under) if one.flow != FLOW]
    return replace(left[0], under=tuple(left[1:])).to_json() if left else None


def calm(session: Session, programme: ProgrammeId, now: datetime) -> None:
    """Close the alarm of a programme in which nobody waits any more."""
    session.flush()
    waits = select(Handover.id).where(Handover.programme_id == programme, Handover.state == "waiting").limit(1)
    if session.scalar(waits) is None:
        alarms.close_alarm(session, ALARM, subject=programme, now=now)
