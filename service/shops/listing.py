"""Deliveries over `/v1`: those that could not be worked off, their words, another try, a decision against them."""

from datetime import datetime
from typing import Any, Literal

from aiohttp import web
from sqlalchemy.orm import Session

from loyalty.errors import Forbidden, Invalid, NotFound
from loyalty.programme import Programme
from service.context import CONTEXT, caller
from service.once import Change, change, view
from service.paging import limit_of
from service.schemas.common import Nothing
from service.schemas.shops import ShopDeliveryOut, ShopDeliveryPage, ShopDeliveryWords
from service.shops import inbox
from service.shops.tables import ShopDelivery
from service.shops.worker import JOB

STATES: tuple[Literal["parked", "waiting"], ...] = ("parked", "waiting")


async def get_deliveries(request: web.Request) -> web.Response:
    """Deliveries that are parked, or wait, oldest first."""
    _for_all(request)
    named = request.query.get("state", inbox.PARKED)
    state = next((one for one in STATES if one == named), None)
    if state is None:
        raise Invalid(f"state is one of {', '.join(STATES)}", field="state")
    limit, cursor = limit_of(request), request.query.get("cursor", "0")
    if not cursor.isdecimal() or len(cursor) > 18:
        raise Invalid("cursor is the `next` of the page before", field="cursor")

    def page(session: Session, _programme: Programme, _now: datetime) -> ShopDeliveryPage:
        found = inbox.listed(session, state=state, limit=limit + 1, after=int(cursor))
        more = len(found) > limit
        rows = [ShopDeliveryOut.model_validate(_shown(row)) for row in found[:limit]]
        return ShopDeliveryPage(deliveries=rows, next=str(found[limit - 1].id) if more else None)

    return await view(request, page)


async def get_delivery(request: web.Request) -> web.Response:
    """A delivery with its words, to see what is wrong with it."""
    _for_all(request)
    id_ = _id(request)

    def look(session: Session, _programme: Programme, _now: datetime) -> ShopDeliveryWords:
        row = session.get(ShopDelivery, id_)
        if row is None:
            raise NotFound("there is no delivery with this id", field="id")
        return ShopDeliveryWords.model_validate({**_shown(row), "body": bytes(row.body).decode("utf-8", "replace")})

    return await view(request, look)


async def retry_delivery(request: web.Request) -> web.Response:
    """Let a parked delivery be tried once more."""
    _for_all(request)
    id_, context = _id(request), request.app[CONTEXT]

    def work(at: Change) -> ShopDeliveryOut:
        return ShopDeliveryOut.model_validate(_shown(inbox.again(at.session, id_, at.now)))

    answer = await change(request, work)
    if context.wake is not None:
        context.wake(JOB)
    return answer


async def drop_delivery(request: web.Request) -> web.Response:
    """Decide that a parked delivery is not to be taken."""
    _for_all(request)
    id_ = _id(request)

    def work(at: Change) -> Nothing:
        inbox.drop(at.session, id_, at.now)
        return Nothing()

    return await change(request, work)


def _for_all(request: web.Request) -> None:
    """What a shop delivers has no programme before it is worked off, so a key for one programme does not see it."""
    if caller(request).programme is not None:
        raise Forbidden("deliveries belong to the whole installation; this key is for one programme")


def _id(request: web.Request) -> int:
    text = request.match_info["id"]
    if not text.isdecimal() or len(text) > 18:
        raise NotFound("there is no delivery with this id", field="id")
    return int(text)


def _shown(row: ShopDelivery) -> dict[str, Any]:
    return {
        "id": row.id, "source": row.source, "shop": row.shop, "topic": row.topic, "delivery_id": row.delivery_id,
        "about": row.key, "state": row.state, "reason": row.error, "attempts": row.attempts, "bytes": len(row.body),
        "received_at": row.received_at,
    }  # fmt: skip
