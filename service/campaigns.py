"""Campaigns over `/v1`: what there is, what came of it, starting, pausing, stopping. Planning needs the file."""

from collections.abc import Callable
from datetime import datetime

from aiohttp import web
from sqlalchemy.orm import Session

from campaigns import desk
from campaigns.showing import as_json
from loyalty.people.members import get_member
from loyalty.people.tags import tag_member
from loyalty.programme import Programme
from service.once import Change, change, read_body, view
from service.schemas.campaigns import CampaignOut, CampaignReport, CampaignsOut, Operator, TagsIn, TagsOut

Verb = Callable[..., bool]


async def get_campaigns(request: web.Request) -> web.Response:
    """All campaigns, newest first."""

    def look(session: Session, programme: Programme, _now: datetime) -> CampaignsOut:
        return CampaignsOut(campaigns=[_row(one) for one in desk.overviews(session, programme.id)])

    return await view(request, look)


async def get_report(request: web.Request) -> web.Response:
    """What came of a campaign."""
    from campaigns.report import report  # noqa: PLC0415 -- it needs scipy, which takes a while to load

    name = request.match_info["id"]

    def look(session: Session, programme: Programme, now: datetime) -> CampaignReport:
        found = report(session, desk.find(session, programme.id, name), now=now)
        told = as_json(found)
        return CampaignReport(
            campaign=_row(found.overview), metric=found.metric, within_days=found.within_days, sample=found.sample,
            arms=told["arms"], split=found.split, verdict=told["verdict"], billed=told["billed"],
        )  # fmt: skip

    return await view(request, look)


async def start(request: web.Request) -> web.Response:
    """Let a planned campaign begin, now or at its time."""
    return await _carry_out(request, desk.start)


async def pause(request: web.Request) -> web.Response:
    """Send no more for now."""
    return await _carry_out(request, desk.pause)


async def resume(request: web.Request) -> web.Response:
    """Let one go on that was paused, or stopped by itself."""
    return await _carry_out(request, desk.resume)


async def stop(request: web.Request) -> web.Response:
    """End one for good."""
    return await _carry_out(request, desk.stop)


async def tag(request: web.Request) -> web.Response:
    """Give a member tags, or take some away."""
    body, ref = await read_body(request, TagsIn), request.match_info["ref"]

    def work(at: Change) -> TagsOut:
        member = get_member(at.session, at.programme.id, ref)
        return TagsOut(
            member=member.id, tags=tag_member(at.session, member, add=body.add, remove=body.remove, now=at.now)
        )  # fmt: skip

    return await change(request, work)


async def _carry_out(request: web.Request, verb: Verb) -> web.Response:
    body, name = await read_body(request, Operator), request.match_info["id"]

    def work(at: Change) -> CampaignOut:
        found = desk.find(at.session, at.programme.id, name, lock=True)
        verb(at.session, found, actor=f"{at.actor}: {body.author}", now=at.now)
        at.session.flush()
        return _row(desk.overview(at.session, found))

    return await change(request, work)


def _row(one: desk.Overview) -> CampaignOut:
    return CampaignOut(
        id=one.name, state=one.state, reason=one.reason, recipients=one.recipients, begins=one.begins,
        started_at=one.started_at, ended_at=one.ended_at, spent=str(one.spent),
    )  # fmt: skip
