"""A stand-in for other people's tools: an address on this machine that takes webhooks, or does not."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.clock import FixedClock
from loyalty.ids import MemberId
from loyalty.news import Kind, TellingStore, tell
from loyalty.programme import Programme
from loyalty.store import Store
from service.hooks import subscriptions
from service.hooks.delivering import Deliverer
from service.hooks.guard import Guard
from service.hooks.listening import hear
from service.hooks.tables import Hook, HookDelivery
from tests.store.helpers import set_up_member

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
INSECURE = Guard(insecure=True)


@dataclass
class Target:
    """Remembers what came, and answers as it is told: with a status, or as a function says."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    answer: Answer | None = None
    bodies: list[bytes] = field(default_factory=list)
    signed: list[dict[str, str]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [one["webhook-id"] for one in self.signed]

    @property
    def told(self) -> list[Any]:
        return [json.loads(body) for body in self.bodies]

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        self.signed.append({name.lower(): value for name, value in request.headers.items()})
        if self.answer is not None:
            return await self.answer(request)
        return web.Response(status=self.status, headers=self.headers)


@asynccontextmanager
async def listening(target: Target | None = None) -> AsyncIterator[Target]:
    """An address that takes webhooks."""
    found = target or Target()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.take)
    async with TestServer(app, host="127.0.0.1") as server:
        found.url = str(server.make_url("/hook"))
        yield found


async def hang(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


@dataclass
class Business:
    """A programme in which things happen, and those who want to hear of it."""

    store: Store
    programme: Programme
    clock: FixedClock
    member: MemberId
    deliverer: Deliverer
    telling: TellingStore
    _count: int = 0

    @classmethod
    async def of(cls, store: Store, programme: Programme, clock: FixedClock, deliverer: Deliverer) -> "Business":
        member = await store.write(lambda session: set_up_member(session, programme, clock.now()))
        return cls(store, programme, clock, member, deliverer, TellingStore(store, [hear]))

    async def subscribes(self, url: str, *kinds: str) -> str:
        def work(session: Session) -> str:
            return subscriptions.subscribe(
                session, self.programme.id, url, list(kinds) or ["*"], expires_at=None, actor="a test",
                now=self.clock.now(),
            ).id  # fmt: skip

        return await self.store.write(work)

    async def happens(self, times: int = 1, kind: Kind = Kind.POINTS_EARNED) -> None:
        """Something happens to the member."""

        def work(session: Session) -> None:
            for number in range(times):
                tell(
                    session, self.programme.id, self.member, kind, key=f"{kind}:{self._count + number}",
                    about={"points": number}, at=self.clock.now(), now=self.clock.now(),
                )  # fmt: skip

        await self.telling.write(work)
        self._count += times

    async def delivers(self, after: timedelta = timedelta()) -> str:
        self.clock.instant += after
        return await self.deliverer.work(self.clock.now())

    async def rows(self, state: str | None = None) -> list[HookDelivery]:
        def work(session: Session) -> list[HookDelivery]:
            query = select(HookDelivery).order_by(HookDelivery.id)
            return list(session.scalars(query if state is None else query.where(HookDelivery.state == state)))

        return await self.store.read(work)

    async def hook(self, id_: str) -> Hook:
        return await self.store.read(lambda session: session.get_one(Hook, id_))

    async def changes(self, work: Callable[[Session], object]) -> None:
        def both(session: Session) -> None:
            work(session)
            session.flush()

        await self.store.write(both)
