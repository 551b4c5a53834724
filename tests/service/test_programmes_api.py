"""Programmes, revisions and dry runs over `/v1`."""

from loyalty.programme import Programme
from tests.service.api import Api
from tests.service.conftest import ANNA, Client


async def test_the_programmes_in_force_are_shown_with_their_rules(client: Client, cafe: Programme) -> None:
    api = Api(client)
    listed = await api.seen("/v1/programmes")
    assert [(one["id"], one["revision"], one["rules"]) for one in listed["programmes"]] == [
        ("cafe", cafe.revision, None)
    ]
    whole = await api.seen("/v1/programmes/cafe")
    assert Programme.model_validate(whole["rules"]) == cafe
    assert (await api.get("/v1/programmes/other"))[0] == 404
    revisions = (await api.seen("/v1/revisions"))["revisions"]
    assert [(one["id"], one["now"]) for one in revisions] == [(cafe.revision, True)]


async def test_a_dry_run_says_what_an_order_would_earn_and_changes_nothing(client: Client) -> None:
    api = Api(client)
    before = await api.seen()
    order = {"member": {"phone": ANNA}, "amount": "42.50", "currency": "EUR"}
    told = await api.ok("/v1/dry-run", order)
    assert told["points"] == 42
    assert {"purchase", "rounding"} <= {one["rule"] for one in told["rules"]}
    assert all(one["why"] for one in told["rules"])
    assert await api.seen() == before
    assert (await api.buys("real", "42.50"))[1]["points"] == 42
    somebody_new = await api.ok("/v1/dry-run", {"amount": "5.00", "currency": "EUR"})
    assert somebody_new["points"] == 5


async def test_a_dry_run_of_nonsense_is_refused(client: Client) -> None:
    api = Api(client)
    for wrong in (
        {"amount": "-5", "currency": "EUR"},
        {"amount": "5.00", "currency": "USD"},
        {"amount": "5.00", "currency": "EUR", "member": {"phone": "+393330000000"}},
        {},
    ):
        assert (await api.post("/v1/dry-run", wrong))[0] in {404, 422}


async def test_every_route_is_described(client: Client) -> None:
    from service.app import ROUTES  # noqa: PLC0415 -- beside what it is compared with

    async with client.get("/openapi.json") as response:
        document = await response.json()
    assert {route.path for route in ROUTES} <= set(document["paths"])
    text = str(document)
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        assert f"`{route.scope}`" in operation["description"]
        assert {"Idempotency-Key"} & {one["name"] for one in operation["parameters"]} or route.method != "POST"
    for name in document["components"]["schemas"]:
        assert f"#/components/schemas/{name}" in text
