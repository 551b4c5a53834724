"""`POST /v1/events`: what tills, shops and tools report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import ValidationError
from sqlalchemy.orm import Session

from loyalty.errors import Conflict, Invalid, LoyaltyError, Refused, StoreUnavailable
from loyalty.idempotency import Answered
from loyalty.orders import parked
from loyalty.programme import Programme
from service.context import CONTEXT, Context
from service.ingest import Ingest, read_event
from service.middleware import ERASED, told
from service.once import Key, parse_json
from service.parking import may_be_kept, member_ref, plain
from service.settling import settle_referrals

MOST = 1000
CHUNK = 50
"""Events of a list posted in one transaction, so that others get their turn in between."""


async def post_events(request: web.Request) -> web.Response:
    """One event, or a list of up to 1,000. Each happens once, by its id; a key answers a repeated request as before."""
    context = request.app[CONTEXT]
    programme = context.programme(request)
    key = await Key.of(request, programme)
    body = parse_json(await request.read())
    post = _Post(context, programme, key, Ingest())
    answered = await (post.many(body) if isinstance(body, list) else post.one(body))
    await settle_referrals(context, programme)
    return web.json_response(answered.answer, status=answered.status)


@dataclass(frozen=True, slots=True)
class _Post:
    """One request: its programme and its key."""

    context: Context
    programme: Programme
    key: Key
    ingest: Ingest

    async def one(self, body: object) -> Answered:
        def work(session: Session) -> Answered:
            now = self.context.clock.now()
            if before := self.key.reserve(session, now):
                return before
            answered = Answered(200, self._take(session, body))
            self.key.keep(session, answered)
            return answered

        try:
            return await self.context.store.write(work)
        except (ValidationError, LoyaltyError) as problem:
            await self._keep_refused([(body, problem)])
            raise

    async def many(self, body: list[object]) -> Answered:
        if not 0 < len(body) <= MOST:
            raise Invalid(f"a list holds 1 to {MOST} events", field="body")
        now = self.context.clock.now()
        if before := await self.context.store.write(lambda session: self.key.reserve(session, now)):
            return before
        results: list[dict[str, Any]] = []
        for start in range(0, len(body), CHUNK):
            chunk = body[start : start + CHUNK]
            outcomes = await self.context.store.write(lambda session, chunk=chunk: self._chunk(session, chunk))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            refused = [
                (item, found) for item, found in zip(chunk, outcomes, strict=True) if isinstance(found, Exception)
            ]
            await self._keep_refused(refused)
            results += [_told(item, found) for item, found in zip(chunk, outcomes, strict=True)]
        answered = Answered(200, {"results": results})
        await self.context.store.write(lambda session: self.key.keep(session, answered))
        return answered

    def _chunk(self, session: Session, chunk: list[object]) -> list[dict[str, Any] | ValidationError | LoyaltyError]:
        return [self._attempt(session, item) for item in chunk]

    def _attempt(self, session: Session, item: object) -> dict[str, Any] | ValidationError | LoyaltyError:
        """One event of a list: what is wrong with it does not stop the others."""
        try:
            with session.begin_nested():
                return self._take(session, item)
        except StoreUnavailable:
            raise
        except (ValidationError, LoyaltyError) as problem:
            return problem

    def _take(self, session: Session, body: object) -> dict[str, Any]:
        event = read_event(body)
        now = self.context.clock.now()
        result = self.ingest.apply(session, self.programme, event, now)
        parked.settle(session, self.programme.id, f"{event.type}:{event.id}", state=parked.DONE, now=now)
        return result.model_dump()

    async def _keep_refused(self, refused: list[tuple[object, ValidationError | LoyaltyError]]) -> None:
        """Keep what a shop would look for later. A conflict is no loss: the event was taken before."""
        kept = [
            (body, problem)
            for body, problem in refused
            if may_be_kept(body) and not isinstance(problem, Conflict | StoreUnavailable) and not _of_erased(problem)
        ]
        if not kept:
            return
        now = self.context.clock.now()

        def work(session: Session) -> None:
            for body, problem in kept:
                assert isinstance(body, Mapping)  # `may_be_kept` saw to it
                code, reason = _reason(problem)
                parked.park(
                    session, self.programme.id, key=f"{body['type']}:{body['id']}", member_ref=member_ref(body),
                    body=plain(body), code=code, reason=reason, now=now,
                )  # fmt: skip

        await self.context.store.write(work)


def _of_erased(problem: Exception) -> bool:
    return isinstance(problem, Refused) and problem.reason == ERASED


def _reason(problem: ValidationError | LoyaltyError) -> tuple[str, str]:
    if isinstance(problem, LoyaltyError):
        return problem.code, str(problem)
    field, message = told(problem)
    return "invalid", f"{field}: {message}" if field else message


def _told(item: object, found: dict[str, Any] | ValidationError | LoyaltyError) -> dict[str, Any]:
    if isinstance(found, dict):
        return found
    field, message = told(found) if isinstance(found, ValidationError) else (found.field, str(found))
    code = found.code if isinstance(found, LoyaltyError) else "invalid"
    id_ = item.get("id") if isinstance(item, dict) else None
    return {"id": id_, "error": {"code": code, "message": message, "field": field}}
