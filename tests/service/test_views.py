"""Members, ledger, referral links, operations."""

from dataclasses import replace

from aiohttp.test_utils import TestClient, TestServer

from service.app import build_app
from service.context import Context
from tests.service.conftest import ANNA, KEY, Client


async def test_a_member_is_shown_by_any_of_her_references(client: Client) -> None:
    async with client.get(f"/v1/members/phone:{ANNA}", headers=KEY) as response:
        member = await response.json()
    assert set(member) >= {
        "id", "phone", "user_id", "name", "language", "joined_at", "marketing_opt_in", "points", "tier", "referral",
        "vouchers", "badges", "challenges",
    }  # fmt: skip
    assert member["points"] == {"available": 110, "pending": 0, "held": 0, "debt": 0, "lifetime": 110}
    assert set(member["tier"]) >= {"id", "progress", "next"}
    assert set(member["referral"]) == {"code", "link", "joined", "converted"}
    assert member["joined_at"].endswith(("+00:00", "Z"))
    for ref in (member["id"], "phone:00393331234567", "phone:393331234567"):
        async with client.get(f"/v1/members/{ref}", headers=KEY) as response:
            assert await response.json() == member


async def test_a_reference_that_is_nobodys_or_nonsense_is_told_apart(client: Client) -> None:
    for ref, status in (
        ("0" * 32, 404),
        ("phone:+393330000000", 404),
        ("user:IT.1", 404),
        ("phone:x", 422),
        ("a:b", 422),
    ):
        async with client.get(f"/v1/members/{ref}", headers=KEY) as response:
            assert response.status == status, ref


async def test_the_ledger_is_paged_newest_first(client: Client) -> None:
    for number in range(5):
        body = {
            "type": "purchase", "id": f"p{number}", "member": {"phone": ANNA}, "amount": f"{number + 1}.00",
            "currency": "EUR",
        }  # fmt: skip
        async with client.post("/v1/events", json=body, headers=KEY) as response:
            assert response.status == 200
    seen: list[int] = []
    cursor = ""
    while True:
        path = f"/v1/members/phone:{ANNA}/ledger?limit=3" + (f"&cursor={cursor}" if cursor else "")
        async with client.get(path, headers=KEY) as response:
            page = await response.json()
        seen += [entry["points"] for entry in page["entries"]]
        cursor = page["next"]
        if not cursor:
            break
    assert seen == [5, 4, 3, 2, 1, 100, 10]


async def test_a_silly_page_size_is_refused(client: Client) -> None:
    for limit in ("0", "-1", "x", "1000"):
        async with client.get(f"/v1/members/phone:{ANNA}/ledger?limit={limit}", headers=KEY) as response:
            assert response.status == 422


async def test_a_referral_link_opens_a_chat_with_the_code_filled_in(client: Client) -> None:
    async with client.get(f"/v1/members/phone:{ANNA}", headers=KEY) as response:
        referral = (await response.json())["referral"]
    path = referral["link"].removeprefix("https://aurora.example")
    async with client.get(path, allow_redirects=False) as response:
        assert response.status == 302
        assert response.headers["Location"].startswith("https://wa.me/390612345678?text=")
        assert referral["code"].replace("-", "") in response.headers["Location"].replace("-", "")
    async with client.get("/r/K7QX4M2P", allow_redirects=False) as response:
        assert response.status == 404


async def test_operations_answer(client: Client) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
        async with client.get(path) as response:
            assert response.status == 200, path
    async with client.get("/metrics") as response:
        text = await response.text()
    assert "passaparola_members 1.0" in text
    assert 'route="/healthz"' in text
    async with client.get("/openapi.json") as response:
        document = await response.json()
    assert {"/v1/events", "/v1/members/{ref}", "/v1/members/{ref}/ledger", "/r/{code}"} <= set(document["paths"])


async def test_shops_that_are_not_connected_are_told_so(client: Client) -> None:
    for shop in ("shopify", "woocommerce"):
        async with client.post(f"/webhooks/{shop}", json={}) as response:
            assert response.status == 503
            assert "/v1/events" in (await response.json())["error"]["message"]


async def test_unknown_paths_and_methods_are_answered_in_the_same_shape(client: Client) -> None:
    async with client.get("/nothing/here") as response:
        assert response.status == 404
        assert (await response.json())["error"]["code"] == "not_found"
    async with client.get("/v1/events", headers=KEY) as response:
        assert response.status == 405


async def test_without_a_key_in_the_settings_v1_is_closed(context: Context) -> None:
    closed = replace(context, api_key=None)
    async with TestClient(TestServer(build_app(closed, version="test"))) as client:
        async with client.get(f"/v1/members/phone:{ANNA}", headers=KEY) as response:
            assert response.status == 401
            assert "PASSAPAROLA_API_KEY" in (await response.json())["error"]["message"]
