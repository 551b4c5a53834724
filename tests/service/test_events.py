"""`POST /v1/events`: once each, refused with a reason, never half."""

import asyncio
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import func, select

from loyalty.books.audit import audit
from loyalty.tables import Transaction
from service.context import Context
from tests.service.conftest import ANNA, KEY, Client


def purchase(id_: str = "till-7/000123", amount: str = "42.50", **more: Any) -> dict[str, Any]:
    return {"type": "purchase", "id": id_, "member": {"phone": ANNA}, "amount": amount, "currency": "EUR", **more}


async def post(client: Client, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    async with client.post("/v1/events", json=body, headers={**KEY, **headers}) as response:
        answer: dict[str, Any] = await response.json()
        return response.status, answer


async def available(client: Client) -> int:
    async with client.get(f"/v1/members/phone:{ANNA}", headers=KEY) as response:
        return int((await response.json())["points"]["available"])


async def test_a_purchase_earns_its_points_once_however_often_it_is_reported(client: Client) -> None:
    before = await available(client)
    first = await post(client, purchase())
    again = await post(client, purchase())
    assert first[0] == again[0] == 200
    assert (first[1]["status"], first[1]["points"], again[1]["status"]) == ("accepted", 42, "repeated")
    assert await available(client) == before + 42


async def test_the_same_key_with_the_same_body_is_answered_as_before(client: Client) -> None:
    first = await post(client, purchase(), **{"Idempotency-Key": "k1"})
    assert await post(client, purchase(), **{"Idempotency-Key": "k1"}) == first


async def test_the_same_key_with_another_body_is_a_conflict_without_effect(client: Client) -> None:
    await post(client, purchase("a"), **{"Idempotency-Key": "k1"})
    before = await available(client)
    status, answer = await post(client, purchase("b"), **{"Idempotency-Key": "k1"})
    assert (status, answer["error"]["code"], answer["error"]["field"]) == (409, "conflict", "Idempotency-Key")
    assert await available(client) == before


async def test_twenty_parallel_requests_with_one_key_have_one_effect_and_equal_answers(client: Client) -> None:
    before = await available(client)
    answers = await asyncio.gather(*(post(client, purchase(), **{"Idempotency-Key": "k"}) for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert await available(client) == before + 42


async def test_a_refused_event_may_be_sent_again_with_its_key_when_the_reason_is_gone(client: Client) -> None:
    stranger = purchase(member={"external": "shop:77"})
    assert (await post(client, stranger, **{"Idempotency-Key": "k"}))[0] == 404
    assert (await post(client, stranger, **{"Idempotency-Key": "k"}))[0] == 404


async def test_one_id_for_two_orders_is_a_conflict(client: Client) -> None:
    await post(client, purchase())
    status, answer = await post(client, purchase(amount="43.50"))
    assert (status, answer["error"]["field"]) == (409, "id")


async def test_refunds_take_back_what_the_order_no_longer_earns(client: Client, context: Context) -> None:
    before = await available(client)
    await post(client, purchase())
    refund = {"type": "refund", "id": "r1", "purchase_id": "till-7/000123", "amount": "10.00", "currency": "EUR"}
    assert (await post(client, refund))[1]["points"] == -10
    assert (await post(client, refund))[1]["status"] == "repeated"
    rest = {**refund, "id": "r2", "amount": "32.50"}
    assert (await post(client, rest))[1]["points"] == -32
    assert await available(client) == before
    assert not (await context.store.read(audit)).findings


async def test_an_activity_of_the_programme_earns_its_points(client: Client) -> None:
    activity = {"type": "activity", "id": "v1", "member": {"phone": ANNA}, "activity": "review"}
    assert (await post(client, activity))[1]["points"] == 15
    assert (await post(client, activity))[1]["status"] == "repeated"


async def test_a_list_is_taken_event_by_event(client: Client) -> None:
    before = await available(client)
    body = [purchase("a", "10.00"), purchase("b", "-1"), purchase("c", "5.00"), "nonsense", purchase("a", "10.00")]
    status, answer = await post(client, body, **{"Idempotency-Key": "k"})
    assert status == 200
    assert [result.get("points") for result in answer["results"]] == [10, None, 5, None, 10]
    assert answer["results"][1]["error"]["field"].endswith("amount")
    assert await available(client) == before + 15
    assert await post(client, body, **{"Idempotency-Key": "k"}) == (status, answer)


async def test_a_list_longer_than_a_thousand_is_refused_whole(client: Client, context: Context) -> None:
    count = await context.store.read(lambda session: session.scalar(select(func.count()).select_from(Transaction)))
    status, _ = await post(client, [purchase(str(number)) for number in range(1001)])
    assert status == 422
    again = await context.store.read(lambda session: session.scalar(select(func.count()).select_from(Transaction)))
    assert again == count


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"amount": "-5"}, 422, "amount"),
        ({"amount": 42.5}, 422, "amount"),
        ({"amount": "1e9"}, 422, "amount"),
        ({"amount": "NaN"}, 422, "amount"),
        ({"amount": "42.505"}, 422, "amount"),
        ({"amount": "9999999999"}, 422, "amount"),
        ({"currency": "XXQ"}, 422, "currency"),
        ({"currency": "USD"}, 422, "currency"),
        ({"occurred_at": "2027-11-21T10:00:00+00:00"}, 422, "occurred_at"),
        ({"occurred_at": "2026-11-20T10:00:00"}, 422, "occurred_at"),
        ({"member": {}}, 422, "member"),
        ({"member": {"phone": "12"}}, 422, "member.phone"),
        ({"member": {"phone": "+393330000000"}}, 404, "member"),
        ({"type": "gift"}, 422, None),
        ({"id": ""}, 422, "id"),
    ],
)
async def test_what_is_wrong_is_refused_with_the_field_and_no_effect(
    client: Client, change: dict[str, Any], status: int, field: str | None
) -> None:
    before = await available(client)
    found, answer = await post(client, purchase() | change)
    assert found == status
    assert set(answer["error"]) == {"code", "message", "field"}
    assert answer["error"]["field"] == field
    assert await available(client) == before


async def test_a_refusal_says_what_is_allowed_and_shows_no_pattern(client: Client) -> None:
    for change, hint in (({"amount": "-5"}, '"42.50"'), ({"currency": "euro"}, "EUR")):
        _, answer = await post(client, purchase() | change)
        assert hint in answer["error"]["message"]
        assert "pattern" not in answer["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"null", b"42", b'"text"'])
async def test_a_body_that_is_none_is_refused_without_a_traceback(client: Client, body: bytes) -> None:
    async with client.post("/v1/events", data=body, headers=KEY) as response:
        assert response.status == 422
        assert "Traceback" not in await response.text()


async def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    async with client.post("/v1/events", data=BytesIO(b" " * (6 * 1024 * 1024)), headers=KEY) as response:
        assert response.status == 413


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Basic secret-key", "Bearer sécret"])
async def test_without_the_key_nothing_is_answered(client: Client, given: str) -> None:
    headers = {"Authorization": given} if given else {}
    async with client.post("/v1/events", json=purchase(), headers=headers) as response:
        assert response.status == 401
        assert (await response.json())["error"]["code"] == "unauthorized"
