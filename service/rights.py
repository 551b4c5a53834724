"""A person's rights over `/v1`: all that is known of her, and to be forgotten."""

from datetime import datetime

from aiohttp import web
from sqlalchemy.orm import Session

import conversation.caring.rights
import loyalty.rights.dossier
import loyalty.rights.erasure
from conversation.caring.handovers import calm
from loyalty.ids import MemberId
from loyalty.people.members import get_member
from loyalty.programme import Programme
from service.once import Change, change, read_body, view
from service.schemas.common import Nothing
from service.schemas.rights import Erasure, Export


async def export_member(request: web.Request) -> web.Response:
    """All that is known of a member, in the loyalty programme and in the chat."""
    ref = request.match_info["ref"]

    def look(session: Session, programme: Programme, now: datetime) -> Export:
        member = MemberId(get_member(session, programme.id, ref).id)
        return Export(
            at=now,
            loyalty=loyalty.rights.dossier.export(session, programme, member, now),
            conversation=conversation.caring.rights.export(session, programme, member, now),
        )

    return await view(request, look)


async def erase_member(request: web.Request) -> web.Response:
    """Forget a member. Her points stay in the books, nameless."""
    body, ref = await read_body(request, Erasure), request.match_info["ref"]

    def work(at: Change) -> Nothing:
        member = MemberId(get_member(at.session, at.programme.id, ref).id)
        conversation.caring.rights.erase(at.session, at.programme, member, at.now)
        loyalty.rights.erasure.erase(at.session, at.programme, member, at.now, actor=f"{at.actor}: {body.author}")
        calm(at.session, at.programme.id, at.now)
        return Nothing()

    return await change(request, work)
