"""Campaigns and tags over `/v1`."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer

from loyalty.programme import Programme
from service.app import build_app
from service.context import Context
from tests.service.api import MEMBER, Api
from tests.service.conftest import ANNA
from tests.store.campaigning import Crowd, a_design
from tests.store.helpers import Shop

MARA = {"author": "Mara"}


@pytest.fixture
async def api(context: Context) -> AsyncIterator[Api]:
    async with TestClient(TestServer(build_app(context, version="test"))) as client:
        yield Api(client)


@pytest.fixture
async def crowd(context: Context, cafe: Programme) -> Crowd:
    """Three members, and a campaign that is planned for them."""
    crowd = Crowd(Shop(context.store, cafe, context.clock))  # type: ignore[arg-type]  # it stands still
    await crowd.template()
    await crowd.fans(3)
    await crowd.plans(a_design())
    return crowd


async def test_a_campaign_is_listed_started_held_and_ended(api: Api, crowd: Crowd) -> None:
    [row] = (await api.seen("/v1/campaigns"))["campaigns"]
    assert (row["id"], row["state"], row["recipients"]) == ("winter", "planned", {"planned": 3})
    assert (await api.ok("/v1/campaigns/winter/start", MARA))["state"] == "running"
    await crowd.feeds()
    assert (await api.seen("/v1/campaigns"))["campaigns"][0]["recipients"] == {"queued": 3}
    paused = await api.ok("/v1/campaigns/winter/pause", MARA)
    assert (paused["state"], paused["recipients"]) == ("paused", {"planned": 3})
    assert paused["reason"].endswith("Mara")
    assert (await api.ok("/v1/campaigns/winter/resume", MARA))["state"] == "running"
    assert (await api.ok("/v1/campaigns/winter/stop", MARA))["state"] == "stopped"
    assert await api.refused("/v1/campaigns/winter/resume", MARA) == "state"
    assert await api.refused("/v1/campaigns/nothing/start", MARA) == "not_found"


async def test_a_report_is_told(api: Api, crowd: Crowd) -> None:
    await api.ok("/v1/campaigns/winter/start", MARA)
    await crowd.feeds()
    crowd.shop.clock.forward(timedelta(seconds=1))
    await crowd.sends()
    told = await api.seen("/v1/campaigns/winter")
    assert (told["campaign"]["id"], told["arms"][0]["figures"]["delivered"]) == ("winter", 3)
    assert told["verdict"] == {
        "said": "no verdict: there is nothing to compare with", "given": False, "comparisons": [], "overall": None,
    }  # fmt: skip


async def test_tags_are_given_and_taken(api: Api, crowd: Crowd) -> None:
    assert crowd.shop.programme.id == "cafe"
    await api.ok("/v1/members", {"phone": ANNA})
    assert (await api.ok(f"{MEMBER}/tags", {"add": ["VIP", "early-bird"]}))["tags"] == ["early-bird", "vip"]
    assert (await api.ok(f"{MEMBER}/tags", {"remove": ["vip"]}))["tags"] == ["early-bird"]
    assert await api.refused(f"{MEMBER}/tags", {"add": ["no spaces"]}) == "invalid"
