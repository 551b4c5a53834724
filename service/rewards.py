"""Rewards and redemptions over `/v1`: for tills and shops that redeem for a member."""

from datetime import datetime
from typing import cast

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.codes import show_code
from loyalty.errors import NotFound
from loyalty.ids import MemberId, RedemptionId, RewardId
from loyalty.people.members import get_member
from loyalty.programme import Language, Programme
from loyalty.rewards import redemptions
from loyalty.rewards.catalogue import Offer, what_can_i_get, whole_catalogue
from loyalty.tables import Member, Redemption, Voucher
from service.once import Change, change, read_body, view
from service.schemas.rewards import Hold, OfferOut, OffersOut, RedemptionOut, Reversal


async def get_offers(request: web.Request) -> web.Response:
    """What a member can get, and why not the rest."""
    ref = request.match_info["ref"]

    def look(session: Session, programme: Programme, now: datetime) -> OffersOut:
        member = get_member(session, programme.id, ref)
        offers = what_can_i_get(session, programme, MemberId(member.id), now=now)
        return OffersOut(offers=[_offer(offer, cast(Language, member.language)) for offer in offers])

    return await view(request, look)


async def get_rewards(request: web.Request) -> web.Response:
    """The rewards on offer, with what is left of each, for nobody in particular."""

    def look(session: Session, programme: Programme, now: datetime) -> OffersOut:
        offers = whole_catalogue(session, programme, now=now)
        return OffersOut(offers=[_offer(offer, programme.language) for offer in offers])

    return await view(request, look)


async def hold(request: web.Request) -> web.Response:
    """Set the points of a reward aside, by the caller's own id."""
    body = await read_body(request, Hold)

    def work(at: Change) -> RedemptionOut:
        member = get_member(at.session, at.programme.id, body.member.ref())
        id_ = redemptions.hold(
            at.session, at.programme, member, RewardId(body.reward), key=f"api:{body.id}"[:200], now=at.now
        )
        return _redemption(at.session, at.programme, id_)

    return await change(request, work)


async def get_redemption(request: web.Request) -> web.Response:
    """A redemption, with its voucher once there is one."""
    id_ = RedemptionId(request.match_info["id"])
    return await view(request, lambda session, programme, _now: _redemption(session, programme, id_))


async def confirm(request: web.Request) -> web.Response:
    """Redeem what is held."""
    id_ = RedemptionId(request.match_info["id"])

    def work(at: Change) -> RedemptionOut:
        member = at.session.get_one(Member, _row(at.session, at.programme, id_).member_id)
        language = cast(Language, member.language)
        redemptions.confirm(at.session, at.programme, id_, language=language, now=at.now)
        return _redemption(at.session, at.programme, id_)

    return await change(request, work)


async def void(request: web.Request) -> web.Response:
    """Give held points back."""
    id_ = RedemptionId(request.match_info["id"])

    def work(at: Change) -> RedemptionOut:
        _row(at.session, at.programme, id_)
        redemptions.void(at.session, at.programme, id_, now=at.now)
        return _redemption(at.session, at.programme, id_)

    return await change(request, work)


async def reverse(request: web.Request) -> web.Response:
    """Undo a confirmed redemption: the voucher ends, the points come back."""
    body, id_ = await read_body(request, Reversal), RedemptionId(request.match_info["id"])

    def work(at: Change) -> RedemptionOut:
        _row(at.session, at.programme, id_)
        redemptions.reverse(
            at.session, at.programme, id_, author=f"{at.actor}: {body.author}", reason=body.reason,
            allow_used=body.allow_used, now=at.now,
        )  # fmt: skip
        return _redemption(at.session, at.programme, id_)

    return await change(request, work)


def _row(session: Session, programme: Programme, id_: RedemptionId) -> Redemption:
    row = session.get(Redemption, id_)
    if row is None or row.programme_id != programme.id:
        raise NotFound("there is no redemption with this id", field="id")
    return row


def _redemption(session: Session, programme: Programme, id_: RedemptionId) -> RedemptionOut:
    row = _row(session, programme, id_)
    session.refresh(row)
    code = session.scalar(select(Voucher.code).where(Voucher.redemption_id == id_))
    return RedemptionOut(
        id=row.id, member=row.member_id, reward=row.reward_id, points=row.points, state=row.state,
        expires_at=row.expires_at if row.state == "held" else None, voucher=show_code(code) if code else None,
    )  # fmt: skip


def _offer(offer: Offer, language: Language) -> OfferOut:
    reward = offer.reward
    return OfferOut(
        reward=reward.id, name=reward.name[language], points=reward.points, kind=reward.kind,
        value=None if reward.value is None else str(reward.value), available=offer.within_reach,
        missing=offer.missing, why_not=offer.why_not, left=offer.left, again_at=offer.again_at, needs=offer.needs,
    )  # fmt: skip
