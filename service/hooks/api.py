"""Hooks over `/v1`: Zapier subscribes, unsubscribes and asks for samples here; operators look and replay."""

from collections.abc import Callable
from datetime import datetime

from aiohttp import web
from pydantic import BaseModel
from sqlalchemy.orm import Session

from loyalty.idempotency import Answered
from loyalty.ids import ProgrammeId
from loyalty.news import Kind
from loyalty.programme import Programme
from loyalty.revisions import ensure_programme
from loyalty.store.sql import insert_once
from service.context import CONTEXT, caller
from service.hooks import letters, subscriptions
from service.hooks.listening import EVERYTHING, waiting
from service.hooks.payload import HookSamples
from service.hooks.samples import samples
from service.hooks.subscriptions import kinds_of
from service.hooks.tables import Hook, HookDelivery
from service.once import Change, Key, change, read_body, view
from service.paging import limit_of
from service.schemas.common import Nothing
from service.schemas.hooks import (
    DeliveryOut,
    DeliveryPage,
    HookCreated,
    HookOut,
    HookPage,
    HookSecret,
    Replayed,
    Rotate,
    Subscribe,
)


async def subscribe(request: web.Request) -> web.Response:
    """Subscribe an address. Its secret is in the answer, and nowhere else later."""
    body = await read_body(request, Subscribe)
    kinds = kinds_of(body.event)
    await request.app[CONTEXT].guard.check_target(body.target_url)

    def work(at: Change) -> tuple[HookCreated, str]:
        ensure_programme(at.session, at.programme, now=at.now)
        hook = subscriptions.subscribe(
            at.session, at.programme.id, body.target_url, kinds, expires_at=body.expiration, actor=at.actor, now=at.now
        )
        return HookCreated(**_row(hook, {}).model_dump(), secret=None), hook.secret

    return await _once_with_secret(request, work, status=201)


async def rotate(request: web.Request) -> web.Response:
    """Give it a new secret; the one before stays good for a while."""
    body, id_ = await read_body(request, Rotate), request.match_info["id"]

    def work(at: Change) -> tuple[HookSecret, str]:
        hook = subscriptions.get(at.session, at.programme.id, id_, lock=True)
        secret = subscriptions.rotate(at.session, hook, overlap=body.overlap(), actor=at.actor, now=at.now)
        return HookSecret(id=hook.id, secret=None, former_secret_until=hook.former_until), secret

    return await _once_with_secret(request, work)


async def get_hooks(request: web.Request) -> web.Response:
    """The hooks that have not ended, oldest first."""
    limit, cursor = limit_of(request), request.query.get("cursor")

    def page(session: Session, programme: Programme, _now: datetime) -> HookPage:
        found = subscriptions.listed(session, programme.id, limit=limit + 1, after=cursor)
        counts = letters.counts(session, [hook.id for hook in found])
        rows = [_row(hook, counts.get(hook.id, {})) for hook in found[:limit]]
        return HookPage(hooks=rows, next=rows[-1].id if len(found) > limit else None)

    return await view(request, page)


async def get_hook(request: web.Request) -> web.Response:
    """One of them, also one that has ended."""
    id_ = request.match_info["id"]
    return await view(request, lambda session, programme, _now: _seen(session, programme, id_))


async def unsubscribe(request: web.Request) -> web.Response:
    """End a hook; what waits for it is dropped. Ending it again is fine."""
    id_ = request.match_info["id"]

    def work(at: Change) -> Nothing:
        hook = subscriptions.get(at.session, at.programme.id, id_, lock=True)
        subscriptions.end(at.session, hook, f"ended by {at.actor}", now=at.now)
        return Nothing()

    return await change(request, work)


async def resume(request: web.Request) -> web.Response:
    """Let a paused hook go on with what was kept for it."""
    id_ = request.match_info["id"]

    def work(at: Change) -> HookOut:
        hook = subscriptions.get(at.session, at.programme.id, id_, lock=True)
        subscriptions.resume(at.session, hook, actor=at.actor, now=at.now)
        return _seen(at.session, at.programme, id_)

    return await change(request, work)


async def get_samples(request: web.Request) -> web.Response:
    """What deliveries look like, of `event` or of every kind: a list, as Zapier asks for."""
    named = kinds_of(request.query.get("event", EVERYTHING))
    kinds = list(Kind) if named == [EVERYTHING] else [Kind(one) for one in named]

    def look(session: Session, programme: Programme, now: datetime) -> HookSamples:
        return samples(session, programme.id, kinds, now)

    return await view(request, look)


async def test(request: web.Request) -> web.Response:
    """Send a sample, in the way everything is sent."""
    id_ = request.match_info["id"]

    def work(at: Change) -> DeliveryOut:
        hook = subscriptions.get(at.session, at.programme.id, id_)
        letters.alive(hook)
        kind = Kind.POINTS_EARNED.value if EVERYTHING in hook.kinds else str(hook.kinds[0])
        row = waiting(hook.id, None, kind, at.now)
        insert_once(at.session, HookDelivery, row)
        return _delivery(at.session.get_one(HookDelivery, row["id"]))

    return await change(request, work)


async def get_deliveries(request: web.Request) -> web.Response:
    """What a hook was told, newest first; of one `state` if it is named."""
    id_, limit, cursor = request.match_info["id"], limit_of(request), request.query.get("cursor")
    state = letters.state_of(request.query.get("state"))

    def page(session: Session, programme: Programme, _now: datetime) -> DeliveryPage:
        hook = subscriptions.get(session, programme.id, id_)
        found = letters.deliveries(session, hook.id, state=state, limit=limit + 1, after=cursor)
        rows = [_delivery(row) for row in found[:limit]]
        return DeliveryPage(deliveries=rows, next=rows[-1].id if len(found) > limit else None)

    return await view(request, page)


async def replay(request: web.Request) -> web.Response:
    """Send a delivery again, by the same id."""
    id_ = request.match_info["id"]

    def work(at: Change) -> DeliveryOut:
        return _delivery(letters.replay(at.session, at.programme.id, id_, now=at.now))

    return await change(request, work)


async def replay_dead(request: web.Request) -> web.Response:
    """Send everything again that was given up for a hook."""
    id_ = request.match_info["id"]

    def work(at: Change) -> Replayed:
        hook = subscriptions.get(at.session, at.programme.id, id_, lock=True)
        return Replayed(replayed=letters.replay_dead(at.session, hook, now=at.now))

    return await change(request, work)


async def _once_with_secret(
    request: web.Request, work: Callable[[Change], tuple[BaseModel, str]], *, status: int = 200
) -> web.Response:
    """As `change`, but the secret is only in the first answer: it is not kept with the others for repetitions."""
    context = request.app[CONTEXT]
    programme, actor = context.programme(request), caller(request).name
    key = await Key.of(request, programme)

    def once(session: Session) -> tuple[Answered, str | None]:
        now = context.clock.now()
        if before := key.reserve(session, now):
            return before, None
        answer, secret = work(Change(session, programme, now, actor))
        answered = Answered(status, answer.model_dump(mode="json"))
        key.keep(session, answered)
        return answered, secret

    answered, secret = await context.store.write(once)
    body = answered.answer if secret is None else {**answered.answer, "secret": secret}
    return web.json_response(body, status=answered.status)


def _seen(session: Session, programme: Programme, id_: str) -> HookOut:
    hook = subscriptions.get(session, ProgrammeId(programme.id), id_)
    return _row(hook, letters.counts(session, [hook.id]).get(hook.id, {}))


def _row(hook: Hook, counts: dict[str, int]) -> HookOut:
    return HookOut(
        id=hook.id, target_url=hook.target_url, events=hook.kinds, state=hook.state, why=hook.why,
        failures=hook.failures, waiting=counts.get("waiting", 0), dead=counts.get("dead", 0),
        expires_at=hook.expires_at, former_secret_until=hook.former_until, created_by=hook.created_by,
        created_at=hook.created_at,
    )  # fmt: skip


def _delivery(row: HookDelivery) -> DeliveryOut:
    return DeliveryOut(
        id=row.id, event=row.kind, news=row.news_id, state=row.state, attempts=row.attempts,
        next_try_at=row.next_try_at if row.state == "waiting" else None, status=row.status, error=row.error,
        correlation=row.correlation, created_at=row.created_at, updated_at=row.updated_at,
    )  # fmt: skip
