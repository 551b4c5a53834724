"""What a member can get: the same that a hold allows, in a fixed number of reads."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from loyalty.books.points import Books
from loyalty.errors import Refused
from loyalty.ids import Cause, MemberId
from loyalty.rewards import catalogue
from loyalty.rewards.catalogue import Offer, tier_of
from tests.store.fragile import statements_of
from tests.store.helpers import Shop
from tests.store.rewards import LEVELS, a_reward, offers, promotes, stock_adds_up, with_points

READS = 3
"""Statements that it takes, whatever there is in the store."""


@pytest.fixture
async def menu(shop: Shop) -> Shop:
    """A shop with a reward of each kind."""
    await offers(
        shop,
        a_reward("espresso", 20),
        a_reward("breakfast", 90),
        a_reward("mug", 40, stock=2),
        a_reward("voyage", 30, cost="300.00", budget="650.00"),
        a_reward("daily", 10, per_member={"count": 1, "every": "day"}),
        a_reward("once", 15, per_member={}),
        a_reward("golden", 25, tiers=["gold"]),
        a_reward("gift", 5, gift_only=True),
        a_reward("summer", 6, dates={"until": "2026-09-30"}),
        a_reward("winter", 7, dates={"from": "2026-12-01"}),
        tiers=LEVELS,
    )
    return shop


async def offers_for(shop: Shop, member: MemberId) -> dict[str, Offer]:
    found = await shop.ask(lambda session: catalogue.what_can_i_get(session, shop.programme, member, shop.now))
    return {offer.reward.id: offer for offer in found}


async def test_each_reward_on_offer_is_told_cheapest_first_with_what_is_in_the_way(menu: Shop) -> None:
    member = await with_points(menu, 50)
    found = await offers_for(menu, member)
    assert {id_: (offer.why_not, offer.missing, offer.left, offer.needs) for id_, offer in found.items()} == {
        "daily": (None, 0, None, None),
        "once": (None, 0, None, None),
        "espresso": (None, 0, None, None),
        "golden": ("tier", 0, None, "gold"),
        "voyage": (None, 0, 2, None),
        "mug": (None, 0, 2, None),
        "breakfast": ("points", 40, None, None),
    }
    assert list(found) == ["daily", "once", "espresso", "golden", "voyage", "mug", "breakfast"]


async def test_what_others_took_is_no_longer_left(menu: Shop) -> None:
    member, other = await with_points(menu, 50), await with_points(menu, 500)
    for reward in ("mug", "mug", "voyage"):
        await menu.redeems(other, reward)
    found = await offers_for(menu, member)
    assert (found["mug"].why_not, found["mug"].left) == ("sold_out", 0)
    assert (found["voyage"].why_not, found["voyage"].left) == (None, 1)


async def test_a_limit_is_told_with_when_it_begins_anew(menu: Shop) -> None:
    member = await with_points(menu, 100)
    for reward in ("daily", "once"):
        await menu.holds(member, reward)
    found = await offers_for(menu, member)
    assert [(found[id_].why_not, found[id_].used_up) for id_ in ("daily", "once")] == [("limit", True)] * 2
    again = found["daily"].again_at
    assert again is not None
    assert again.isoformat() == "2026-11-22T00:00:00+01:00"
    assert found["once"].again_at is None
    menu.clock.instant = again
    assert (await offers_for(menu, member))["daily"].within_reach


async def test_rewards_of_a_level_are_within_reach_of_that_level(menu: Shop) -> None:
    member = await with_points(menu, 50)
    assert await menu.ask(lambda session: tier_of(session, menu.programme, member)) is None
    await promotes(menu, member, "gold")
    assert await menu.ask(lambda session: tier_of(session, menu.programme, member)) == "gold"
    assert (await offers_for(menu, member))["golden"].within_reach


async def test_somebody_who_has_not_joined_sees_everything_and_can_have_nothing(menu: Shop) -> None:
    member = await menu.member(joined=False)
    await menu.buys(member, "50.00")
    assert {offer.why_not for offer in (await offers_for(menu, member)).values()} == {"not_joined"}


async def test_for_nobody_in_particular_only_what_is_left_is_told(menu: Shop) -> None:
    other = await with_points(menu, 500)
    for _ in range(2):
        await menu.redeems(other, "mug")
    found = await menu.ask(lambda session: catalogue.whole_catalogue(session, menu.programme, menu.now))
    assert {offer.reward.id: (offer.why_not, offer.left, offer.missing) for offer in found} == {
        "daily": (None, None, 0), "once": (None, None, 0), "espresso": (None, None, 0), "golden": (None, None, 0),
        "voyage": (None, 2, 0), "mug": ("sold_out", 0, 0), "breakfast": (None, None, 0),
    }  # fmt: skip


async def tries(shop: Shop, member: MemberId, reward: str) -> tuple[str | None, dict[str, int | str]]:
    """What becomes of it if a member redeems a reward: nothing in the way, or why she cannot."""
    try:
        await shop.redeems(member, reward)
    except Refused as refused:
        return refused.reason, refused.facts
    return None, {}


async def test_what_is_offered_can_be_had_and_what_is_not_is_refused_for_that_reason(menu: Shop) -> None:
    members = [await with_points(menu, amount) for amount in (0, 12, 60, 300, 400)]
    await promotes(menu, members[2], "gold")
    seen = set()
    for _ in range(3):
        for member in reversed(members):
            for id_ in await offers_for(menu, member):
                offer = (await offers_for(menu, member))[id_]  # after what she had a moment ago
                told: dict[str, int | str] = {**catalogue.facts(menu.programme, offer, menu.now)}
                if offer.why_not == "points":
                    told["missing"] = offer.missing
                assert await tries(menu, member, id_) == (offer.why_not, told)
                seen.add(offer.why_not)
        menu.clock.forward(timedelta(days=1))
    assert seen == {None, "points", "tier", "limit", "sold_out"}
    assert await stock_adds_up(menu)


# ---- bounded


async def reads(shop: Shop, member: MemberId) -> int:
    """How many statements it takes to say what a member can get."""

    def look(session: Session) -> object:
        return catalogue.what_can_i_get(session, shop.programme, member, shop.now)

    for _ in range(2):  # a statement is prepared the first time
        count = await shop.ask(lambda session: statements_of(session, look))
    return count


async def test_it_takes_as_many_reads_for_a_member_of_many_years_as_for_a_new_one(menu: Shop) -> None:
    old, new = await with_points(menu, 5000), await menu.member()

    def live(books: Books) -> None:
        for number in range(200):
            books.earn(
                5, cause=Cause(f"gift:{number}"), kind="adjustment", origin=f"gift:{number}", occurred_at=menu.now,
                activates_at=menu.now, expires_at=None, memo={},
            )  # fmt: skip

    await menu.in_books(old, live)
    for _ in range(5):
        await menu.redeems(old, "espresso")
        await menu.redeems(old, "daily")
        menu.clock.forward(timedelta(days=1))
    assert await reads(menu, old) == await reads(menu, new) == READS


async def test_plain_rewards_take_one_read(shop: Shop) -> None:
    await offers(shop, a_reward("espresso"))
    assert await reads(shop, await shop.member()) == 1
