"""Claims over `/v1`: the queue of points that members miss, and what a person decides about each."""

from datetime import datetime, timedelta

from aiohttp import web
from sqlalchemy.orm import Session

from conversation.saying.notices import Notices
from loyalty.errors import Invalid
from loyalty.ids import MemberId
from loyalty.money import Money
from loyalty.news import because
from loyalty.orders import claims
from loyalty.orders.claims import STATES, Decided, Listed, Order
from loyalty.programme import Programme
from loyalty.tables import Claim
from service.context import CONTEXT
from service.once import Change, change, read_body, view
from service.paging import limit_of
from service.schemas.claims import ClaimDecided, ClaimDecision, ClaimOut, ClaimPage, ReceiptOut
from service.settling import settle_referrals

FETCHED = timedelta(days=7)
"""How long WhatsApp keeps what a customer sent (Meta: media that came by a webhook)."""

_NEXT = {"not_found": "missing_points", "unreadable": "missing_points", "not_counted": "how_to_earn"}
"""What a member can do about a rejection."""


async def get_claims(request: web.Request) -> web.Response:
    """What members miss, oldest first: what waits, unless another state is named."""
    named = request.query.get("state", "open")
    state = next((one for one in STATES if one == named), None)
    if state is None:
        raise Invalid(f"state is one of {', '.join(STATES)}", field="state")
    limit, cursor = limit_of(request), request.query.get("cursor")

    def page(session: Session, programme: Programme, now: datetime) -> ClaimPage:
        found = claims.list_claims(session, programme, state=state, limit=limit + 1, after=cursor)
        return ClaimPage(
            claims=[_row(programme, one) for one in found[:limit]],
            next=found[limit - 1].claim.id if len(found) > limit else None,
        )

    return await view(request, page)


async def decide(request: web.Request) -> web.Response:
    """Accept a claim, as an order or for points, or reject it; the member is told."""
    body, id_ = await read_body(request, ClaimDecision), request.match_info["id"]
    context = request.app[CONTEXT]

    def work(at: Change) -> ClaimDecided:
        if (claim := at.session.get(Claim, id_)) is not None:
            because(at.session, claim.member_id, "desk")  # she is answered here
        decided = _carry_out(at, id_, body)
        row = decided.claim
        told = decided.new and _tell(at, context.notices, row)
        return ClaimDecided(
            id=row.id, status="accepted" if decided.new else "repeated", state=row.state, points=row.points,
            purchase_id=row.purchase_key, told=told,
        )  # fmt: skip

    answer = await change(request, work)
    await settle_referrals(context, context.programme(request))
    return answer


def _carry_out(at: Change, id_: str, body: ClaimDecision) -> Decided:
    if body.decision == "reject":
        return claims.reject(
            at.session, at.programme, id_, body.why, author=body.author, reason=body.reason, actor=at.actor, now=at.now
        )
    credit: Order | int = body.points or 0
    if body.amount is not None:
        total = Money.parse(body.amount, body.currency or at.programme.currency)
        credit = Order(total, body.occurred_at, body.purchase_id)
    return claims.accept(
        at.session, at.programme, id_, credit, author=body.author, reason=body.reason, actor=at.actor, now=at.now
    )


def _tell(at: Change, notices: Notices, row: Claim) -> bool:
    """Answer the member, in her language, once for each decision."""
    member, cause = MemberId(row.member_id), f"claim:{row.id}:{row.state}"
    if row.state == "rejected":
        asks = (_NEXT.get(str(row.why), "points_history"), "talk_to_human")
        key = f"claim.rejected.{row.why}"
        return notices.tell(at.session, at.programme, member, key, asks=asks, cause=cause, now=at.now)
    key = "claim.accepted" if row.points else "claim.accepted_nothing"
    return notices.points(at.session, at.programme, member, key, cause=cause, now=at.now, points=row.points)


def _row(programme: Programme, listed: Listed) -> ClaimOut:
    row = listed.claim
    receipt = None
    if row.media_id is not None:
        receipt = ReceiptOut(
            media_id=row.media_id, mime_type=row.media_type, sha256=row.media_sha256, until=row.created_at + FETCHED,
            same_as=list(listed.same_receipt),
        )  # fmt: skip
    return ClaimOut(
        id=row.id, member=row.member_id, state=row.state, when=row.told_when, where=row.told_where,
        amount=None if row.amount is None else str(row.amount), currency=programme.currency, receipt=receipt,
        created_at=row.created_at, decided_at=row.decided_at, decided_by=row.decided_by, why=row.why,
        purchase_id=row.purchase_key, points=row.points,
    )  # fmt: skip
