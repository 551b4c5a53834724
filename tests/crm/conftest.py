"""Each CRM beside its stand-in, on each kind of store."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from conversation.saying.sentences import Sentences
from crm import queue
from crm.overview import Overview, overview
from crm.pace import Pace
from crm.sync import Pushed, Sync
from crm.system import System
from crm.tables import CrmContact
from loyalty.clock import FixedClock
from loyalty.ids import MemberId
from loyalty.programme import Programme
from loyalty.store import Store
from simulator.crm import (
    StandInBitrix24,
    StandInCrm,
    StandInHubSpot,
    StandInKommo,
    StandInRetailCrm,
    StandInZoho,
)
from simulator.crm.zoho import FIELDS
from tests.crm.adapters import ADAPTERS, NAMES, quick
from tests.store.helpers import Shop, variant

STAND_INS: dict[str, type[StandInCrm]] = {
    "hubspot": StandInHubSpot, "zoho": StandInZoho, "bitrix24": StandInBitrix24, "kommo": StandInKommo,
    "retailcrm": StandInRetailCrm,
}  # fmt: skip
PUBLIC = "https://aurora.example"


@dataclass
class Kit:
    """A business and a CRM, with the stand-in that it is told to."""

    shop: Shop
    name: str
    crm: StandInCrm
    url: str
    pace: Pace = field(default_factory=quick)

    def __post_init__(self) -> None:
        self.system = ADAPTERS[self.name](self.url, self.pace)
        self.sync = self.worker(self.system)

    def worker(self, system: System | None = None) -> Sync:
        """A process that tells this CRM."""
        shop = self.shop
        return Sync(
            shop.store, system or ADAPTERS[self.name](self.url, quick()), {shop.programme.id: shop.programme},
            shop.clock, PUBLIC,
        )  # fmt: skip

    async def runs(self, *, batches: int | None = None) -> Pushed:
        """Find news and tell it."""
        return await self.sync.run(self.shop.now, batches=batches, pages=None)

    async def later(self, **by: float) -> Pushed:
        """The same after a while."""
        self.shop.clock.forward(timedelta(**by))
        return await self.runs()

    async def members(self, count: int) -> list[MemberId]:
        return [await self.shop.member() for _ in range(count)]

    async def sees(self) -> Overview:
        return await self.shop.ask(lambda session: overview(session, self.name, self.shop.now))

    async def row(self, member: MemberId) -> CrmContact:
        """What we know of a contact."""
        return await self.shop.ask(lambda session: session.get_one(CrmContact, (self.name, member)))

    async def is_told(self, *members: MemberId) -> bool:
        """Whether each member has one contact with her points, and nothing waits."""
        counts = (await self.sees()).contacts
        assert counts.get(queue.WAITING, 0) == 0, counts
        for member in members:
            (contact,) = self.crm.of(member)
            assert str(contact["loyalty_points"]) == str((await self.shop.points(member)).available)
        return True


@asynccontextmanager
async def kit_of(name: str, shop: Shop, *, clock: Callable[[], float] | None = None) -> AsyncIterator[Kit]:
    """A kit for one CRM, with its stand-in served."""
    crm = STAND_INS[name](clock=clock)
    if name == "zoho":
        crm.fields = set(FIELDS)  # made by hand there
    async with TestServer(crm.application()) as server:
        yield Kit(shop, name, crm, str(server.make_url("")).rstrip("/"))


@pytest.fixture
def shop(store: Store, cafe: Programme, clock: FixedClock) -> Shop:
    """The café with a point for every euro at once, and no points for joining."""
    return Shop(store, variant(cafe, joining=0), clock)


@pytest.fixture(params=NAMES)
async def kit(request: pytest.FixtureRequest, shop: Shop) -> AsyncIterator[Kit]:
    """Each CRM."""
    async with kit_of(request.param, shop) as kit:
        yield kit


@pytest.fixture(scope="session")
def sentences() -> Sentences:
    return Sentences.load(Path("data/responses"))
