"""Programmes: what is in force, what was before, and what an order would earn."""

from datetime import datetime
from decimal import Decimal

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.errors import NotFound
from loyalty.ids import MemberId
from loyalty.money import Money
from loyalty.orders.bills import Bill
from loyalty.orders.earned import dry_run
from loyalty.people.members import get_member
from loyalty.programme import Programme
from loyalty.tables import Revision
from service.context import CONTEXT, caller
from service.once import parse_json, view
from service.schemas.programmes import (
    AppliedOut,
    DryRun,
    DryRunOut,
    ProgrammeOut,
    ProgrammesOut,
    RevisionOut,
    RevisionsOut,
)


async def get_programmes(request: web.Request) -> web.Response:
    """The programmes in force that the key may see, and what is wrong with files that are not."""
    context, only = request.app[CONTEXT], caller(request).programme
    found = [one for one in context.programmes.values() if only is None or one.id == only]
    problems = list(getattr(context.programmes, "problems", ())) if only is None else []
    out = ProgrammesOut(programmes=[_out(programme) for programme in found], problems=problems)
    return web.json_response(out.model_dump(mode="json"))


async def get_programme(request: web.Request) -> web.Response:
    """All that a programme's file says."""
    context, id_ = request.app[CONTEXT], request.match_info["id"]
    only = caller(request).programme
    programme = next((one for one in context.programmes.values() if one.id == id_ and only in {None, id_}), None)
    if programme is None:
        raise NotFound("there is no such programme here", field="id")
    return web.json_response(_out(programme, rules=True).model_dump(mode="json"))


async def get_revisions(request: web.Request) -> web.Response:
    """The rules a programme had, newest first."""

    def look(session: Session, programme: Programme, _now: datetime) -> RevisionsOut:
        query = select(Revision.id, Revision.created_at).where(Revision.programme_id == programme.id)
        rows = session.execute(query.order_by(Revision.created_at.desc(), Revision.id)).all()
        return RevisionsOut(
            revisions=[RevisionOut(id=row.id, since=row.created_at, now=row.id == programme.revision) for row in rows]
        )

    return await view(request, look)


async def get_dry_run(request: web.Request) -> web.Response:
    """What an order would earn, and which rules say so. Nothing is changed."""
    body = DryRun.model_validate(parse_json(await request.read()))

    def look(session: Session, programme: Programme, now: datetime) -> DryRunOut:
        total = Money.parse(body.amount, body.currency)
        if total.currency != programme.currency:
            raise NotFound(f"the programme counts in {programme.currency}, not in {total.currency}", field="currency")
        member = MemberId(get_member(session, programme.id, body.member.ref()).id) if body.member else None
        bill = Bill(total.amount, tuple(line.line() for line in body.lines))
        worth = dry_run(session, programme, member, bill, body.occurred_at or now)
        return DryRunOut(
            points=worth.points, revision=programme.revision,
            rules=[AppliedOut(rule=one.rule, points=_plain(one.points), why=one.why) for one in worth.applied],
        )  # fmt: skip

    return await view(request, look)


def _plain(points: Decimal) -> str:
    """A decimal without an exponent or idle zeros."""
    return f"{points.normalize():f}" if points else "0"


def _out(programme: Programme, *, rules: bool = False) -> ProgrammeOut:
    return ProgrammeOut(
        id=programme.id, name=programme.name, currency=programme.currency, timezone=programme.timezone,
        languages=list(programme.languages), revision=programme.revision,
        rules=programme.document() if rules else None,
    )  # fmt: skip
