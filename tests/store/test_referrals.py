"""Referral codes: every reason to refuse one, how they come, one referrer for ever, and what is told of them."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from loyalty import codes
from loyalty.errors import Refused
from loyalty.ids import MemberId
from loyalty.referral.referrals import ReferralCount, any_unsettled, referral_count, referral_link, touch
from loyalty.tables import Member
from tests.store.helpers import Shop, reasons
from tests.store.referring import Club


@pytest.fixture
def club(shop: Shop) -> Club:
    return Club(shop)


async def count_of(shop: Shop, member: MemberId) -> ReferralCount:
    return await shop.ask(lambda session: referral_count(session, member))


async def is_marked(shop: Shop, member: MemberId, **values: object) -> None:
    """Something becomes known of a member."""

    def work(session: Session) -> None:
        row = session.get_one(Member, member)
        for name, value in values.items():
            setattr(row, name, value)

    await shop.do(work)


async def test_a_friend_who_enters_the_code_has_joined_by_it(shop: Shop, club: Club) -> None:
    anna, bruno = await shop.member(), await shop.member()
    typed = codes.show_code(await club.code_of(anna)).lower()
    await club.enters(bruno, f" {typed} ")
    assert await count_of(shop, anna) == ReferralCount(joined=1, converted=0)
    assert await count_of(shop, bruno) == ReferralCount(0, 0)


async def test_what_is_no_code_is_misspelt(shop: Shop, club: Club) -> None:
    member = await shop.member()
    for typed in ("", "   ", "hello", "0O1IL"):
        assert await club.refusal(member, typed) == "code_misspelt"


async def test_a_typing_mistake_is_told_from_an_unknown_code(shop: Shop, club: Club) -> None:
    anna, bruno = await shop.member(), await shop.member()
    code = await club.code_of(anna)
    wrong = ("3" if code[0] == "2" else "2") + code[1:]
    assert await club.refusal(bruno, wrong) == "code_misspelt"
    assert await club.refusal(bruno, codes.new_code(codes.REFERRAL_SIGNS)) == "code_unknown"


async def test_a_code_of_another_programme_is_unknown(shop: Shop, club: Club) -> None:
    gym = Shop(shop.store, shop.programme.model_copy(update={"id": "gym"}), shop.clock)
    code = await club.code_of(await gym.member())
    assert await club.refusal(await shop.member(), code) == "code_unknown"


async def test_the_code_of_somebody_who_was_erased_is_unknown(shop: Shop, club: Club) -> None:
    anna = await shop.member()
    code = await club.code_of(anna)
    await is_marked(shop, anna, erased_at=shop.now)
    assert await club.refusal(await shop.member(), code) == "code_unknown"


async def test_the_code_of_somebody_who_was_merged_is_that_of_whom_she_is_now(shop: Shop, club: Club) -> None:
    anna, again, bruno = await shop.member(), await shop.member(), await shop.member()
    code = await club.code_of(again)
    await is_marked(shop, again, merged_into=anna)
    assert await club.refusal(anna, code) == "code_own"
    await club.enters(bruno, code)
    assert (await club.referral(bruno)).referrer_id == anna


async def test_nobody_refers_herself(shop: Shop, club: Club) -> None:
    anna = await shop.member()
    assert await club.refusal(anna, await club.code_of(anna)) == "code_own"
    assert await count_of(shop, anna) == ReferralCount(0, 0)


async def test_a_second_code_is_refused_and_changes_nothing(shop: Shop, club: Club) -> None:
    anna, bruno, carla = await shop.member(), await shop.member(), await shop.member()
    await club.brings(anna, carla)
    for referrer in (anna, bruno):
        assert await club.refusal(carla, await club.code_of(referrer)) == "code_again"
    assert (await count_of(shop, anna), await count_of(shop, bruno)) == (ReferralCount(1, 0), ReferralCount(0, 0))


async def test_after_the_first_purchase_a_code_is_too_late(shop: Shop, club: Club) -> None:
    anna, bruno = await shop.member(), await shop.member()
    await club.buys(bruno, "0.10")  # too little for a point, but a purchase
    assert await club.refusal(bruno, await club.code_of(anna)) == "code_late"


async def test_who_was_a_customer_before_the_programme_is_nobodys_friend(shop: Shop, club: Club) -> None:
    anna, bruno = await shop.member(), await shop.member()
    await is_marked(shop, bruno, customer_before=True)
    assert await club.refusal(bruno, await club.code_of(anna)) == "code_customer"


async def test_a_member_can_enter_a_code_for_as_long_as_codes_count_and_then_no_more(shop: Shop, club: Club) -> None:
    await club.has_rule(window_days=30)
    anna, bruno, carla, guest = (
        await shop.member(), await shop.member(), await shop.member(), await shop.member(joined=False)
    )  # fmt: skip
    code = await club.code_of(anna)
    shop.clock.forward(timedelta(days=30))
    await club.enters(bruno, code)
    shop.clock.forward(timedelta(seconds=1))
    assert await club.refusal(carla, code) == "code_customer"
    await club.enters(guest, code)  # who has not joined is not here yet


async def test_of_many_codes_entered_at_once_one_counts(shop: Shop, club: Club) -> None:
    referrers = [await shop.member() for _ in range(5)]
    friend = await shop.member()
    typed = [await club.code_of(referrer) for referrer in referrers]
    results = await asyncio.gather(*(club.enters(friend, code) for code in typed * 2), return_exceptions=True)
    assert reasons(results) == ["code_again"] * 9
    assert sum([(await count_of(shop, referrer)).joined for referrer in referrers]) == 1


async def test_the_order_that_carries_a_code_is_the_friends_first_one(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna, bruno = await shop.member(), await shop.member()
    placed = shop.now - timedelta(hours=2)
    await club.enters(bruno, await club.code_of(anna), source="checkout", at=placed)
    await club.buys(bruno, "20.00", at=placed)
    referral = await club.referral(bruno)
    assert (referral.source, referral.created_at) == ("checkout", placed)
    assert await club.state(bruno) == "rewarded"
    assert await club.available(anna, bruno) == [100, 60]


async def test_a_code_at_the_checkout_of_a_second_order_is_too_late(shop: Shop, club: Club) -> None:
    anna, bruno, carla = await shop.member(), await shop.member(), await shop.member()
    code, placed = await club.code_of(anna), shop.now - timedelta(hours=2)
    await club.buys(bruno, "5.00", at=placed - timedelta(days=1))
    with pytest.raises(Refused, match="only before the first purchase"):
        await club.enters(bruno, code, source="checkout", at=placed)
    await club.buys(carla, "5.00", at=placed)  # the very order was told first
    await club.enters(carla, code, source="checkout", at=placed)
    assert await count_of(shop, anna) == ReferralCount(1, 0)


async def test_a_code_counts_from_now_on_even_if_the_shops_clock_is_ahead(shop: Shop, club: Club) -> None:
    anna, bruno = await shop.member(), await shop.member()
    await club.enters(bruno, await club.code_of(anna), source="checkout", at=shop.now + timedelta(hours=3))
    assert (await club.referral(bruno)).created_at == shop.now


async def test_friends_who_qualified_are_counted_and_those_who_were_rejected_are_not(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member()
    bruno, carla, dora = [await club.a_friend_of(anna) for _ in range(3)]
    await is_marked(shop, dora, customer_before=True)  # an import told it later
    for friend in (bruno, dora):
        await club.buys(friend, "5.00")
    assert [await club.state(friend) for friend in (bruno, carla, dora)] == ["rewarded", "joined", "rejected"]
    assert await count_of(shop, anna) == ReferralCount(joined=3, converted=1)


async def test_only_what_may_matter_opens_a_referral_again(shop: Shop, club: Club) -> None:
    await club.has_rule(window_days=10)
    anna, start = await shop.member(), shop.now
    bruno = await club.a_friend_of(anna)
    await club.settles()

    async def opens(*, days: int) -> bool:
        await shop.do(lambda session: touch(session, bruno, at=start + timedelta(days=days)))
        found = await shop.ask(lambda session: any_unsettled(session, shop.programme.id))
        await club.settles()
        return found

    assert [await opens(days=days) for days in (-1, 0, 10, 11)] == [True, True, True, False]
    await club.buys(bruno, "5.00", at=start + timedelta(hours=20))
    await club.settles()
    assert [await opens(days=days) for days in (-1, 0, 1, 10)] == [True, True, False, False]
    await shop.do(lambda session: touch(session, bruno))  # something that has no time, as joining
    assert not await club.is_settled()


async def test_who_came_by_nobodys_code_opens_nothing(shop: Shop, club: Club) -> None:
    member = await shop.member()
    await shop.do(lambda session: touch(session, member))
    assert await club.is_settled()
    assert await club.settles() == []


def test_a_referral_link_leads_to_the_service() -> None:
    assert referral_link("https://aurora.example/", "K7QX4M2P") == "https://aurora.example/r/K7QX4M2P"
