"""A person of the business answers a customer over `/v1`."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select

from conversation.tables import OutboxRow
from loyalty.programme import Programme
from loyalty.rules.people import Staff
from service.app import build_app
from service.context import Context
from tests.service.api import Api
from tests.store.helpers import Shop
from tests.store.talking import Customer

MEANINGS = {"a person please": "talk_to_human", "join": "join_program", "points?": "check_points"}
ROSA = {"author": "Rosa"}


@pytest.fixture
def staffed(cafe: Programme) -> Programme:
    return cafe.model_copy(update={"staff": Staff(), "language": "en"})


@pytest.fixture
async def api(context: Context, staffed: Programme) -> AsyncIterator[Api]:
    app = build_app(replace(context, programmes={staffed.id: staffed}), version="test")
    async with TestClient(TestServer(app)) as client:
        yield Api(client)


@pytest.fixture
async def anna(context: Context, staffed: Programme) -> Customer:
    """Anna waits for a person."""
    anna = Customer(Shop(context.store, staffed, context.clock), MEANINGS)  # type: ignore[arg-type]  # it stands still
    await anna.types("join")
    await anna.types("a person please")
    return anna


async def only(api: Api, query: str = "") -> str:
    (row,) = (await api.seen(f"/v1/handovers{query}"))["handovers"]
    return str(row["id"])


async def test_who_waits_is_listed_and_what_she_writes_is_read(api: Api, anna: Customer) -> None:
    assert await anna.types("my coffee was cold") == ""
    (row,) = (await api.seen("/v1/handovers"))["handovers"]
    assert (row["state"], row["reason"], row["name"], row["overdue"]) == ("waiting", "a person please", "Anna", False)
    one = await api.seen(f"/v1/handovers/{row['id']}")
    said = [(each["who"], each["text"]) for each in one["said"]]
    assert [who for who, _ in said] == ["customer", "us", "customer"]
    assert (said[0][1], said[2][1], one["can_write"]) == ("a person please", "my coffee was cold", True)


async def test_a_person_takes_it_writes_and_hands_back(api: Api, anna: Customer, context: Context) -> None:
    id_ = await only(api)
    assert (await api.ok(f"/v1/handovers/{id_}/take", ROSA))["taken_by"] == "Rosa"
    assert await api.refused(f"/v1/handovers/{id_}/take", {"author": "Ugo"}) == "taken"
    await api.ok(f"/v1/handovers/{id_}/message", {**ROSA, "text": "Hi, Rosa here!"})
    query = select(OutboxRow).where(OutboxRow.key.startswith("handover:"))
    row = await context.store.read(lambda session: session.scalars(query).one())
    assert (row.message["text"], row.state, row.category) == ("Hi, Rosa here!", "waiting", "service")
    assert await anna.types("thanks") == ""
    await api.ok(f"/v1/handovers/{id_}/done", ROSA)
    assert "again, the bot" in await anna.types("points?")
    assert (await api.seen("/v1/handovers"))["handovers"] == []
    assert await only(api, "?state=done") == id_
    trail = {one["action"]: one["actor"] for one in (await api.seen("/v1/trail"))["entries"]}
    assert trail["handover.taken"] == "PASSAPAROLA_API_KEY: Rosa"
    assert {"handover.written", "handover.done"} <= trail.keys()


async def test_a_message_goes_once_for_its_key(api: Api, anna: Customer, context: Context) -> None:
    id_ = await only(api)
    for _ in range(2):
        status, _answer = await api.post(
            f"/v1/handovers/{id_}/message", {**ROSA, "text": "Hello"}, **{"Idempotency-Key": "k1"}
        )
        assert status == 200
    query = select(OutboxRow).where(OutboxRow.key.startswith("handover:"))
    assert len(await context.store.read(lambda session: session.scalars(query).all())) == 1


async def test_outside_the_window_nothing_can_be_written_and_that_is_said(
    api: Api, anna: Customer, context: Context
) -> None:
    id_ = await only(api)
    anna.shop.clock.forward(timedelta(hours=25))
    assert await api.refused(f"/v1/handovers/{id_}/message", {**ROSA, "text": "Hello"}) == "window"
    one = await api.seen(f"/v1/handovers/{id_}")
    assert (one["can_write"], one["overdue"], one["state"]) == (False, True, "waiting")


async def test_what_was_handed_back_is_not_written_to(api: Api, anna: Customer) -> None:
    id_ = await only(api)
    await anna.types("bot")
    assert await api.refused(f"/v1/handovers/{id_}/message", {**ROSA, "text": "Hello"}) == "done"
    assert (await api.ok(f"/v1/handovers/{id_}/done", ROSA))["ended_by"] == "customer"


@pytest.mark.parametrize("path", ["/v1/handovers/nobody", "/v1/handovers?state=lost"])
async def test_what_is_not_there_is_said(api: Api, path: str) -> None:
    status, answer = await api.get(path)
    assert status in {404, 422}
    assert answer["error"]["field"] in {"id", "state"}
