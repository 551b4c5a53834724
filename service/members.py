"""`GET /v1/members/{ref}` and its ledger."""

from datetime import datetime

from aiohttp import web
from sqlalchemy.orm import Session

from loyalty.books.overview import movements
from loyalty.ids import MemberId
from loyalty.people.members import get_member
from loyalty.programme import Programme
from service.context import CONTEXT
from service.once import view
from service.paging import limit_of
from service.schemas.members import LedgerEntryOut, LedgerPage, MemberOut
from service.views import view_of


async def get_member_view(request: web.Request) -> web.Response:
    """A member, with her points, level, goals, invitations and vouchers."""
    public_url, ref = request.app[CONTEXT].public_url, request.match_info["ref"]

    def look(session: Session, programme: Programme, now: datetime) -> MemberOut:
        return view_of(session, programme, get_member(session, programme.id, ref), public_url, now)

    return await view(request, look)


async def get_ledger(request: web.Request) -> web.Response:
    """A member's transactions, newest first, a page at a time (`limit`, `cursor`)."""
    ref, cursor, limit = request.match_info["ref"], request.query.get("cursor"), limit_of(request)

    def page(session: Session, programme: Programme, _now: datetime) -> LedgerPage:
        member = MemberId(get_member(session, programme.id, ref).id)
        found = movements(session, member, limit=limit + 1, before=cursor)
        entries = [LedgerEntryOut.model_validate(row, from_attributes=True) for row in found[:limit]]
        return LedgerPage(entries=entries, next=entries[-1].id if len(found) > limit else None)

    return await view(request, page)
