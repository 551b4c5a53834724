"""Customers who asked for a person, over `/v1`: who waits, what was said, and answering her."""

from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from conversation.caring import handovers
from conversation.caring.handovers import STATES, Said, State
from conversation.leaving.outbox import enqueue, window_open
from conversation.register import conversation_of
from conversation.tables import Handover
from loyalty import trail
from loyalty.errors import Invalid, Refused
from loyalty.ids import new_id
from loyalty.programme import Programme
from loyalty.tables import Member
from service.once import Change, change, read_body, view
from service.paging import limit_of
from service.schemas.handovers import HandoverDetail, HandoverOut, HandoverPage, SaidOut, StaffMessage, Take

_OPEN: tuple[State, ...] = ("waiting", "taken")


async def get_handovers(request: web.Request) -> web.Response:
    """Who waits for a person or talks to one; with `state`, those in it. Oldest first."""
    named = request.query.get("state")
    state = next((one for one in STATES if one == named), None)
    if named is not None and state is None:
        raise Invalid(f"state is one of {', '.join(STATES)}", field="state")
    limit, cursor = limit_of(request), request.query.get("cursor")

    def page(session: Session, programme: Programme, now: datetime) -> HandoverPage:
        states = _OPEN if state is None else (state,)
        found = handovers.listed(session, programme.id, states=states, limit=limit + 1, after=cursor)
        rows = [_row(session, one, now) for one in found[:limit]]
        return HandoverPage(handovers=rows, next=rows[-1].id if len(found) > limit else None)

    return await view(request, page)


async def get_handover(request: web.Request) -> web.Response:
    """One of them, with everything that was said meanwhile."""
    id_ = request.match_info["id"]

    def look(session: Session, programme: Programme, now: datetime) -> HandoverDetail:
        found = handovers.get(session, programme.id, id_)
        conversation = conversation_of(session, found.member_id)
        return HandoverDetail(
            **_row(session, found, now).model_dump(),
            can_write=found.ended_at is None and conversation is not None and window_open(conversation, now),
            said=[_said(one) for one in handovers.history(session, found)],
        )

    return await view(request, look)


async def take(request: web.Request) -> web.Response:
    """Take care of her: the bot keeps quiet for longer."""
    body, id_ = await read_body(request, Take), request.match_info["id"]

    def work(at: Change) -> HandoverOut:
        found = handovers.take(at.session, at.programme, id_, by=body.author, now=at.now)
        _note(at, "handover.taken", found, body.author)
        return _row(at.session, found, at.now)

    return await change(request, work)


async def finish(request: web.Request) -> web.Response:
    """Hand her back to the bot."""
    body, id_ = await read_body(request, Take), request.match_info["id"]

    def work(at: Change) -> HandoverOut:
        found = handovers.done(at.session, at.programme, id_, by=body.author, now=at.now)
        _note(at, "handover.done", found, body.author)
        return _row(at.session, found, at.now)

    return await change(request, work)


async def write(request: web.Request) -> web.Response:
    """Write to her. Outside WhatsApp's 24 hours since her last message nothing can be sent, and that is said."""
    body, id_ = await read_body(request, StaffMessage), request.match_info["id"]

    def work(at: Change) -> HandoverOut:
        found, conversation = handovers.write(at.session, at.programme, id_, by=body.author, now=at.now)
        if not window_open(conversation, at.now):
            raise Refused(
                "window", "she wrote more than 24 hours ago: WhatsApp lets nothing but templates through; call her",
                field="text",
            )  # fmt: skip
        part = {"style": "plain", "text": body.text, "image": None}
        enqueue(at.session, conversation, [part], key=f"handover:{found.id}:{new_id()}", now=at.now)
        _note(at, "handover.written", found, body.author)
        return _row(at.session, found, at.now)

    return await change(request, work)


def _note(at: Change, action: str, found: Handover, author: str) -> None:
    trail.note(
        at.session, at.programme.id, actor=f"{at.actor}: {author}", action=action, subject=found.member_id,
        detail={"handover": found.id}, now=at.now,
    )  # fmt: skip


def _row(session: Session, found: Handover, now: datetime) -> HandoverOut:
    member = session.get_one(Member, found.member_id)
    return HandoverOut.model_validate(
        {
            "id": found.id, "member": found.member_id, "name": member.name, "language": member.language,
            "state": found.state, "reason": found.reason, "asked_at": found.asked_at, "quiet_until": found.quiet_until,
            "overdue": found.taken_at is None and now >= found.quiet_until, "taken_by": found.taken_by,
            "taken_at": found.taken_at, "ended_by": found.ended_by, "ended_at": found.ended_at,
        }
    )  # fmt: skip


def _said(one: Said) -> SaidOut:
    return SaidOut(who=one.who, at=one.at, text=_text(one.content), state=one.state, content=one.content)


def _text(content: dict[str, Any]) -> str:
    """What a message says in words, whichever way it went."""
    inner = content.get("content")
    told = inner if isinstance(inner, dict) else content
    return str(told.get("text") or told.get("caption") or told.get("title") or "")
