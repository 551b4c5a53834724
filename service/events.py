"""`POST /v1/events`: what tills, shops and tools report."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from aiohttp import web
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from loyalty import idempotency
from loyalty.errors import Invalid, LoyaltyError
from loyalty.idempotency import Answered
from loyalty.ids import MemberId
from loyalty.members import get_member
from loyalty.money import Money
from loyalty.programme import Language, Programme
from loyalty.purchases import (
    OrderChange,
    Outcome,
    PurchaseReport,
    record_activity,
    record_change,
    record_purchase,
)
from loyalty.referrals import convert
from service.context import CONTEXT, Context
from service.schemas import ActivityEvent, Event, EventResult, PurchaseEvent, RefundEvent

MOST = 1000
CHUNK = 50
"""Events of a list posted in one transaction, so that others get their turn in between."""
_EVENT: TypeAdapter[PurchaseEvent | RefundEvent | ActivityEvent] = TypeAdapter(Event)


async def post_events(request: web.Request) -> web.Response:
    """One event, or a list of up to 1,000. Each happens once, by its id; a key answers a repeated request as before."""
    context = request.app[CONTEXT]
    programme = context.programme(request)
    raw = await request.read()
    body = _json(raw)
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= 255:
        raise Invalid("Idempotency-Key has 1 to 255 characters", field="Idempotency-Key")
    post = _Post(context, programme, key, hashlib.sha256(raw).hexdigest())
    answered = await (post.many(body) if isinstance(body, list) else post.one(body))
    return web.json_response(answered.answer, status=answered.status)


@dataclass(frozen=True, slots=True)
class _Post:
    """One request: its programme and its key."""

    context: Context
    programme: Programme
    key: str | None
    body_hash: str

    async def one(self, body: object) -> Answered:
        event = _EVENT.validate_python(body)

        def work(session: Session) -> Answered:
            now = self.context.clock.now()
            if before := self._reserve(session, now):
                return before
            answered = Answered(200, self._record(session, event, now).model_dump())
            self._keep(session, answered)
            return answered

        return await self.context.store.write(work)

    async def many(self, body: list[object]) -> Answered:
        if not 0 < len(body) <= MOST:
            raise Invalid(f"a list holds 1 to {MOST} events", field="body")
        now = self.context.clock.now()
        if before := await self.context.store.write(lambda session: self._reserve(session, now)):
            return before
        results: list[dict[str, Any]] = []
        for start in range(0, len(body), CHUNK):
            chunk = body[start : start + CHUNK]
            results += await self.context.store.write(lambda session, chunk=chunk: self._chunk(session, chunk))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        answered = Answered(200, {"results": results})
        await self.context.store.write(lambda session: self._keep(session, answered))
        return answered

    def _chunk(self, session: Session, chunk: list[object]) -> list[dict[str, Any]]:
        return [self._attempt(session, item) for item in chunk]

    def _attempt(self, session: Session, item: object) -> dict[str, Any]:
        """One event of a list: what is wrong with it does not stop the others."""
        id_ = item.get("id") if isinstance(item, dict) else None
        try:
            event = _EVENT.validate_python(item)
            with session.begin_nested():
                return self._record(session, event, self.context.clock.now()).model_dump()
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            return {"id": id_, "error": {"code": "invalid", "message": first["msg"], "field": field}}
        except LoyaltyError as problem:
            return {"id": id_, "error": {"code": problem.code, "message": str(problem), "field": problem.field}}

    def _reserve(self, session: Session, now: datetime) -> Answered | None:
        if self.key is None:
            return None
        return idempotency.reserve(session, self._scope, self.key, self.body_hash, now=now)

    def _keep(self, session: Session, answered: Answered) -> None:
        if self.key is not None:
            idempotency.keep(session, self._scope, self.key, answered)

    @property
    def _scope(self) -> str:
        return f"events:{self.programme.id}"[:64]

    def _record(
        self, session: Session, event: PurchaseEvent | RefundEvent | ActivityEvent, now: datetime
    ) -> EventResult:
        at = event.occurred_at or now
        match event:
            case PurchaseEvent():
                outcome = self._purchase(session, event, at, now)
            case RefundEvent():
                outcome = self._refund(session, event, at, now)
            case ActivityEvent():
                outcome = self._activity(session, event, at, now)
        status = "repeated" if outcome.repeated else "accepted"
        return EventResult(id=event.id, type=event.type, status=status, member=outcome.member, points=outcome.points)

    def _purchase(self, session: Session, event: PurchaseEvent, at: datetime, now: datetime) -> Outcome:
        member = get_member(session, self.programme.id, event.member.ref())
        total = Money.parse(event.amount, event.currency)
        lines = tuple(line.line() for line in event.lines)
        outcome = record_purchase(session, self.programme, member, PurchaseReport(event.id, total, at, lines), now=now)
        if outcome.repeated:
            return outcome
        convert(session, self.programme.id, MemberId(member.id), now=now)
        if outcome.points > 0:
            days = self.programme.earning.purchase.pending_days
            self.context.notices.points(
                session, self.programme, MemberId(member.id),
                "points.earned_pending" if days else "points.earned", cause=f"purchase:{event.id}", now=now,
                points=outcome.points, amount=total, day=at.astimezone(self.programme.zone).date(),
            )  # fmt: skip
        return outcome

    def _refund(self, session: Session, event: RefundEvent, at: datetime, now: datetime) -> Outcome:
        total = Money.parse(event.amount, event.currency)
        change = OrderChange("refund", event.id, event.purchase_id, total, at)
        outcome = record_change(session, self.programme, change, now=now)
        if outcome.member is not None and outcome.points < 0:
            self.context.notices.points(
                session, self.programme, outcome.member, "points.taken_back", cause=f"refund:{event.id}", now=now,
                points=-outcome.points, amount=total,
            )  # fmt: skip
        return outcome

    def _activity(self, session: Session, event: ActivityEvent, at: datetime, now: datetime) -> Outcome:
        member = get_member(session, self.programme.id, event.member.ref())
        outcome = record_activity(
            session, self.programme, member, key=event.id, activity=event.activity, occurred_at=at, now=now
        )
        if not outcome.repeated:
            name = self.programme.earning.activities[event.activity].name
            self.context.notices.points(
                session, self.programme, MemberId(member.id), "points.earned_activity", cause=f"activity:{event.id}",
                now=now, points=outcome.points, name=name[cast(Language, member.language)],
            )  # fmt: skip
        return outcome


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise Invalid("the body is no JSON", field="body") from None
