"""Leaderboards over `/v1`: invented names only."""

from datetime import datetime

from aiohttp import web
from sqlalchemy.orm import Session

from loyalty.errors import Invalid
from loyalty.ids import MemberId
from loyalty.levels import leaderboards
from loyalty.people.members import get_member
from loyalty.programme import Programme
from service.once import Change, change, read_body, view
from service.schemas.members import BoardName, BoardPart
from service.schemas.referrals import BoardOut, PlaceOut


async def get_board(request: web.Request) -> web.Response:
    """A leaderboard in the time that runs, or in the last one that is over (`which=last`)."""
    id_, which = request.match_info["id"], request.query.get("which", "running")
    if which not in {"running", "last"}:
        raise Invalid("which is running or last", field="which")

    def look(session: Session, programme: Programme, now: datetime) -> BoardOut:
        board = leaderboards.top(session, programme, id_, now=now, which="last" if which == "last" else "running")
        return BoardOut(
            board=board.rules.id, period=board.period, begins_at=board.begins_at, ends_at=board.ends_at,
            places=[PlaceOut.model_validate(place, from_attributes=True) for place in board.places],
        )  # fmt: skip

    return await view(request, look)


async def take_part(request: web.Request) -> web.Response:
    """Let a member take part in leaderboards because she said so, or no longer."""
    body, ref = await read_body(request, BoardPart), request.match_info["ref"]

    def work(at: Change) -> BoardName:
        member = MemberId(get_member(at.session, at.programme.id, ref).id)
        if not body.take_part:
            leaderboards.opt_out(at.session, at.programme, member, words=body.words, evidence=body.evidence, now=at.now)
            return BoardName(name=None)
        name = leaderboards.opt_in(
            at.session, at.programme, member, words=body.words, evidence=body.evidence, now=at.now
        )
        return BoardName(name=name)

    return await change(request, work)
