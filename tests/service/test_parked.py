"""Events that are refused: kept once, shown, tried again, taken when the member turns up."""

from service.context import Context
from service.parking import claim_parked
from tests.service.api import BEA, Api
from tests.service.conftest import Client


async def parked(api: Api, state: str = "waiting") -> list[tuple[str, str]]:
    page = await api.seen(f"/v1/events/parked?state={state}")
    return [(one["event"]["id"], one["code"]) for one in page["events"]]


async def test_an_event_that_cannot_be_taken_is_kept_once_with_the_reason(client: Client) -> None:
    api = Api(client)
    for _ in range(2):
        assert (await api.buys("guest", "10.00", phone=BEA))[0] == 404
    assert (await api.buys("dollars", "10.00", currency="USD"))[0] == 422
    assert (await api.buys("negative", "-1"))[0] == 422
    assert await parked(api) == [("guest", "not_found"), ("dollars", "invalid"), ("negative", "invalid")]


async def test_what_nobody_could_find_again_is_not_kept(client: Client) -> None:
    api = Api(client)
    for body in ({}, {"type": "purchase"}, {"type": "gift", "id": "x"}, {"type": "purchase", "id": 7}, "x"):
        assert (await api.post("/v1/events", body))[0] == 422
    assert (await api.buys("a", "10.00"))[0] == 200
    assert (await api.buys("a", "11.00"))[0] == 409
    assert await parked(api) == []


async def test_a_guests_order_counts_once_she_has_joined(client: Client, context: Context) -> None:
    api = Api(client)
    programme = next(iter(context.programmes.values()))
    assert (await api.buys("guest", "10.00", phone=BEA))[0] == 404
    assert await claim_parked(context, programme) == 0
    await api.ok("/v1/members", {"phone": BEA, "name": "Bea"})
    before = (await api.seen(f"/v1/members/phone:{BEA}"))["points"]["available"]
    assert await claim_parked(context, programme) == 1
    assert await claim_parked(context, programme) == 0
    assert (await api.seen(f"/v1/members/phone:{BEA}"))["points"]["available"] == before + 10
    assert await parked(api) == []
    assert await parked(api, "done") == [("guest", "not_found")]


async def test_a_guests_order_that_is_wrong_in_another_way_waits_for_a_person(client: Client, context: Context) -> None:
    api = Api(client)
    programme = next(iter(context.programmes.values()))
    assert (await api.buys("guest", "10.00", phone=BEA, currency="USD"))[0] == 404
    await api.ok("/v1/members", {"phone": BEA})
    assert await claim_parked(context, programme) == 0
    assert await parked(api) == [("guest", "invalid")]


async def test_a_parked_event_is_tried_again_or_dropped_by_hand(client: Client) -> None:
    api = Api(client)
    for id_ in ("a", "b"):
        assert (await api.buys(id_, "10.00", phone=BEA))[0] == 404
    first, second = (one["id"] for one in (await api.seen("/v1/events/parked"))["events"])
    assert await api.refused(f"/v1/events/parked/{first}/retry") == "not_found"
    await api.ok("/v1/members", {"phone": BEA})
    assert (await api.ok(f"/v1/events/parked/{first}/retry"))["points"] == 10
    assert (await api.ok(f"/v1/events/parked/{first}/retry"))["status"] == "repeated"
    await api.ok(f"/v1/events/parked/{second}/drop")
    assert await parked(api, "dropped") == [("b", "not_found")]
    assert await api.refused("/v1/events/parked/nothing/retry") == "not_found"


async def test_an_event_of_a_list_is_parked_alone(client: Client) -> None:
    api = Api(client)
    event = {"type": "activity", "id": "x", "member": {"phone": BEA}, "activity": "review"}
    status, answer = await api.post("/v1/events", [event, {**event, "id": "y", "activity": "dancing"}])
    assert status == 200
    assert [one["error"]["code"] for one in answer["results"]] == ["not_found", "not_found"]
    assert await parked(api) == [("x", "not_found"), ("y", "not_found")]


async def test_a_parked_page_is_followed_by_the_next(client: Client) -> None:
    api = Api(client)
    for number in range(3):
        await api.buys(f"o{number}", "10.00", phone=BEA)
    page = await api.seen("/v1/events/parked?limit=2")
    rest = await api.seen(f"/v1/events/parked?limit=2&cursor={page['next']}")
    assert [one["event"]["id"] for one in (*page["events"], *rest["events"])] == ["o0", "o1", "o2"]
    assert rest["next"] is None
    assert (await api.get("/v1/events/parked?state=lost"))[0] == 422
