"""Invited, joined, converted, rewarded, and the K-factor, against counting by hand."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from loyalty.codes import show_code
from loyalty.ids import MemberId
from loyalty.referral import numbers
from loyalty.referral.numbers import Cohort, Numbers
from loyalty.tables import Invite, Member
from tests.store.helpers import Shop
from tests.store.referring import Club

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)


@pytest.fixture
def club(shop: Shop) -> Club:
    return Club(shop)


async def opens(shop: Shop, club: Club, referrer: MemberId, times: int = 1) -> None:
    code = await club.code_of(referrer)
    for _ in range(times):
        assert await shop.do(lambda session: numbers.count_opening(session, shop.programme, code, shop.now))


async def cohorts(shop: Shop, weeks: int) -> list[Cohort]:
    return await shop.ask(lambda session: numbers.cohorts(session, shop.programme, weeks=weeks, now=shop.now))


async def numbers_of(shop: Shop, member: MemberId) -> Numbers:
    return await shop.ask(lambda session: numbers.of_member(session, member))


async def test_openings_of_a_link_are_added_up_by_day_in_the_programmes_zone(shop: Shop, club: Club) -> None:
    anna = await shop.member()
    shop.clock.instant = datetime(2026, 11, 21, 22, 59, tzinfo=UTC)
    await opens(shop, club, anna, 3)
    shop.clock.forward(timedelta(minutes=1))  # midnight in Rome
    await opens(shop, club, anna, 2)
    query = select(Invite.day, Invite.opened, Invite.programme_id).order_by(Invite.day)
    found = await shop.ask(lambda session: [tuple(row) for row in session.execute(query)])
    assert found == [(date(2026, 11, 21), 3, "cafe"), (date(2026, 11, 22), 2, "cafe")]
    assert (await numbers_of(shop, anna)).invited == 5


async def test_openings_at_once_are_all_counted(shop: Shop, club: Club) -> None:
    anna = await shop.member()
    await asyncio.gather(*(opens(shop, club, anna) for _ in range(20)))
    assert (await numbers_of(shop, anna)).invited == 20


async def test_a_code_that_nobody_has_counts_for_nobody(shop: Shop, club: Club) -> None:
    anna, bruno = await shop.member(), await shop.member()
    gym = shop.programme.model_copy(update={"id": "gym"})
    erased = await club.code_of(bruno)
    await shop.do(
        lambda session: session.execute(update(Member).where(Member.id == bruno).values(erased_at=shop.now)).close()
    )
    code = await club.code_of(anna)
    for programme, typed in (
        (shop.programme, "hello"),
        (shop.programme, "22222222"),
        (gym, code),
        (shop.programme, erased),
    ):
        assert not await shop.do(
            lambda session, p=programme, t=typed: numbers.count_opening(session, p, t, shop.now)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        )
    assert await shop.ask(lambda session: session.scalars(select(Invite)).all()) == []


async def test_the_link_of_somebody_who_was_merged_counts_for_whom_she_is_now(shop: Shop, club: Club) -> None:
    anna, again = await shop.member(), await shop.member()
    code = show_code(await club.code_of(again))
    await shop.do(
        lambda session: session.execute(update(Member).where(Member.id == again).values(merged_into=anna)).close()
    )
    assert await shop.do(lambda session: numbers.count_opening(session, shop.programme, code, shop.now))
    assert [(await numbers_of(shop, one)).invited for one in (anna, again)] == [1, 0]


async def test_a_members_numbers_follow_her_friends(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member()
    assert await numbers_of(shop, anna) == Numbers(1, 0, 0, 0, 0)
    await opens(shop, club, anna, 8)
    bruno, carla, dora = [await club.a_friend_of(anna) for _ in range(3)]
    await club.buys(bruno, "3.00", key="b")
    await club.buys(carla, "3.00", key="c")
    await club.buys(dora, "3.00", at=shop.now - DAY)
    await club.settles()
    await club.refunds("c", "3.00")
    await club.settles()
    found = await numbers_of(shop, anna)
    assert found == Numbers(members=1, invited=8, joined=3, converted=1, rewarded=1)
    assert (found.conversion, found.k_factor) == (1 / 8, 1.0)


async def test_friends_who_typed_the_code_were_invited_too(shop: Shop, club: Club) -> None:
    await club.has_rule(on="registration")
    anna = await shop.member()
    for _ in range(2):
        await club.a_friend_of(anna)
    await club.settles()
    found = await numbers_of(shop, anna)
    assert (found.invited, found.invitations, found.conversion, found.k_factor) == (0, 2, 1.0, 2.0)


def test_nobody_and_nothing_come_to_nothing() -> None:
    assert (Numbers(0, 0, 0, 0, 0).conversion, Numbers(0, 0, 0, 0, 0).k_factor) == (0.0, 0.0)
    assert (Numbers(5, 0, 0, 0, 0).conversion, Numbers(5, 0, 0, 0, 0).k_factor) == (0.0, 0.0)


async def test_cohorts_are_the_members_who_joined_in_a_week_and_what_they_brought(shop: Shop, club: Club) -> None:
    await club.has_rule(window_days=365)
    shop.clock.instant = datetime(2026, 10, 4, 21, 59, tzinfo=UTC)  # the last minute of a Sunday in Rome
    early = await shop.member()
    shop.clock.forward(timedelta(minutes=1))
    anna, _other = await shop.member(), await shop.member()
    await shop.member(joined=False)
    await opens(shop, club, anna, 6)
    await opens(shop, club, early, 2)
    friends = [await club.a_friend_of(anna, joined=False) for _ in range(3)]
    for friend in friends[:2]:
        await club.buys(friend, "3.00")
    shop.clock.forward(WEEK)
    late = await shop.member()
    await opens(shop, club, late)
    await club.a_friend_of(early, joined=False)
    await club.settles()
    found = await cohorts(shop, 3)
    assert [(one.week, one.complete) for one in found] == [
        (date(2026, 9, 28), False), (date(2026, 10, 5), False), (date(2026, 10, 12), False),
    ]  # fmt: skip
    assert [one.numbers for one in found] == [
        Numbers(1, 2, 1, 0, 0), Numbers(2, 6, 3, 2, 2), Numbers(1, 1, 0, 0, 0),
    ]  # fmt: skip
    assert found[1].numbers.conversion == 2 / 6
    assert found[1].numbers.k_factor == pytest.approx(6 / 2 * 2 / 6)
    assert numbers.total(found) == Numbers(4, 9, 4, 2, 2)
    assert (await cohorts(shop, 1))[0] == found[-1]


async def test_what_comes_after_the_window_does_not_change_a_cohort(shop: Shop, club: Club) -> None:
    await club.has_rule(window_days=365)
    shop.clock.instant = datetime(2026, 10, 5, 10, tzinfo=UTC)
    anna = await shop.member()
    end = datetime(2026, 10, 11, 22, tzinfo=UTC) + 4 * WEEK + timedelta(hours=1)  # clocks were put back meanwhile
    shop.clock.instant = end - timedelta(seconds=1)
    await opens(shop, club, anna)
    bruno, carla = [await club.a_friend_of(anna, joined=False) for _ in range(2)]
    await club.buys(bruno, "3.00", at=end - timedelta(seconds=1))
    await club.buys(carla, "3.00", at=end)
    await club.settles()
    found = (await cohorts(shop, 6))[1]
    assert (found.numbers, found.complete) == (Numbers(1, 1, 2, 1, 1), False)
    shop.clock.instant = end
    await opens(shop, club, anna)
    await club.a_friend_of(anna, joined=False)
    await club.settles()
    later = next(one for one in await cohorts(shop, 10) if one.week == date(2026, 10, 5))
    assert (later.numbers, later.complete) == (Numbers(1, 1, 2, 1, 1), True)
    assert await numbers_of(shop, anna) == Numbers(1, 2, 3, 2, 2)


async def test_so_many_weeks_and_no_more(shop: Shop) -> None:
    await shop.member()
    assert len(await cohorts(shop, 500)) == numbers.MOST_WEEKS
    assert [one.numbers for one in await cohorts(shop, 2)] == [Numbers(0, 0, 0, 0, 0), Numbers(1, 0, 0, 0, 0)]
