"""A shop that delivers to the service, whose deliveries are worked off."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.books.audit import audit
from loyalty.books.overview import points_of
from loyalty.ids import MemberId, ProgrammeId
from loyalty.people.imports import ImportRow, import_row
from loyalty.people.members import Ref, find_member
from loyalty.programme import Programme
from service.app import build_app
from service.context import Context
from service.shops.tables import ShopDelivery
from service.shops.worker import work_off
from tests.service.conftest import ANNA, KEY
from tests.shop_fixtures import SHOPIFY_SECRET, WOO_SECRET, Posted


def connected(context: Context, programmes: dict[ProgrammeId, Programme] | None = None) -> Context:
    """The service of a business whose shops are connected; its programme gives nothing but for what is bought."""
    (programme,) = context.programmes.values()
    plain = programme.model_copy(update={"badges": (), "milestones": (), "challenges": (), "streaks": ()})
    return replace(
        context, programmes=programmes or {plain.id: plain}, shopify_secret=SecretStr(SHOPIFY_SECRET),
        woocommerce_secret=SecretStr(WOO_SECRET.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&#039;")),
    )  # fmt: skip


@dataclass
class ShopDesk:
    """What a shop does, and what comes of it."""

    context: Context
    client: TestClient[Any, Any]
    before: int = 0
    """What Anna has before anything is delivered."""

    @property
    def programme(self) -> Programme:
        return next(iter(self.context.programmes.values()))

    async def post(self, posted: Posted, **changed: str) -> tuple[int, Any]:
        headers = {**posted.headers, **changed}
        async with self.client.post(posted.path, data=BytesIO(posted.body), headers=headers) as response:
            return response.status, await response.json()

    async def delivers(self, *posted: Posted) -> int:
        """Deliver these, work them off; what Anna has then, more than before."""
        for one in posted:
            status, answer = await self.post(one)
            assert status == 200, answer
        await work_off(self.context, self.context.clock.now())
        return await self.points() - self.before

    async def points(self, phone: str = ANNA) -> int:
        def look(session: Session) -> int:
            member = find_member(session, self.programme.id, (Ref.phone(phone),))
            assert member is not None
            found = points_of(session, MemberId(member.id))
            return found.available + found.pending - found.debt

        return await self.context.store.read(look)

    async def states(self) -> list[tuple[str, str | None]]:
        """The state of each delivery and why, oldest first."""
        query = select(ShopDelivery.state, ShopDelivery.error).order_by(ShopDelivery.id)
        return await self.context.store.read(lambda session: [(state, why) for state, why in session.execute(query)])

    async def rows(self) -> Sequence[ShopDelivery]:
        query = select(ShopDelivery).order_by(ShopDelivery.id)
        return await self.context.store.read(lambda session: session.scalars(query).all())

    async def parked(self) -> list[tuple[str, str]]:
        """The parked events, by id, and why."""
        async with self.client.get("/v1/events/parked", headers=KEY) as response:
            return [(one["event"]["id"], one["code"]) for one in (await response.json())["events"]]

    async def member(self, ref: str) -> tuple[int, Any]:
        async with self.client.get(f"/v1/members/{ref}", headers=KEY) as response:
            return response.status, await response.json()

    async def is_sound(self) -> bool:
        return (await self.context.store.read(audit)).findings == ()


class Desk:
    """Opens the service of a context with Anna as its member."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client: TestClient[Any, Any] | None = None

    async def __aenter__(self) -> ShopDesk:
        context = self._context
        programme, now = next(iter(context.programmes.values())), context.clock.now()
        row = ImportRow(Ref.phone(ANNA), "Anna", "it", "", 100)
        await context.store.write(lambda session: import_row(session, programme, row, now=now))
        self._client = TestClient(TestServer(build_app(context, version="test")))
        await self._client.start_server()
        desk = ShopDesk(context, self._client)
        desk.before = await desk.points()
        return desk

    async def __aexit__(self, *_: object) -> None:
        assert self._client is not None
        await self._client.close()
