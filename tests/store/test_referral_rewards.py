"""What both sides get, when, once, and taken back: whatever order the news comes in."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import asyncpg  # type: ignore[import-untyped]  # it has no types
import pytest
from sqlalchemy import select, update
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from loyalty.ids import MemberId, ReferralId
from loyalty.orders.purchases import OrderChange
from loyalty.people.members import join
from loyalty.referral import referrals
from loyalty.referral.giving import Settled
from loyalty.referral.signals import remember
from loyalty.rules.parts import Gift
from loyalty.store import open_store
from loyalty.tables import Member, Referral, Transaction, Voucher
from tests.store.helpers import Shop, euros, points, variant
from tests.store.referring import Club

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def club(shop: Shop) -> Club:
    """Orders earn nothing here, so that points are those of referrals."""
    free = shop.programme.earning.purchase.model_copy(update={"points": 0})
    shop.programme = variant(shop.programme, purchase=free)
    return Club(shop)


async def test_both_sides_are_rewarded_for_the_first_order(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    assert await club.state(bruno) == "joined"
    await club.buys(bruno, "3.00", at=shop.now + HOUR)
    (settled,) = await club.settles()
    assert (settled.before, settled.after, settled.taken_back) == ("joined", "rewarded", ())
    assert (settled.referrer_id, settled.friend_id) == (anna, bruno)
    assert settled.referrer is not None
    assert settled.friend is not None
    assert (settled.referrer.points, settled.friend.points) == (100, 40)
    assert await club.points(anna, bruno) == [points(100), points(40)]
    referral = await club.referral(bruno)
    assert (referral.converted_at, referral.rewarded_at, referral.verdict) == (shop.now + HOUR, shop.now, "accept")
    await club.buys(bruno, "30.00", at=shop.now + 2 * HOUR)
    assert await club.settles() == []
    assert await club.available(anna, bruno) == [100, 40]
    assert await shop.is_sound()


async def test_one_side_alone_may_be_rewarded(shop: Shop, club: Club) -> None:
    await club.has_rule(referrer=None)
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    await club.buys(bruno, "3.00")
    (settled,) = await club.settles()
    assert (settled.after, settled.referrer) == ("rewarded", None)
    assert await club.available(anna, bruno) == [0, 40]


async def test_where_nobody_gets_anything_friends_are_counted_all_the_same(shop: Shop, club: Club) -> None:
    await club.has_rule(referrer=None, friend=None)
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    await club.buys(bruno, "3.00")
    assert await club.state(bruno) == "rewarded"
    assert await shop.ask(lambda session: referrals.referral_count(session, anna)) == referrals.ReferralCount(1, 1)


async def test_a_full_refund_takes_both_gifts_back_and_another_order_gives_them_again(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    await club.buys(bruno, "30.00", key="a")
    await club.settles()
    await club.refunds("a", "29.99")
    assert await club.settles() == [_unchanged(await club.referral(bruno))]
    await club.refunds("a", "0.01")
    (settled,) = await club.settles()
    assert (settled.before, settled.after) == ("rewarded", "undone")
    assert sorted(settled.taken_back) == ["friend", "referrer"]
    assert await club.points(anna, bruno) == [points(), points()]
    await club.buys(bruno, "5.00")
    (settled,) = await club.settles()
    assert (settled.before, settled.after) == ("undone", "rewarded")
    assert await club.points(anna, bruno) == [points(100), points(40)]
    assert await shop.is_sound()


def _unchanged(row: Referral) -> Settled:
    return Settled(ReferralId(row.id), MemberId(row.referrer_id), MemberId(row.referee_id), "rewarded", "rewarded")


async def test_a_cancelled_order_takes_gifts_back_even_if_they_are_spent(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    await club.buys(bruno, "30.00", key="a")
    await club.settles()
    await shop.redeems(anna, "croissant")
    await shop.changes(OrderChange("cancellation", "c", "a", euros("0"), shop.now))
    await shop.do(lambda session: referrals.touch(session, bruno))
    assert await club.state(bruno) == "undone"
    assert await club.points(anna, bruno) == [points(debt=30, lifetime=0), points()]
    assert await shop.is_sound()


async def test_gifts_wait_as_long_as_the_orders_points(shop: Shop, club: Club) -> None:
    shop.programme = variant(
        shop.programme, purchase=shop.programme.earning.purchase.model_copy(update={"pending_days": 14})
    )
    await club.has_rule(pending_days=None)
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    await club.buys(bruno, "30.00", key="a", at=shop.now)
    shop.clock.forward(4 * DAY)
    await club.settles()
    assert await club.points(anna, bruno) == [points(pending=100), points(pending=40)]
    shop.clock.forward(10 * DAY - timedelta(seconds=1))
    await shop.tick()
    assert await club.points(anna, bruno) == [points(pending=100), points(pending=40)]
    shop.clock.forward(timedelta(seconds=1))
    await shop.tick()
    assert await club.points(anna, bruno) == [points(100), points(40)]


async def test_gifts_may_wait_longer_than_the_order(shop: Shop, club: Club) -> None:
    await club.has_rule(pending_days=30)
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    await club.buys(bruno, "30.00", key="a")
    await club.settles()
    assert await club.points(anna, bruno) == [points(pending=100), points(pending=40)]
    await club.refunds("a", "30.00")
    await club.settles()
    assert await club.points(anna, bruno) == [points(), points()]


async def test_if_another_order_counts_gifts_wait_for_that_one(shop: Shop, club: Club) -> None:
    """Or somebody could order, order again, and have the first one's money back."""
    await club.has_rule(pending_days=14)
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    first = shop.now
    await club.buys(bruno, "30.00", key="a", at=first)
    shop.clock.forward(9 * DAY)
    await club.buys(bruno, "30.00", key="b", at=first + 9 * DAY)
    await club.settles()
    await club.refunds("a", "30.00")
    (settled,) = await club.settles()
    assert (settled.before, settled.after, settled.referrer, settled.taken_back) == ("rewarded", "rewarded", None, ())
    shop.clock.forward(6 * DAY)
    await shop.tick()
    assert await club.points(anna, bruno) == [points(pending=100), points(pending=40)]
    shop.clock.forward(8 * DAY)
    await shop.tick()
    assert await club.points(anna, bruno) == [points(100), points(40)]
    assert await shop.is_sound()


async def test_a_friend_who_joins_is_enough_where_registration_counts(shop: Shop, club: Club) -> None:
    await club.has_rule(on="registration")
    anna = await shop.member()
    bruno = await club.a_friend_of(anna, joined=False)
    assert await club.state(bruno) == "joined"
    shop.clock.forward(DAY)

    def joins(session: Session) -> None:
        join(session, shop.programme, session.get_one(Member, bruno), now=shop.now)
        referrals.touch(session, bruno)

    await shop.do(joins)
    assert await club.state(bruno) == "rewarded"
    assert (await club.referral(bruno)).converted_at == shop.now
    assert await club.available(anna, bruno) == [100, 40]


async def test_the_nth_order_counts_of_those_that_come_to_the_minimum(shop: Shop, club: Club) -> None:
    await club.has_rule(order=2, minimum="10.00")
    anna, start = await shop.member(), shop.now
    bruno = await club.a_friend_of(anna)
    shop.clock.forward(5 * DAY)
    states = []
    for key, amount, day in (("c", "10.00", 3), ("b", "9.99", 2), ("a", "50.00", 1)):
        await club.buys(bruno, amount, key=key, at=start + day * DAY)
        states.append(await club.state(bruno))
    assert states == ["joined", "joined", "rewarded"]
    assert (await club.referral(bruno)).converted_at == start + 3 * DAY
    await club.refunds("a", "40.01")  # leaves less than the minimum
    assert await club.state(bruno) == "undone"


async def test_orders_after_the_window_come_too_late_but_late_news_does_not(shop: Shop, club: Club) -> None:
    await club.has_rule(window_days=10)
    anna, start = await shop.member(), shop.now
    bruno, carla = await club.a_friend_of(anna), await club.a_friend_of(anna)
    await club.settles()
    shop.clock.forward(11 * DAY)
    await club.buys(bruno, "5.00", at=start + 10 * DAY + timedelta(seconds=1))
    await shop.do(lambda session: referrals.due(session, shop.programme, shop.now))
    assert [await club.state(friend) for friend in (bruno, carla)] == ["lapsed", "lapsed"]
    await club.buys(carla, "5.00", at=start + 10 * DAY)
    assert await club.state(carla) == "rewarded"
    assert await club.available(anna, bruno, carla) == [100, 0, 40]


async def test_what_is_due_is_done_once(shop: Shop, club: Club) -> None:
    await club.has_rule(window_days=10)
    anna = await shop.member()
    for _ in range(3):
        await club.a_friend_of(anna)

    async def due() -> int:
        return await shop.do(lambda session: referrals.due(session, shop.programme, shop.now))

    assert [await due(), await due()] == [3, 0]
    shop.clock.forward(10 * DAY)
    assert await due() == 0
    shop.clock.forward(timedelta(microseconds=1))
    assert [await due(), await due()] == [3, 0]


async def test_a_referral_keeps_the_rules_it_began_under(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    await club.has_rule(referrer=Gift(points=7), friend=None, minimum="50.00")
    carla = await club.a_friend_of(anna)
    for friend in (bruno, carla):
        await club.buys(friend, "20.00")
    await club.settles()
    assert await club.available(anna, bruno, carla) == [100, 40, 0]
    await club.buys(carla, "50.00")
    await club.settles()
    assert await club.available(anna, bruno, carla) == [107, 40, 0]


async def test_vouchers_are_given_taken_back_and_given_again(shop: Shop, club: Club) -> None:
    gift = Gift(reward=shop.programme.rewards[0].id, points=5)
    await club.has_rule(referrer=gift, friend=gift, pending_days=3)
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    await club.buys(bruno, "30.00", key="a")
    (settled,) = await club.settles()
    assert settled.friend is not None
    assert settled.friend.voucher is not None
    assert settled.friend.voucher.reward_id == gift.reward
    assert [await club.vouchers(anna), await club.vouchers(bruno)] == [{"waiting": 1}, {"waiting": 1}]
    await club.refunds("a", "30.00")
    await club.settles()
    assert [await club.vouchers(anna), await club.vouchers(bruno)] == [{"revoked": 1}, {"revoked": 1}]
    await club.buys(bruno, "8.00")
    await club.settles()
    assert [await club.vouchers(anna), await club.vouchers(bruno)] == [{"waiting": 1}, {"waiting": 1}]
    assert await club.points(anna, bruno) == [points(pending=5), points(pending=5)]
    origins = await shop.ask(lambda session: sorted(session.scalars(select(Voucher.origin))))
    referral = await club.referral(bruno)
    assert origins == [f"referral:{referral.id}:friend", f"referral:{referral.id}:referrer"]


async def test_only_so_many_friends_a_month_are_rewarded_by_when_they_qualified(shop: Shop, club: Club) -> None:
    await club.has_rule(a_month=2)
    anna, start = await shop.member(), shop.now
    friends = [await club.a_friend_of(anna) for _ in range(4)]
    shop.clock.forward(5 * DAY)
    for number in (3, 1, 0):
        await club.buys(friends[number], "5.00", key=str(number), at=start + number * DAY)
        await club.settles()
    assert await club.available(anna, *friends) == [200, 40, 40, 0, 40]
    assert {(await club.referral(friends[n])).state for n in (0, 1, 3)} == {"rewarded"}
    given = [(await club.referral(friend)).referrer_given for friend in friends]
    assert given == [True, True, False, False]
    await club.refunds("0", "5.00")
    await club.settles()
    assert [(await club.referral(friend)).referrer_given for friend in friends] == [False, True, False, True]
    assert await club.available(anna, *friends) == [200, 0, 40, 0, 40]
    assert await shop.is_sound()


async def test_a_new_month_begins_at_midnight_in_the_programmes_zone(shop: Shop, club: Club) -> None:
    await club.has_rule(a_month=1)
    anna = await shop.member()
    november, december = [await club.a_friend_of(anna) for _ in range(2)]
    shop.clock.forward(12 * DAY)
    midnight = datetime(2026, 11, 30, 23, tzinfo=UTC)  # of December the first in Rome
    await club.buys(december, "5.00", at=midnight)
    await club.buys(november, "5.00", at=midnight - timedelta(seconds=1))
    await club.settles()
    assert await club.available(anna, november, december) == [200, 40, 40]


async def test_an_order_placed_before_the_code_was_entered_takes_everything_back(shop: Shop, club: Club) -> None:
    """It is told late, but had it been told in time, the code would have been refused."""
    await club.has_rule()
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    await club.buys(bruno, "5.00", at=shop.now + HOUR)
    assert await club.state(bruno) == "rewarded"
    await club.buys(bruno, "5.00", at=shop.now - DAY)
    assert await club.state(bruno) == "rejected"
    assert await club.available(anna, bruno) == [0, 0]


async def test_news_may_come_in_any_order(shop: Shop, club: Club) -> None:
    await club.has_rule(order=2, minimum="10.00", a_month=1, pending_days=3)
    start = shop.now
    shop.clock.forward(2 * DAY)
    ends = []
    for round_ in range(6):
        anna = await shop.member()
        friends = []
        for _ in range(2):
            friend = await shop.member()
            await club.enters(friend, await club.code_of(anna), at=start)
            friends.append(friend)
        bruno, carla = friends
        news: list[Callable[[], Awaitable[object]]] = [
            lambda f=bruno, k=f"{round_}a": club.buys(f, "10.00", key=k, at=start + HOUR),  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            lambda f=bruno, k=f"{round_}b": club.buys(f, "20.00", key=k, at=start + 2 * HOUR),  # type: ignore[misc]
            lambda f=bruno, k=f"{round_}c": club.buys(f, "30.00", key=k, at=start + 9 * HOUR),  # type: ignore[misc]
            lambda f=carla, k=f"{round_}d": club.buys(f, "40.00", key=k, at=start + 3 * HOUR),  # type: ignore[misc]
            lambda f=carla, k=f"{round_}e": club.buys(f, "50.00", key=k, at=start + 5 * HOUR),  # type: ignore[misc]
            lambda k=f"{round_}b": club.refunds(k, "15.00", key=f"{k}-r"),  # type: ignore[misc]
            club.settles,
            club.settles,
        ]
        random.Random(round_).shuffle(news)
        for tell in news:
            await tell()
        await club.settles()
        ends.append((await club.points(anna, bruno, carla), [(await club.referral(f)).state for f in friends]))
    # Bruno qualifies by his third order, after Carla: the month's only reward is for her.
    assert ends == [([points(pending=100), points(pending=40), points(pending=40)], ["rewarded", "rewarded"])] * 6
    assert await shop.is_sound()


async def test_twenty_who_settle_at_once_do_each_thing_once(shop: Shop, club: Club, database: str) -> None:
    """In two processes, as far as the database can tell."""
    await club.has_rule(a_month=100)
    members = [await shop.member() for _ in range(3)]
    friends = [await club.a_friend_of(members[number % 3]) for number in range(12)]
    for friend in friends:
        await club.buys(friend, "3.00")
    other = open_store(database)
    try:

        def settle(session: Session) -> list[Settled]:
            return referrals.settle(session, shop.programme, now=shop.now, limit=3)

        results = await asyncio.gather(*((shop.store, other)[number % 2].write(settle) for number in range(20)))
    finally:
        await other.close()
    rewarded = [one.referral for done in results for one in done if one.referrer or one.friend]
    assert len(rewarded) == len(set(rewarded))
    await club.settles()
    assert await club.available(*members, *friends) == [400] * 3 + [40] * 12
    posted = await shop.ask(
        lambda session: list(session.scalars(select(Transaction).where(Transaction.kind == "referral")))
    )
    assert len(posted) == 24
    assert await shop.is_sound()


async def test_orders_and_settling_at_once_lose_nothing(shop: Shop, club: Club) -> None:
    await club.has_rule(checks={"an_hour": 100, "a_day": 100, "shared_device": "ignore"})
    anna = await shop.member()
    friends = [await club.a_friend_of(anna) for _ in range(10)]

    async def seen(friend: MemberId) -> bool:
        """All of them use the bar's tablet, which means nothing here."""
        return await shop.do(
            lambda session: remember(session, shop.programme, friend, "device", "tablet", now=shop.now)
        )

    work: list[Awaitable[object]] = []
    for number, friend in enumerate(friends):
        work += [club.buys(friend, "3.00", key=str(number)), club.settles(), seen(friend)]
    await asyncio.gather(*work)
    await asyncio.gather(*(club.refunds(str(number), "3.00") for number in range(5)), club.settles(), club.settles())
    await club.settles()
    assert await club.is_settled()
    assert await club.available(anna, *friends) == [500] + [0] * 5 + [40] * 5
    assert await shop.is_sound()


async def test_a_member_who_is_busy_elsewhere_is_left_for_the_next_call(
    shop: Shop, club: Club, database: str, backend: str
) -> None:
    """On SQLite a writer is alone anyway."""
    if backend == "sqlite":
        pytest.skip("SQLite has one writer")
    await club.has_rule()
    anna, dora = await shop.member(), await shop.member()
    busy, free = await club.a_friend_of(anna), await club.a_friend_of(dora)
    url = make_url(database).set(drivername="postgresql").render_as_string(hide_password=False)
    elsewhere = await asyncpg.connect(url)
    try:
        async with elsewhere.transaction():
            await elsewhere.execute("SELECT FROM balance WHERE member_id = $1 FOR UPDATE", busy)
            assert [one.friend_id for one in await club.settles()] == [free]
    finally:
        await elsewhere.close()
    assert [one.friend_id for one in await club.settles()] == [busy]


async def test_friends_of_the_time_before_rewards_are_owed_nothing(shop: Shop, club: Club) -> None:
    """The migration leaves what converted then as rewarded, without rules."""
    await club.has_rule()
    anna = await shop.member()
    bruno, carla = await club.a_friend_of(anna), await club.a_friend_of(anna)
    await club.buys(bruno, "3.00")
    old = {"revision": None, "ends_at": None, "unsettled": False}
    await shop.do(lambda session: session.execute(update(Referral).values(**old)).close())
    await shop.do(
        lambda session: session.execute(
            update(Referral).where(Referral.referee_id == bruno).values(state="rewarded", converted_at=shop.now)
        ).close()
    )
    await club.buys(bruno, "3.00")
    await club.buys(carla, "3.00")
    assert [await club.state(friend) for friend in (bruno, carla)] == ["rewarded", "rewarded"]
    assert await club.available(anna, bruno, carla) == [100, 0, 40]
    assert (await club.referral(carla)).revision == shop.programme.revision


async def test_who_was_erased_gets_nothing_any_more_and_owes_nothing(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member()
    bruno, carla = await club.a_friend_of(anna), await club.a_friend_of(anna)
    await club.buys(bruno, "3.00", key="a")
    await club.settles()
    await shop.do(
        lambda session: session.execute(update(Member).where(Member.id == anna).values(erased_at=shop.now)).close()
    )
    await club.refunds("a", "3.00")
    await club.buys(carla, "3.00")
    assert [await club.state(friend) for friend in (bruno, carla)] == ["undone", "rewarded"]
    assert await club.available(anna, bruno, carla) == [100, 0, 40]
