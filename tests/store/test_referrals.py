"""Referrals: every reason to refuse a code, one referrer for ever, converted once."""

import asyncio

import pytest

from loyalty import codes
from loyalty.errors import Refused
from loyalty.ids import MemberId
from loyalty.referrals import ReferralCount, convert, enter_code, referral_count, referral_link
from loyalty.tables import Member
from tests.store.helpers import Shop, reasons


async def code_of(shop: Shop, member: MemberId) -> str:
    return await shop.ask(lambda session: session.get_one(Member, member).referral_code)


async def enters(shop: Shop, member: MemberId, typed: str) -> None:
    await shop.do(lambda session: enter_code(session, session.get_one(Member, member), typed, now=shop.now))


async def refusal(shop: Shop, member: MemberId, typed: str) -> str:
    with pytest.raises(Refused) as refused:
        await enters(shop, member, typed)
    return refused.value.reason


async def converts(shop: Shop, member: MemberId) -> bool:
    return await shop.do(lambda session: convert(session, shop.programme.id, member, now=shop.now))


async def count_of(shop: Shop, member: MemberId) -> ReferralCount:
    return await shop.ask(lambda session: referral_count(session, member))


async def test_a_friend_who_enters_the_code_has_joined_by_it(shop: Shop) -> None:
    anna, bruno = await shop.member(), await shop.member()
    typed = codes.show_code(await code_of(shop, anna)).lower()
    await enters(shop, bruno, f" {typed} ")
    assert await count_of(shop, anna) == ReferralCount(joined=1, converted=0)
    assert await count_of(shop, bruno) == ReferralCount(0, 0)


async def test_what_is_no_code_is_misspelt(shop: Shop) -> None:
    member = await shop.member()
    for typed in ("", "   ", "hello", "0O1IL"):
        assert await refusal(shop, member, typed) == "code_misspelt"


async def test_a_typing_mistake_is_told_from_an_unknown_code(shop: Shop) -> None:
    anna, bruno = await shop.member(), await shop.member()
    code = await code_of(shop, anna)
    wrong = ("3" if code[0] == "2" else "2") + code[1:]
    assert await refusal(shop, bruno, wrong) == "code_misspelt"
    assert await refusal(shop, bruno, codes.new_code(codes.REFERRAL_SIGNS)) == "code_unknown"


async def test_a_code_of_another_programme_is_unknown(shop: Shop) -> None:
    gym = Shop(shop.store, shop.programme.model_copy(update={"id": "gym"}), shop.clock)
    code = await code_of(shop, await gym.member())
    assert await refusal(shop, await shop.member(), code) == "code_unknown"


async def test_nobody_refers_herself(shop: Shop) -> None:
    anna = await shop.member()
    assert await refusal(shop, anna, await code_of(shop, anna)) == "code_own"
    assert await count_of(shop, anna) == ReferralCount(0, 0)


async def test_a_second_code_is_refused_and_changes_nothing(shop: Shop) -> None:
    anna, bruno, carla = await shop.member(), await shop.member(), await shop.member()
    await enters(shop, carla, await code_of(shop, anna))
    for referrer in (anna, bruno):
        assert await refusal(shop, carla, await code_of(shop, referrer)) == "code_again"
    assert (await count_of(shop, anna), await count_of(shop, bruno)) == (ReferralCount(1, 0), ReferralCount(0, 0))


async def test_after_the_first_purchase_a_code_is_too_late(shop: Shop) -> None:
    anna, bruno = await shop.member(), await shop.member()
    await shop.buys(bruno, "0.10")  # too little for a point, but a purchase
    assert await refusal(shop, bruno, await code_of(shop, anna)) == "code_late"


async def test_of_many_codes_entered_at_once_one_counts(shop: Shop) -> None:
    referrers = [await shop.member() for _ in range(5)]
    friend = await shop.member()
    typed = [await code_of(shop, referrer) for referrer in referrers]
    results = await asyncio.gather(*(enters(shop, friend, code) for code in typed * 2), return_exceptions=True)
    assert reasons(results) == ["code_again"] * 9
    assert sum([(await count_of(shop, referrer)).joined for referrer in referrers]) == 1


async def test_a_referral_converts_once(shop: Shop) -> None:
    anna, bruno = await shop.member(), await shop.member()
    await enters(shop, bruno, await code_of(shop, anna))
    converted = await asyncio.gather(*(converts(shop, bruno) for _ in range(10)))
    assert converted.count(True) == 1
    assert not await converts(shop, bruno)
    assert await count_of(shop, anna) == ReferralCount(joined=1, converted=1)


async def test_who_came_by_nobodys_code_converts_nothing(shop: Shop) -> None:
    assert not await converts(shop, await shop.member())


def test_a_referral_link_leads_to_the_service() -> None:
    assert referral_link("https://aurora.example/", "K7QX4M2P") == "https://aurora.example/r/K7QX4M2P"
