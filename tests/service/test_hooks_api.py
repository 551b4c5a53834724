"""Hooks over `/v1`, as Zapier and operators use them."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select
from structlog.testing import capture_logs

from loyalty.api_keys import create_key
from loyalty.clock import FixedClock
from loyalty.ids import ProgrammeId
from loyalty.programme import Programme
from loyalty.tables import IdempotencyKey
from service.app import build_app
from service.context import Context
from service.hooks.delivering import Deliverer
from service.hooks.queue import DELAYS
from service.hooks.tables import Hook
from tests.service.api import Api
from tests.service.conftest import KEY, Client
from tests.store.hook_target import INSECURE, Target, listening


@pytest.fixture
def context(context: Context) -> Context:
    return replace(context, guard=INSECURE)


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    async with listening() as target:
        yield target


@pytest.fixture
def deliverer(context: Context) -> Deliverer:
    return Deliverer(context.store, context.clock, INSECURE)


async def subscribed(client: Client, target: Target, **more: object) -> dict[str, Any]:
    status, answer = await Api(client).post("/v1/hooks", {"hookUrl": target.url, **more})
    assert status == 201, answer
    found: dict[str, Any] = answer
    return found


async def test_zapier_subscribes_gets_samples_and_unsubscribes(client: Client, target: Target) -> None:
    api = Api(client)
    hook = await subscribed(client, target, event="points.earned")
    assert hook["secret"].startswith("whsec_")
    assert (hook["state"], hook["events"], hook["target_url"]) == ("active", ["points.earned"], target.url)
    samples = await api.seen("/v1/hooks/sample?event=points.earned")
    assert {one["type"] for one in samples} == {"points.earned"}
    assert len(await api.seen("/v1/hooks/sample")) >= 21
    for _ in range(2):  # an end that is repeated is an end
        async with client.delete(f"/v1/hooks/{hook['id']}", headers=KEY) as response:
            assert response.status == 200
    assert (await api.seen("/v1/hooks"))["hooks"] == []
    assert (await api.seen(f"/v1/hooks/{hook['id']}"))["state"] == "ended"


async def test_a_secret_is_shown_once(client: Client, context: Context, target: Target) -> None:
    body = {"target_url": target.url}
    api, key = Api(client), {"Idempotency-Key": "zap-1"}
    status, first = await api.post("/v1/hooks", body, **key)
    again_status, again = await api.post("/v1/hooks", body, **key)
    assert (status, again_status, again["id"]) == (201, 201, first["id"])
    assert again["secret"] is None
    assert (await api.post("/v1/hooks", {"target_url": f"{target.url}2"}, **key))[0] == 409
    shown = str(await api.seen("/v1/hooks")) + str(await api.seen(f"/v1/hooks/{first['id']}"))
    kept = await context.store.read(lambda session: str(session.scalars(select(IdempotencyKey.answer)).all()))
    assert first["secret"] not in shown + kept + str(await api.seen("/v1/trail"))


async def test_a_rotation_leaves_two_secrets_for_a_while(
    client: Client, target: Target, deliverer: Deliverer, clock: FixedClock
) -> None:
    api, hook = Api(client), await subscribed(client, target)

    async def signatures() -> int:
        await api.ok(f"/v1/hooks/{hook['id']}/test")
        await deliverer.work(clock.now())
        return len(target.signed[-1]["webhook-signature"].split(" "))

    assert await signatures() == 1
    new = await api.ok(f"/v1/hooks/{hook['id']}/rotate", {"overlap_hours": 2})
    assert new["secret"] != hook["secret"]
    assert await signatures() == 2
    clock.instant += timedelta(hours=2)
    assert await signatures() == 1
    assert await api.refused(f"/v1/hooks/{hook['id']}/rotate", {"overlap_hours": -1}) == "invalid"


async def test_a_test_has_the_shape_of_a_delivery_and_is_seen_among_them(
    client: Client, target: Target, deliverer: Deliverer, clock: FixedClock
) -> None:
    api, hook = Api(client), await subscribed(client, target, event=["tier.reached", "points.earned"])
    sent = await api.ok(f"/v1/hooks/{hook['id']}/test")
    assert (sent["state"], sent["news"]) == ("waiting", None)
    await deliverer.work(clock.now())
    [told] = target.told
    [sample] = await api.seen("/v1/hooks/sample?event=tier.reached")
    assert told["test"] is True
    assert set(told) == set(sample)
    assert set(told["member"]) == set(sample["member"])
    [row] = (await api.seen(f"/v1/hooks/{hook['id']}/deliveries?state=delivered"))["deliveries"]
    assert (row["id"], row["status"]) == (sent["id"], 200)
    assert (await api.seen(f"/v1/hooks/{hook['id']}/deliveries?state=dead"))["deliveries"] == []
    assert (await api.get(f"/v1/hooks/{hook['id']}/deliveries?state=lost"))[0] == 422


async def test_what_was_given_up_is_replayed(
    client: Client, target: Target, deliverer: Deliverer, clock: FixedClock
) -> None:
    api, hook = Api(client), await subscribed(client, target)
    path = f"/v1/hooks/{hook['id']}"
    target.status = 500
    for _ in range(2):
        await api.ok(f"{path}/test")
    for delay in (timedelta(), *DELAYS, timedelta(days=1)):
        clock.instant += 1.2 * delay + timedelta(hours=1)
        await deliverer.work(clock.now())
        clock.instant += timedelta(hours=2)
        await deliverer.work(clock.now())
    assert (await api.seen(path))["dead"] == 2
    [one, _] = (await api.seen(f"{path}/deliveries?state=dead"))["deliveries"]
    assert (await api.ok(f"/v1/hooks/deliveries/{one['id']}/replay"))["attempts"] == 0
    assert await api.ok(f"{path}/replay") == {"replayed": 1}
    target.status, before = 200, len(target.ids)
    await api.ok(f"{path}/resume")
    await deliverer.work(clock.now())
    assert len(target.ids) == before + 2
    assert (await api.seen(path))["dead"] == 0
    assert (await api.post("/v1/hooks/deliveries/nobody/replay"))[0] == 404


async def test_pages_of_hooks_follow_one_another(client: Client, target: Target) -> None:
    ids = [(await subscribed(client, target))["id"] for _ in range(3)]
    first = await Api(client).seen("/v1/hooks?limit=2")
    assert [one["id"] for one in first["hooks"]] == ids[:2]
    rest = await Api(client).seen(f"/v1/hooks?limit=2&cursor={first['next']}")
    assert ([one["id"] for one in rest["hooks"]], rest["next"]) == (ids[2:], None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "target_url"),
        ({"target_url": "http://example.org/"}, "target_url"),
        ({"target_url": "https://192.168.0.1/"}, "target_url"),
        ({"target_url": "http://127.0.0.1:1/", "event": "nonsense"}, "event"),
        ({"target_url": "http://127.0.0.1:1/", "event": []}, "event"),
        ({"target_url": "http://127.0.0.1:1/", "expiration": "2020-01-01T00:00:00Z"}, "expiration"),
        ({"target_url": "http://127.0.0.1:1/", "expiration": "2030-01-01T00:00:00"}, "expiration"),
    ],
)
async def test_what_cannot_be_subscribed(client: Client, body: dict[str, object], field: str) -> None:
    status, answer = await Api(client).post("/v1/hooks", body)
    assert (status, answer["error"]["field"]) == (422, field)


async def test_a_key_needs_the_scope_and_sees_its_programme_only(
    client: Client, context: Context, target: Target, cafe: Programme
) -> None:
    hook = await subscribed(client, target)

    async def key(*scopes: str) -> Api:
        made = await context.store.write(
            lambda session: create_key(session, "k", scopes, programme=None, actor="x", now=context.clock.now())
        )
        return Api(client, f"Bearer {made}")

    assert (await (await key("events")).get("/v1/hooks"))[0] == 403
    assert (await (await key("hooks")).get(f"/v1/hooks/{hook['id']}"))[0] == 200
    other = cafe.model_copy(update={"id": "bar"})
    app = build_app(replace(context, programmes={**context.programmes, ProgrammeId("bar"): other}), version="test")
    async with TestClient(TestServer(app)) as both:
        status, _ = await Api(both).get(f"/v1/hooks/{hook['id']}?programme=bar")
        assert status == 404
        assert (await Api(both).post(f"/v1/hooks/{hook['id']}/rotate?programme=bar", {}))[0] == 404


async def test_secrets_are_never_logged(
    client: Client, context: Context, target: Target, deliverer: Deliverer, clock: FixedClock,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    with capture_logs() as logged, caplog.at_level(logging.DEBUG):
        hook = await subscribed(client, target)
        await Api(client).ok(f"/v1/hooks/{hook['id']}/test")
        target.status = 500
        await deliverer.work(clock.now())
        rotated = await Api(client).ok(f"/v1/hooks/{hook['id']}/rotate")
    rows = await context.store.read(lambda session: list(session.scalars(select(Hook.secret))))
    assert rows == [rotated["secret"]]
    assert logged
    for secret in (hook["secret"], rotated["secret"]):
        assert secret not in str(logged) + caplog.text


async def test_a_programme_has_only_so_many_hooks(client: Client, target: Target) -> None:
    for _ in range(100):
        await subscribed(client, target)
    status, answer = await Api(client).post("/v1/hooks", {"target_url": target.url})
    assert (status, answer["error"]["code"]) == (422, "too_many_hooks")
