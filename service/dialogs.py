"""Answers to a programme's written dialogs, over `/v1`."""

from datetime import datetime

from aiohttp import web
from sqlalchemy.orm import Session

from loyalty.errors import NotFound
from loyalty.games import dialogs
from loyalty.programme import Programme
from service.once import view
from service.paging import limit_of
from service.schemas.dialogs import AnswersPage, AnswersRow


async def get_answers(request: web.Request) -> web.Response:
    """What members answered to a dialog, oldest first; of somebody who was erased nothing is left but the day."""
    limit, cursor, id_ = limit_of(request), request.query.get("cursor"), request.match_info["id"]

    def page(session: Session, programme: Programme, now: datetime) -> AnswersPage:
        found = dialogs.answers_of(session, programme, id_, limit=limit + 1, after=cursor)
        if not found and dialogs.find_dialog(programme, id_) is None:
            raise NotFound(f"the programme has no dialog {id_}", field="id")
        rows = [AnswersRow(member=one.member_id, answers=one.answers, at=one.finished_at) for one in found[:limit]]
        return AnswersPage(answers=rows, next=found[limit - 1].id if len(found) > limit else None)

    return await view(request, page)
