"""Redemptions and vouchers over `/v1`."""

import asyncio

from loyalty.books.audit import audit
from service.context import Context
from tests.service.api import MEMBER, Api
from tests.service.conftest import ANNA, Client


async def held(api: Api, reward: str = "espresso", id_: str = "h1") -> str:
    body = {"id": id_, "member": {"phone": ANNA}, "reward": reward}
    return str((await api.ok("/v1/redemptions", body))["id"])


async def voucher(api: Api) -> str:
    return str((await api.ok(f"/v1/redemptions/{await held(api)}/confirm"))["voucher"])


async def test_what_a_member_can_get_is_told_with_what_is_in_the_way(client: Client) -> None:
    offers = {one["reward"]: one for one in (await Api(client).seen(f"{MEMBER}/offers"))["offers"]}
    assert (offers["espresso"]["available"], offers["espresso"]["why_not"]) == (True, None)
    assert (offers["mug"]["available"], offers["mug"]["why_not"], offers["mug"]["missing"]) == (False, "points", 90)
    catalogue = (await Api(client).seen("/v1/rewards"))["offers"]
    assert [one["reward"] for one in catalogue] == list(offers)


async def test_a_redemption_is_held_confirmed_and_gives_one_voucher(client: Client) -> None:
    api = Api(client)
    id_ = await held(api)
    assert await held(api) == id_
    assert (await api.seen())["points"] == {"available": 90, "pending": 0, "held": 20, "debt": 0, "lifetime": 110}
    first = await api.ok(f"/v1/redemptions/{id_}/confirm")
    assert (first["state"], len(first["voucher"].replace("-", ""))) == ("confirmed", 14)
    assert (await api.ok(f"/v1/redemptions/{id_}/confirm"))["voucher"] == first["voucher"]
    assert await api.seen(f"/v1/redemptions/{id_}") == first


async def test_a_redemption_is_given_back(client: Client) -> None:
    api = Api(client)
    id_ = await held(api)
    assert (await api.ok(f"/v1/redemptions/{id_}/void"))["state"] == "voided"
    assert (await api.seen())["points"]["available"] == 110
    assert await api.refused(f"/v1/redemptions/{id_}/confirm") == "over"


async def test_what_cannot_be_redeemed_says_why(client: Client) -> None:
    api = Api(client)
    body = {"id": "h", "member": {"phone": ANNA}, "reward": "mug"}
    assert await api.refused("/v1/redemptions", body) == "points"
    assert await api.refused("/v1/redemptions", {**body, "reward": "yacht"}) == "gone"
    assert await api.refused("/v1/redemptions/nothing/confirm") == "not_found"


async def test_a_confirmed_redemption_is_reversed_with_a_reason(client: Client, context: Context) -> None:
    api = Api(client)
    id_ = await held(api)
    code = (await api.ok(f"/v1/redemptions/{id_}/confirm"))["voucher"]
    asked = {"author": "Mara", "reason": "machine broken"}
    assert (await api.ok(f"/v1/redemptions/{id_}/reverse", asked))["state"] == "reversed"
    assert (await api.ok(f"/v1/redemptions/{id_}/reverse", asked))["state"] == "reversed"
    assert (await api.seen())["points"]["available"] == 110
    assert (await api.ok("/v1/vouchers/validate", {"code": code}))["why_not"] == "revoked"
    assert not (await context.store.read(audit)).findings


async def test_a_voucher_is_looked_at_and_used_once(client: Client) -> None:
    api = Api(client)
    code = await voucher(api)
    seen = await api.ok("/v1/vouchers/validate", {"code": code.lower()})
    assert (seen["usable"], seen["reward"], seen["kind"], seen["uses_left"]) == (True, "espresso", "product", 1)
    used = await api.ok("/v1/vouchers/consume", {"id": "sale 1", "code": code, "place": "bar"})
    assert (used["reward"], used["id"]) == ("espresso", "sale 1")
    assert await api.ok("/v1/vouchers/consume", {"id": "sale 1", "code": code, "place": "bar"}) == used
    assert await api.refused("/v1/vouchers/consume", {"id": "sale 2", "code": code}) == "used"
    assert (await api.ok("/v1/vouchers/validate", {"code": code}))["why_not"] == "used"


async def test_of_twenty_tills_one_uses_a_voucher(client: Client) -> None:
    api = Api(client)
    code = await voucher(api)
    answers = await asyncio.gather(
        *(api.post("/v1/vouchers/consume", {"id": f"sale {number}", "code": code}) for number in range(20))
    )
    assert sorted(status for status, _ in answers) == [200] + [422] * 19


async def test_a_cancelled_sale_gives_the_voucher_back(client: Client) -> None:
    api = Api(client)
    code = await voucher(api)
    await api.ok("/v1/vouchers/consume", {"id": "sale 1", "code": code})
    undone = await api.ok("/v1/vouchers/undo", {"id": "sale 1", "author": "Mara", "reason": "sale cancelled"})
    assert undone["usable"] is True
    assert await api.refused("/v1/vouchers/undo", {"id": "sale 9", "author": "M", "reason": "x"}) == "not_found"


async def test_a_code_that_is_nobodys_is_unknown(client: Client) -> None:
    api = Api(client)
    for code in ("K7QX-4M2P", "x", "💥"):
        assert (await api.ok("/v1/vouchers/validate", {"code": code}))["why_not"] == "unknown"
        assert await api.refused("/v1/vouchers/consume", {"id": "s", "code": code}) == "unknown"
