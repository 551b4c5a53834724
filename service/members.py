"""`GET /v1/members/{ref}` and its ledger."""

from aiohttp import web
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.codes import show_code
from loyalty.errors import Invalid
from loyalty.ids import MemberId
from loyalty.members import Kind, get_member
from loyalty.overview import movements, points_of
from loyalty.programme import Programme
from loyalty.referrals import referral_count, referral_link
from loyalty.tables import Identity, Member, Voucher
from service.context import CONTEXT
from service.schemas import (
    LedgerEntryOut,
    LedgerPage,
    MemberOut,
    PointsOut,
    ReferralOut,
    TierOut,
    VoucherOut,
)

PAGE = 50
LARGEST_PAGE = 200


def answer(model: BaseModel) -> web.Response:
    """A model as the body of an answer."""
    return web.Response(text=model.model_dump_json(), content_type="application/json")


async def get_member_view(request: web.Request) -> web.Response:
    """A member, with her points, invitations and vouchers."""
    context = request.app[CONTEXT]
    programme = context.programme(request)
    ref = request.match_info["ref"]
    return answer(
        await context.store.read(
            lambda session: _view(session, programme, get_member(session, programme.id, ref), context.public_url)
        )
    )


async def get_ledger(request: web.Request) -> web.Response:
    """A member's transactions, newest first, a page at a time (`limit`, `cursor`)."""
    context = request.app[CONTEXT]
    programme = context.programme(request)
    ref, cursor = request.match_info["ref"], request.query.get("cursor")
    limit = _limit(request.query.get("limit", str(PAGE)))

    def page(session: Session) -> LedgerPage:
        member = MemberId(get_member(session, programme.id, ref).id)
        found = movements(session, member, limit=limit + 1, before=cursor)
        entries = [
            LedgerEntryOut(
                id=row.id,
                kind=row.kind,
                cause=row.cause,
                points=row.points,
                changes=row.changes,
                occurred_at=row.occurred_at,
                posted_at=row.posted_at,
                memo=dict(row.memo),
            )
            for row in found[:limit]
        ]
        return LedgerPage(entries=entries, next=entries[-1].id if len(found) > limit else None)

    return answer(await context.store.read(page))


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= LARGEST_PAGE:
        raise Invalid(f"limit is a number from 1 to {LARGEST_PAGE}", field="limit")
    return int(text)


def _view(session: Session, programme: Programme, member: Member, public_url: str) -> MemberOut:
    id_ = MemberId(member.id)
    identities = session.execute(select(Identity.kind, Identity.value).where(Identity.member_id == id_))
    known = {kind: value for kind, value in identities}  # noqa: C416 -- rows are no tuples to the type checker
    points = points_of(session, id_)
    count = referral_count(session, id_)
    vouchers = session.scalars(select(Voucher).where(Voucher.member_id == id_).order_by(Voucher.created_at.desc()))
    return MemberOut(
        id=member.id,
        programme=programme.id,
        phone=known.get(Kind.PHONE),
        user_id=known.get(Kind.USER),
        name=member.name,
        language=member.language,
        joined_at=member.joined_at,
        marketing_opt_in=member.marketing_opt_in,
        points=PointsOut(
            available=points.available,
            pending=points.pending,
            held=points.held,
            debt=points.debt,
            lifetime=points.lifetime,
        ),
        tier=TierOut(id=None, progress=None, next=None),
        referral=ReferralOut(
            code=show_code(member.referral_code),
            link=referral_link(public_url, member.referral_code),
            joined=count.joined,
            converted=count.converted,
        ),
        vouchers=[
            VoucherOut(
                code=show_code(voucher.code),
                reward=voucher.reward_id,
                status=voucher.status,
                expires_at=voucher.expires_at,
            )
            for voucher in vouchers
        ],
        badges=[],
        challenges=[],
    )
