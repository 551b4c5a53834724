"""Gifts of rules: given once, taken back once, and never silently less than was promised."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from loyalty.books.overview import Movement, movements
from loyalty.books.points import open_books
from loyalty.errors import Refused
from loyalty.ids import Cause, MemberId
from loyalty.rewards import gifts
from loyalty.rewards.stock import Taken
from loyalty.rules.parts import Gift
from loyalty.tables import Lot, Member, Voucher
from tests.store.fragile import fail_everywhere
from tests.store.helpers import Shop, points, reasons
from tests.store.rewards import (
    a_reward,
    consumes,
    everything,
    gives,
    giving,
    offers,
    stock_adds_up,
    taken,
    takes_away,
    voucher_of,
    with_points,
)

POINTS = Gift(points=15)
MUG = Gift.model_validate({"reward": "mug"})
BOTH = Gift.model_validate({"points": 15, "reward": "mug"})


@pytest.fixture
async def member(shop: Shop) -> MemberId:
    """A member of a shop with two mugs, worth 80 points each."""
    await offers(shop, a_reward("mug", 80, stock=2, cost="4.00"), a_reward("coffee"))
    return await shop.member()


async def movements_of(shop: Shop, member: MemberId) -> list[Movement]:
    """What was posted, oldest first."""
    found = await shop.ask(lambda session: movements(session, member, limit=50))
    return found[::-1]


async def voucher(shop: Shop, origin: str = "goal:1") -> Voucher:
    found = await voucher_of(shop, origin)
    assert found is not None
    return found


async def test_points_are_earned_under_their_origin(shop: Shop, member: MemberId) -> None:
    given = await gives(shop, member, POINTS)
    assert (given.points, given.voucher, given.instead) == (15, None, False)
    assert await shop.points(member) == points(15)
    lot = await shop.ask(lambda session: session.scalars(select(Lot).where(Lot.member_id == member)).one())
    assert (lot.origin, lot.expires_at) == ("goal:1", datetime(2027, 11, 21, 23, tzinfo=UTC))
    (posted,) = await movements_of(shop, member)
    assert (posted.kind, posted.cause, posted.memo) == ("goal", "goal:1", {"goal": "ten visits"})


async def test_a_reward_comes_as_a_voucher_and_from_the_stock(shop: Shop, member: MemberId) -> None:
    given = await gives(shop, member, MUG)
    assert given.voucher is not None
    assert (given.points, given.instead) == (0, False)
    found = await voucher(shop)
    assert (found.code, found.status, found.cost) == (given.voucher.code, "issued", Decimal("4.00"))
    assert (found.member_id, found.redemption_id) == (member, None)
    assert await taken(shop, "mug") == Taken(1, 40_000)
    assert await movements_of(shop, member) == []


async def test_points_and_a_voucher_are_one_posting(shop: Shop, member: MemberId) -> None:
    given = await gives(shop, member, BOTH)
    assert given.voucher is not None
    assert given.points == 15
    assert len(await movements_of(shop, member)) == 1
    assert await shop.is_sound()


@pytest.mark.parametrize(("language", "name"), [("fr", "Tasse"), ("it", "Tazza"), ("tlh", "Tazza")])
async def test_a_voucher_is_named_in_the_members_language(
    shop: Shop, member: MemberId, language: str, name: str
) -> None:
    names = {"en": "Mug", "it": "Tazza", "es": "Taza", "fr": "Tasse", "ar": "كوب"}
    await offers(shop, {**a_reward("mug"), "name": names})

    def speak(session: Any) -> None:
        session.get_one(Member, member).language = language

    await shop.do(speak)
    await gives(shop, member, MUG)
    assert (await voucher(shop)).reward_name == name


async def test_a_gift_is_not_bound_by_what_redemptions_are(shop: Shop, member: MemberId) -> None:
    await offers(
        shop,
        a_reward("mug", gift_only=True, per_member={"count": 1}, dates={"until": "2026-01-01"}),
        a_reward("coffee"),
    )
    for number in range(2):
        assert (await gives(shop, member, MUG, origin=f"goal:{number}")).voucher is not None


async def test_a_reward_that_the_rules_do_not_have_is_a_mistake(shop: Shop, member: MemberId) -> None:
    with pytest.raises(LookupError, match="yacht"):
        await gives(shop, member, Gift.model_validate({"reward": "yacht"}))


# ---- run out


async def test_a_reward_that_ran_out_gives_its_price_in_points_and_says_so(shop: Shop, member: MemberId) -> None:
    for number in range(2):
        await gives(shop, member, MUG, origin=f"goal:{number}")
    given = await gives(shop, member, BOTH, origin="goal:2")
    assert (given.points, given.voucher, given.instead) == (95, None, True)
    (posted,) = await movements_of(shop, member)
    assert posted.memo == {"goal": "ten visits", "instead_of": "mug"}
    assert await shop.points(member) == points(95)
    assert await taken(shop, "mug") == Taken(2, 80_000)


async def test_a_budget_that_is_spent_is_as_good_as_run_out(shop: Shop, member: MemberId) -> None:
    await offers(shop, a_reward("mug", 80, cost="4.00", budget="7.99"))
    assert [(await gives(shop, member, MUG, origin=f"goal:{number}")).instead for number in (1, 2)] == [False, True]


async def test_of_fifty_who_are_given_the_last_at_once_the_others_get_points(shop: Shop, member: MemberId) -> None:
    await offers(shop, a_reward("mug", 80, stock=7))
    members = [await shop.member() for _ in range(50)]
    given = await asyncio.gather(*(gives(shop, one, BOTH, origin=f"goal:{one}") for one in members))
    assert sum(one.voucher is not None for one in given) == 7
    assert sum(one.instead for one in given) == 43
    have = [(await shop.points(one)).available for one in members]
    assert sorted(have) == [15] * 7 + [95] * 43
    assert await taken(shop, "mug") == Taken(7)
    assert await stock_adds_up(shop)
    assert await shop.is_sound()


async def test_giving_and_redeeming_the_same_reward_at_once_stops_at_what_there_is(
    shop: Shop, member: MemberId
) -> None:
    await offers(shop, a_reward("mug", 80, stock=20))
    givers, buyers = [[await with_points(shop, 80) for _ in range(24)] for _ in range(2)]
    results = await asyncio.gather(
        *(gives(shop, one, BOTH, origin=f"goal:{one}") for one in givers),
        *(shop.redeems(one, "mug") for one in buyers),
        return_exceptions=True,
    )
    refused = reasons(results)
    given = [one for one in results if isinstance(one, gifts.Given)]
    assert set(refused) <= {"sold_out"}
    assert len(given) == 24
    assert sum(not one.instead for one in given) + 24 - len(refused) == 20
    assert await taken(shop, "mug") == Taken(20)
    assert await stock_adds_up(shop)
    assert await shop.is_sound()


# ---- once


async def test_given_again_it_changes_nothing(shop: Shop, member: MemberId) -> None:
    first = await gives(shop, member, BOTH)
    before = await everything(shop)
    again = await gives(shop, member, BOTH)
    assert (again.points, again.instead) == (first.points, first.instead)
    assert again.voucher is not None
    assert first.voucher is not None
    assert again.voucher.code == first.voucher.code
    assert await everything(shop) == before


async def test_a_substitute_given_again_stays_the_substitute(shop: Shop, member: MemberId) -> None:
    await offers(shop, a_reward("mug", 80, stock=0))
    first = await gives(shop, member, BOTH)
    await offers(shop, a_reward("mug", 80, stock=5))
    assert await gives(shop, member, BOTH) == first
    assert await shop.points(member) == points(95)


async def test_of_many_at_once_one_gives(shop: Shop, member: MemberId) -> None:
    given = await asyncio.gather(*(gives(shop, member, BOTH) for _ in range(20)))
    assert len({one.voucher.code for one in given if one.voucher is not None}) == 1
    assert await shop.points(member) == points(15)
    assert await taken(shop, "mug") == Taken(1, 40_000)


# ---- pending


async def test_what_begins_later_is_pending_and_waits(shop: Shop, member: MemberId) -> None:
    begins = shop.now + timedelta(days=14)
    await gives(shop, member, BOTH, activates_at=begins)
    assert await shop.points(member) == points(0, pending=15)
    assert (await voucher(shop)).status == "waiting"
    shop.clock.instant = begins
    done = await shop.tick()
    assert (done.activated, done.vouchers_begun) == (1, 1)
    assert await shop.points(member) == points(15)
    assert (await voucher(shop)).status == "issued"
    lot = await shop.ask(lambda session: session.scalars(select(Lot).where(Lot.member_id == member)).one())
    assert lot.expires_at == datetime(2027, 12, 5, 23, tzinfo=UTC)  # a year from when it begins


async def test_what_began_before_it_was_known_is_there_at_once(shop: Shop, member: MemberId) -> None:
    await gives(shop, member, BOTH, activates_at=shop.now - timedelta(days=3))
    assert await shop.points(member) == points(15)
    found = await voucher(shop)
    assert (found.status, found.valid_from) == ("issued", None)
    assert found.expires_at == datetime(2026, 12, 21, 23, tzinfo=UTC)


# ---- taken back


async def test_what_was_given_is_taken_back_once(shop: Shop, member: MemberId) -> None:
    await gives(shop, member, BOTH)
    for _ in range(2):
        await takes_away(shop, member)
    assert await shop.points(member) == points(0)
    assert (await voucher(shop)).status == "revoked"
    assert await taken(shop, "mug") == Taken()
    assert [one.points for one in await movements_of(shop, member)] == [15, -15]
    assert await shop.is_sound()


async def test_a_voucher_alone_is_taken_back_without_a_posting(shop: Shop, member: MemberId) -> None:
    given = await gives(shop, member, MUG)
    assert given.voucher is not None
    await takes_away(shop, member)
    assert await movements_of(shop, member) == []
    with pytest.raises(Refused) as refused:
        await consumes(shop, given.voucher.code)
    assert refused.value.reason == "revoked"


async def test_nothing_is_taken_back_where_nothing_was_given(shop: Shop, member: MemberId) -> None:
    before = await everything(shop)
    await takes_away(shop, member)
    assert await everything(shop) == before


async def test_what_is_still_pending_is_taken_back_too(shop: Shop, member: MemberId) -> None:
    await gives(shop, member, BOTH, activates_at=shop.now + timedelta(days=14))
    await takes_away(shop, member)
    assert await shop.points(member) == points(0)
    assert (await voucher(shop)).status == "revoked"
    shop.clock.forward(timedelta(days=14))
    done = await shop.tick()
    assert (done.activated, done.vouchers_begun) == (0, 0)


async def test_a_used_voucher_stays_and_the_memo_says_so(shop: Shop, member: MemberId) -> None:
    given = await gives(shop, member, BOTH)
    assert given.voucher is not None
    await consumes(shop, given.voucher.code)
    await takes_away(shop, member)
    assert await shop.points(member) == points(0)
    assert (await voucher(shop)).status == "used"
    assert await taken(shop, "mug") == Taken(1, 40_000)
    assert (await movements_of(shop, member))[-1].memo == {"goal": "ten visits", "kept": "mug", "used": 1}


async def test_a_substitute_is_taken_back_in_points(shop: Shop, member: MemberId) -> None:
    await offers(shop, a_reward("mug", 80, stock=0))
    await gives(shop, member, BOTH)
    await takes_away(shop, member)
    assert await shop.points(member) == points(0)
    assert await stock_adds_up(shop)


async def test_points_that_were_spent_become_a_debt(shop: Shop, member: MemberId) -> None:
    await gives(shop, member, Gift(points=20))
    await shop.redeems(member, "coffee")
    await takes_away(shop, member)
    assert await shop.points(member) == points(0, debt=20, lifetime=0)
    assert await shop.is_sound()


# ---- and given anew


async def test_given_anew_the_same_voucher_lives_again_with_all_its_time(shop: Shop, member: MemberId) -> None:
    first = await gives(shop, member, BOTH)
    await takes_away(shop, member)
    shop.clock.forward(timedelta(days=20))
    second = await gives(shop, member, BOTH, cause="goal:1:2")
    assert first.voucher is not None
    assert second.voucher is not None
    assert (second.voucher.code, second.voucher.status) == (first.voucher.code, "issued")
    assert second.voucher.expires_at == datetime(2027, 1, 10, 23, tzinfo=UTC)
    assert second.points == 15
    assert await taken(shop, "mug") == Taken(1, 40_000)
    await consumes(shop, second.voucher.code)


async def test_given_anew_when_it_has_run_out_it_is_points(shop: Shop, member: MemberId) -> None:
    await gives(shop, member, MUG)
    await takes_away(shop, member)
    for number in (2, 3):
        await gives(shop, member, MUG, origin=f"goal:{number}")
    again = await gives(shop, member, MUG, cause="goal:1:2")
    assert (again.points, again.voucher, again.instead) == (80, None, True)
    await takes_away(shop, member, cause="goal:1:3")
    assert await shop.points(member) == points(0)


async def test_given_anew_a_voucher_that_was_used_is_not_given_twice(shop: Shop, member: MemberId) -> None:
    given = await gives(shop, member, BOTH)
    assert given.voucher is not None
    await consumes(shop, given.voucher.code)
    await takes_away(shop, member)
    again = await gives(shop, member, BOTH, cause="goal:1:2")
    assert again.voucher is not None
    assert again.voucher.status == "used"
    assert (again.points, again.instead) == (15, False)
    assert await taken(shop, "mug") == Taken(1, 40_000)


async def test_given_anew_a_voucher_that_expired_stays_expired(shop: Shop, member: MemberId) -> None:
    await gives(shop, member, MUG)
    shop.clock.forward(timedelta(days=60))
    await takes_away(shop, member)
    again = await gives(shop, member, MUG, cause="goal:1:2")
    assert again.voucher is not None
    assert (await shop.tick()).vouchers_expired == 1
    assert (await voucher(shop)).status == "expired"
    assert await stock_adds_up(shop)


# ---- killed


async def test_giving_that_is_killed_anywhere_gave_nothing(shop: Shop, member: MemberId) -> None:
    give = giving(shop, BOTH, origin="goal:1")
    await fail_everywhere(
        shop,
        lambda session: give(open_books(session, shop.programme.id, member, now=shop.now)),
        lambda: everything(shop),
    )
    assert await shop.points(member) == points(15)
    assert await taken(shop, "mug") == Taken(1, 40_000)


async def test_taking_back_that_is_killed_anywhere_took_nothing(shop: Shop, member: MemberId) -> None:
    await gives(shop, member, BOTH)
    await fail_everywhere(
        shop,
        lambda session: gifts.take_away(
            open_books(session, shop.programme.id, member, now=shop.now), shop.programme, origin="goal:1",
            cause=Cause("goal:1:undone"), kind="goal", memo={},
        ),
        lambda: everything(shop),
    )  # fmt: skip
    assert await shop.points(member) == points(0)
    assert await taken(shop, "mug") == Taken()
    assert await stock_adds_up(shop)
