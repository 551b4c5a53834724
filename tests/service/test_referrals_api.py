"""Referrals, reviews, leaderboards and rights over `/v1`."""

from datetime import timedelta
from typing import Any

from loyalty.books.audit import audit
from service.context import Context
from tests.service.api import BEA, MEMBER, Api
from tests.service.conftest import ANNA, Client


async def invited(api: Api, phone: str = BEA, **more: Any) -> dict[str, Any]:
    """A friend of Anna's who joined, and whose first order carries Anna's code."""
    code = (await api.seen())["referral"]["code"]
    await api.ok("/v1/members", {"phone": phone})
    status, answer = await api.buys(f"first of {phone}", "20.00", phone=phone, referral_code=code, **more)
    assert status == 200
    return dict(answer)


async def test_a_code_typed_at_the_checkout_rewards_both_sides(client: Client, context: Context) -> None:
    api = Api(client)
    before = (await api.seen())["points"]["available"]
    await invited(api)
    mine = await api.seen()
    assert mine["points"]["available"] == before + 20
    assert (mine["referral"]["joined"], mine["referral"]["converted"]) == (1, 1)
    assert [one["reward"] for one in (await api.seen(f"/v1/members/phone:{BEA}"))["vouchers"]] == ["croissant"]
    rows = (await api.seen("/v1/referrals?state=rewarded"))["referrals"]
    assert [(one["state"], one["source"]) for one in rows] == [("rewarded", "checkout")]
    assert not (await context.store.read(audit)).findings


async def test_a_code_at_the_checkout_counts_from_when_the_order_was_placed(client: Client, context: Context) -> None:
    api = Api(client)
    placed = context.clock.now() - timedelta(hours=3)
    await invited(api, occurred_at=placed.isoformat())
    [row] = (await api.seen("/v1/referrals"))["referrals"]
    assert (row["state"], row["created_at"]) == ("rewarded", row["converted_at"])


async def test_a_refund_takes_both_rewards_back(client: Client) -> None:
    api = Api(client)
    before = (await api.seen())["points"]["available"]
    await invited(api)
    await api.ok("/v1/events", {"type": "cancellation", "id": "c", "purchase_id": f"first of {BEA}"})
    assert (await api.seen())["points"]["available"] == before
    assert [one["status"] for one in (await api.seen(f"/v1/members/phone:{BEA}"))["vouchers"]] == ["revoked"]


async def test_a_code_that_does_not_count_does_not_stop_the_order(client: Client) -> None:
    api = Api(client)
    code = (await api.seen())["referral"]["code"]
    assert (await api.buys("own", "20.00", referral_code=code))[1]["points"] == 20
    assert (await api.buys("odd", "20.00", referral_code="XXXX-YYYY"))[1]["points"] == 20
    assert (await api.seen("/v1/referrals"))["referrals"] == []


async def test_friends_who_share_a_means_of_payment_wait_for_a_decision(client: Client) -> None:
    api = Api(client)
    before = (await api.seen())["points"]["available"]
    await api.buys("mine", "1.00", signals={"payment": "card-1"})
    await invited(api, signals={"payment": "card-1"})
    assert (await api.seen())["points"]["available"] == before + 1
    [review] = (await api.seen("/v1/reviews"))["referrals"]
    assert review["state"] == "held"
    assert [one["name"] for one in review["findings"]] == ["shared_payment"]
    assert "card-1" not in str(review)
    decision = {"decision": "accept", "author": "Mara", "reason": "a couple, known to us"}
    assert (await api.ok(f"/v1/reviews/{review['id']}", decision))["state"] == "rewarded"
    assert (await api.seen())["points"]["available"] == before + 21
    rejected = {**decision, "decision": "reject"}
    assert (await api.ok(f"/v1/reviews/{review['id']}", rejected))["state"] == "rejected"
    assert (await api.seen())["points"]["available"] == before + 1
    appeal = {"author": "Mara", "reason": "she brought a marriage certificate"}
    assert (await api.ok(f"/v1/reviews/{review['id']}/appeal", appeal))["state"] == "held"


async def test_the_numbers_of_the_programme_are_told_by_week(client: Client) -> None:
    api = Api(client)
    link = (await api.seen())["referral"]["link"].removeprefix("https://aurora.example")
    for agent in ("Mozilla/5.0 (Linux; Android 14)", "WhatsApp/2.24", "facebookexternalhit/1.1"):
        async with client.get(link, headers={"User-Agent": agent}, allow_redirects=False) as response:
            assert response.status == 302
    await invited(api)
    total = (await api.seen("/v1/referrals/numbers"))["total"]
    assert (total["invited"], total["joined"], total["converted"], total["rewarded"]) == (1, 1, 1, 1)
    assert total["k_factor"] == 0.5  # one friend who bought, two members


async def test_a_member_gets_something_to_pass_on(client: Client) -> None:
    shared = await Api(client).seen(f"{MEMBER}/share")
    assert shared["link"] in shared["message"]
    assert shared["qr_svg"].startswith("<svg")


async def test_a_programme_without_leaderboards_says_so(client: Client) -> None:
    api = Api(client)
    assert (await api.get("/v1/leaderboards/month"))[0] == 404
    asked = {"take_part": True, "words": "yes", "evidence": "chat 1"}
    assert await api.refused(f"{MEMBER}/leaderboards", asked) == "no_leaderboard"
    assert (await api.get("/v1/leaderboards/month?which=next"))[0] == 422


async def test_all_that_is_known_is_handed_out_and_then_forgotten(client: Client, context: Context) -> None:
    api = Api(client)
    await api.buys("a", "10.00")
    told = await api.seen(f"{MEMBER}/export")
    assert ANNA in str(told)
    assert told["loyalty"]["points"]["available"] == 120
    id_ = (await api.seen())["id"]
    await api.ok(f"{MEMBER}/erasure", {"author": "Mara"})
    assert (await api.get(MEMBER))[0] == 410
    assert (await api.buys("late", "10.00"))[0] == 410
    assert (await api.post("/v1/members", {"phone": ANNA}))[0] == 410
    trail = await api.seen(f"/v1/trail?subject={id_}")
    assert [one["actor"] for one in trail["entries"]] == ["PASSAPAROLA_API_KEY: Mara"]
    assert ANNA not in str(trail)
    assert ANNA not in str(await api.seen("/v1/events/parked"))
    assert not (await context.store.read(audit)).findings
