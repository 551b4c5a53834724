"""`GET /v1/trail`: who did what."""

from datetime import datetime

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.programme import Programme
from loyalty.tables import Trail
from service.once import view
from service.paging import limit_of
from service.schemas.trail import TrailOut, TrailPage


async def get_trail(request: web.Request) -> web.Response:
    """What people and keys did, newest first; of one subject with `subject`."""
    limit, cursor, subject = limit_of(request), request.query.get("cursor"), request.query.get("subject")

    def page(session: Session, programme: Programme, _now: datetime) -> TrailPage:
        query = select(Trail).where(Trail.programme_id == programme.id)
        if cursor:
            query = query.where(Trail.id < cursor)
        if subject:
            query = query.where(Trail.subject == subject)
        rows = session.scalars(query.order_by(Trail.id.desc()).limit(limit + 1)).all()
        return TrailPage(
            entries=[TrailOut.model_validate(row, from_attributes=True) for row in rows[:limit]],
            next=rows[limit - 1].id if len(rows) > limit else None,
        )

    return await view(request, page)
