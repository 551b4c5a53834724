"""Requests that change something: the body read and checked, the effect once for each `Idempotency-Key`."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel
from sqlalchemy.orm import Session

from loyalty import idempotency
from loyalty.errors import Invalid
from loyalty.idempotency import Answered
from loyalty.programme import Programme
from service.context import CONTEXT, caller

M = TypeVar("M", bound=BaseModel)


def parse_json(raw: bytes) -> object:
    """JSON, with decimals kept exact. Raises `Invalid`."""
    try:
        return json.loads(raw, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise Invalid("the body is no JSON", field="body") from None


async def read_body(request: web.Request, model: type[M]) -> M:
    """The body of a request. An empty one is an empty object."""
    raw = await request.read()
    return model.model_validate(parse_json(raw) if raw.strip() else {})


@dataclass(frozen=True, slots=True)
class Change:
    """What a change is made with: its transaction, its moment, and who asks for it."""

    session: Session
    programme: Programme
    now: datetime
    actor: str


@dataclass(frozen=True, slots=True)
class Key:
    """The idempotency key of a request; without one every request is a new one."""

    scope: str
    key: str | None
    body_hash: str

    @classmethod
    async def of(cls, request: web.Request, programme: Programme) -> "Key":
        """The key of a request, for its route and programme. Raises `Invalid` if it is empty or too long."""
        key = request.headers.get("Idempotency-Key")
        if key is not None and not 0 < len(key) <= 255:
            raise Invalid("Idempotency-Key has 1 to 255 characters", field="Idempotency-Key")
        name = f"{request.method} {request.path}:{programme.id}"
        if request.path == "/v1/events":
            name = f"events:{programme.id}"  # as it was before other routes had keys
        scope = name if len(name) <= 64 else hashlib.sha256(name.encode()).hexdigest()
        return cls(scope, key, hashlib.sha256(await request.read()).hexdigest())

    def reserve(self, session: Session, now: datetime) -> Answered | None:
        """The answer given before, or None: go ahead. Raises `Conflict` for another body."""
        if self.key is None:
            return None
        return idempotency.reserve(session, self.scope, self.key, self.body_hash, now=now)

    def keep(self, session: Session, answered: Answered) -> None:
        """Keep the answer for the next time."""
        if self.key is not None:
            idempotency.keep(session, self.scope, self.key, answered)


async def change(request: web.Request, work: Callable[[Change], BaseModel]) -> web.Response:
    """Carry out a change in one transaction, once for its key, and answer with what `work` returns."""
    context = request.app[CONTEXT]
    programme = context.programme(request)
    key = await Key.of(request, programme)
    actor = caller(request).name

    def once(session: Session) -> Answered:
        now = context.clock.now()
        if before := key.reserve(session, now):
            return before
        answered = Answered(200, work(Change(session, programme, now, actor)).model_dump(mode="json", by_alias=True))
        key.keep(session, answered)
        return answered

    answered = await context.store.write(once)
    return web.json_response(answered.answer, status=answered.status)


async def view(request: web.Request, look: Callable[[Session, Programme, datetime], BaseModel]) -> web.Response:
    """Answer with what `look` finds in the store."""
    context = request.app[CONTEXT]
    programme = context.programme(request)
    now = context.clock.now()
    found = await context.store.read(lambda session: look(session, programme, now))
    return web.Response(text=found.model_dump_json(by_alias=True), content_type="application/json")
