"""Events that were refused: kept, shown, tried again when the member has turned up."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import web
from pydantic import ValidationError
from sqlalchemy.orm import Session

from loyalty.errors import Invalid, LoyaltyError
from loyalty.orders import parked
from loyalty.people.members import Ref
from loyalty.programme import Programme
from loyalty.tables import ParkedEvent
from service.context import Context
from service.ingest import Ingest, read_event
from service.middleware import EVENT_TYPES
from service.once import Change, change, view
from service.paging import limit_of
from service.schemas.common import Nothing
from service.schemas.events import EventResult, ParkedOut, ParkedPage

LARGEST = 50_000
"""Bytes of an event that is kept; a larger one is no order."""
STATES = (parked.WAITING, parked.DONE, parked.DROPPED)
TRIED_AT_ONCE = 100


def may_be_kept(body: object) -> bool:
    """Whether a refused event can be told apart from others, and is of a sensible size."""
    return (
        isinstance(body, Mapping)
        and body.get("type") in EVENT_TYPES
        and isinstance(body.get("id"), str)
        and 0 < len(body["id"]) <= 200
        and len(json.dumps(body, default=str)) <= LARGEST
    )


def plain(body: Mapping[str, Any]) -> dict[str, Any]:
    """An event as JSON that a database keeps: exact decimals as text."""
    kept: dict[str, Any] = json.loads(json.dumps(body, default=str))
    return kept


def member_ref(body: Mapping[str, Any]) -> str | None:
    """Whom an event is about, in the spelling of the register; None if it does not say or it is nonsense."""
    member = body.get("member")
    if not isinstance(member, Mapping):
        return None
    try:
        if isinstance(phone := member.get("phone"), str):
            ref = Ref.phone(phone)
        elif isinstance(user := member.get("user_id"), str):
            ref = Ref.user(user)
        elif isinstance(external := member.get("external"), str):
            ref = Ref.external(*external.partition(":")[::2])
        else:
            return None
    except Invalid:
        return None
    return f"{ref.kind}:{ref.value}"


async def get_parked(request: web.Request) -> web.Response:
    """Parked events of a state, oldest first, a page at a time."""
    state = request.query.get("state", parked.WAITING)
    if state not in STATES:
        raise Invalid(f"state is one of {', '.join(STATES)}", field="state")
    limit, cursor = limit_of(request), request.query.get("cursor", "")

    def page(session: Session, programme: Programme, _now: datetime) -> ParkedPage:
        found = parked.parked_events(session, programme.id, state=state, limit=limit + 1, after=cursor)
        return ParkedPage(
            events=[_out(row) for row in found[:limit]], next=found[limit - 1].id if len(found) > limit else None
        )

    return await view(request, page)


async def retry_parked(request: web.Request) -> web.Response:
    """Try a parked event again."""
    id_ = request.match_info["id"]
    ingest = Ingest()

    def work(at: Change) -> EventResult:
        row = parked.parked_event(at.session, at.programme.id, id_)
        result = ingest.apply(at.session, at.programme, read_event(row.body), at.now)
        parked.settle(at.session, at.programme.id, row.key, state=parked.DONE, now=at.now)
        return result

    return await change(request, work)


async def drop_parked(request: web.Request) -> web.Response:
    """Decide that a parked event is not to be taken."""
    id_ = request.match_info["id"]

    def work(at: Change) -> Nothing:
        row = parked.parked_event(at.session, at.programme.id, id_)
        parked.settle(at.session, at.programme.id, row.key, state=parked.DROPPED, now=at.now)
        return Nothing()

    return await change(request, work)


async def claim_parked(context: Context, programme: Programme) -> int:
    """Take the events whose member was unknown and has turned up since. Returns how many were taken."""
    ingest, done = Ingest(), 0
    found = await context.store.read(
        lambda session: [(row.key, row.body) for row in parked.claimable(session, programme.id, limit=TRIED_AT_ONCE)]
    )
    for key, body in found:

        def work(session: Session, key: str = key, body: Mapping[str, Any] = body) -> None:
            now = context.clock.now()
            ingest.apply(session, programme, read_event(body), now)
            parked.settle(session, programme.id, key, state=parked.DONE, now=now)

        try:
            await context.store.write(work)
        except (LoyaltyError, ValidationError) as problem:
            await context.store.write(partial(_set_aside, programme=programme, key=key, why=str(problem)))
        else:
            done += 1
    return done


def _set_aside(session: Session, programme: Programme, key: str, why: str) -> None:
    """The member is known now, and the event still cannot be taken: a person has to look."""
    parked.blame(session, programme.id, key, code=Invalid.code, reason=why)


def _out(row: ParkedEvent) -> ParkedOut:
    return ParkedOut(
        id=row.id, event=dict(row.body), code=row.code, reason=row.reason, state=row.state, created_at=row.created_at
    )
