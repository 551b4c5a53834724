"""The ready-made programmes at work: a short story for each, on both stores."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from loyalty.clock import FixedClock
from loyalty.files.reading import programme_files
from loyalty.levels.leaderboards import opt_in, top
from loyalty.orders.bills import Line
from loyalty.orders.subscriptions import record_subscription
from loyalty.store import Store
from loyalty.tables import Voucher
from tests.store.games import Arcade
from tests.store.ready_made import PROGRAMMES, business, refused
from tests.store.referring import Club

# ---- café


async def test_the_cafe_gives_a_free_drink_after_ten_visits(store: Store, clock: FixedClock) -> None:
    cafe = await business(store, clock, "cafe")
    anna = await cafe.member()
    for _ in range(9):
        await cafe.sells(anna, "2.50")
    assert await cafe.has(anna) == []
    await cafe.sells(anna, "2.50")
    assert await cafe.has(anna) == ["cappuccino"]
    assert await cafe.available(anna) == 10 + 10 * 2
    await cafe.redeems(anna, "espresso")
    assert await cafe.has(anna) == ["cappuccino", "espresso"]
    assert await cafe.is_sound()


async def test_the_cafe_thanks_for_friends(store: Store, clock: FixedClock) -> None:
    cafe = await business(store, clock, "cafe")
    club, anna = Club(cafe), await cafe.member()
    friend = await club.a_friend_of(anna)
    await club.buys(friend, "4.99")
    assert await club.state(friend) == "joined"
    await club.buys(friend, "5.00")
    assert await club.state(friend) == "rewarded"
    assert await club.available(anna, friend) == [30, 10 + 4 + 5]
    assert await cafe.has(friend) == ["croissant"]


# ---- restaurant


async def test_five_hundred_euros_at_the_restaurant_are_a_free_starter(store: Store, clock: FixedClock) -> None:
    lola = await business(store, clock, "restaurant", at="2026-11-21 21:00")
    anna = await lola.member()
    assert (await lola.sells(anna, "500.00")).points == 50
    issued = await lola.redeems(anna, "starter")
    assert (issued.points, issued.available) == (50, 0)
    assert await lola.has(anna) == ["starter"]
    assert await refused(lola.redeems(anna, "starter")) == "points"
    assert await lola.is_sound()


@pytest.mark.parametrize(
    ("at", "points"),
    [
        ("2026-11-23 14:00", 21),  # a Monday at lunch: twice 10.9
        ("2026-11-23 16:30", 10),  # too late
        ("2026-11-23 12:59", 10),  # too early
        ("2026-11-27 14:00", 10),  # a Friday
    ],
)
async def test_quiet_lunches_count_double(store: Store, clock: FixedClock, at: str, points: int) -> None:
    lola = await business(store, clock, "restaurant", at=at)
    assert (await lola.sells(await lola.member(), "109.00")).points == points


async def test_three_meals_in_a_month_bring_points(store: Store, clock: FixedClock) -> None:
    lola = await business(store, clock, "restaurant", at="2026-11-06 21:00")
    anna = await lola.member()
    for amount in ("20.00", "14.99", "20.00"):
        await lola.sells(anna, amount)
    assert await lola.available(anna) == 5
    await lola.sells(anna, "20.00")
    assert await lola.available(anna) == 5 + 2 + 10
    (challenge,) = (await lola.stands(anna)).challenges
    assert challenge.done


# ---- skincare, fashion: discounts for both


@pytest.mark.parametrize(
    ("name", "amount", "reward", "percent", "days"),
    [("skincare", "40.00", "ten-percent", 10, 14), ("fashion", "50.00", "fifteen-percent", 15, 30)],
)
async def test_both_sides_get_their_discount_when_nothing_can_be_sent_back_any_more(
    store: Store, clock: FixedClock, name: str, amount: str, reward: str, percent: int, days: int
) -> None:
    shop = await business(store, clock, name)
    club, anna = Club(shop), await shop.member()
    friend = await club.a_friend_of(anna)
    await club.buys(friend, amount)
    assert await club.state(friend) == "rewarded"
    assert (await shop.has(anna), await shop.has(friend)) == ([], [])
    await shop.days_later(days)
    assert (await shop.has(anna), await shop.has(friend)) == ([reward], [reward])
    vouchers = await shop.ask(lambda session: list(session.scalars(select(Voucher))))
    assert {(voucher.kind, voucher.value) for voucher in vouchers} == {("percentage", Decimal(percent))}
    assert await shop.is_sound()


async def test_a_discount_is_taken_back_with_the_friends_order(store: Store, clock: FixedClock) -> None:
    shop = await business(store, clock, "skincare")
    club, anna = Club(shop), await shop.member()
    friend = await club.a_friend_of(anna)
    await club.buys(friend, "60.00", key="first")
    await shop.days_later(14)
    await club.settles()
    assert await shop.has(anna) == ["ten-percent"]
    await club.refunds("first", "60.00")
    await club.settles()
    assert (await shop.has(anna), await shop.has(friend)) == ([], [])


async def test_a_discount_for_friends_cannot_be_chosen_for_points(store: Store, clock: FixedClock) -> None:
    shop = await business(store, clock, "skincare")
    anna = await shop.member()
    await shop.sells(anna, "500.00")
    await shop.days_later(14)
    assert await refused(shop.redeems(anna, "ten-percent")) == "gone"


async def test_skincare_gives_points_for_the_first_order_and_for_refills(store: Store, clock: FixedClock) -> None:
    lilas = await business(store, clock, "skincare")
    anna = await lilas.member()
    refills = Line("night-refill", 2, Decimal("30.00"), "refill")
    gift_card = Line("card", 1, Decimal("50.00"), "gift-card")
    assert (await lilas.sells(anna, "100.00", refills, gift_card)).points == 50 + 30 + 2 * 5
    assert (await lilas.sells(anna, "20.00")).points == 20
    assert (await lilas.points(anna)).pending == 110
    await lilas.days_later(14)
    assert await lilas.available(anna) == 20 + 110


async def test_the_fashion_shop_has_levels_by_what_was_spent(store: Store, clock: FixedClock) -> None:
    shop = await business(store, clock, "fashion", at="2026-11-18 12:00")
    anna = await shop.member()
    assert (await shop.sells(anna, "249.00")).points == 249
    level = (await shop.stands(anna)).level
    assert level is not None
    assert (level.level and level.level.id, level.next and level.next.id, level.missing) == ("friend", "insider", 1)
    await shop.sells(anna, "1.00")
    assert (await shop.sells(anna, "100.00")).points == 125
    await shop.sells(anna, "250.00")
    await shop.days_later(30)
    assert await shop.has(anna) == ["scarf"]
    await shop.days_later(365)
    level = (await shop.stands(anna)).level
    assert level is not None
    assert level.level is not None
    assert level.level.id == "friend"


async def test_denim_counts_double_at_the_weekend(store: Store, clock: FixedClock) -> None:
    shop = await business(store, clock, "fashion", at="2026-11-21 12:00")
    anna = await shop.member()
    jeans = Line("jeans", 1, Decimal("80.00"), "denim")
    assert (await shop.sells(anna, "100.00", jeans)).points == 180
    assert await refused(shop.redeems(anna, "styling")) in {"tier", "points"}


# ---- gym


async def test_three_classes_are_thirty_points_and_a_third_on_one_day_is_none(store: Store, clock: FixedClock) -> None:
    gym = await business(store, clock, "gym", at="2026-11-23 18:00")
    anna = await gym.member()
    for _ in range(3):
        assert (await gym.does(anna, "class_attended")).points == 10
        gym.clock.forward(timedelta(days=1))
    assert await gym.available(anna) == 20 + 30
    assert [(await gym.does(anna, "class_attended")).points for _ in range(3)] == [10, 10, 0]
    assert [one.goal.id for one in (await gym.stands(anna)).badges if one.reached_at] == ["first-class"]


async def test_a_class_in_each_of_four_weeks_is_a_streak(store: Store, clock: FixedClock) -> None:
    gym = await business(store, clock, "gym", at="2026-11-02 18:00")
    anna = await gym.member()
    for week in range(4):
        before = await gym.available(anna)
        await gym.does(anna, "class_attended")
        assert await gym.available(anna) == before + 10 + (50 if week == 3 else 0)
        gym.clock.forward(timedelta(days=7))
    assert await gym.is_sound()


async def test_twenty_five_classes_are_a_session_and_the_month_has_its_challenge(
    store: Store, clock: FixedClock
) -> None:
    gym = await business(store, clock, "gym", at="2026-11-02 18:00")
    anna = await gym.member()
    for _ in range(25):
        await gym.does(anna, "class_attended")
        gym.clock.forward(timedelta(hours=12))
    assert await gym.has(anna) == ["session"]
    assert await gym.available(anna) == 20 + 25 * 10 + 40  # and the challenge of twelve in a month
    await gym.redeems(anna, "bottle")
    await gym.redeems(anna, "session")
    assert await gym.has(anna) == ["bottle", "session", "session"]


async def test_the_gyms_leaderboard_counts_classes_of_those_who_take_part(store: Store, clock: FixedClock) -> None:
    gym = await business(store, clock, "gym", at="2026-11-02 18:00")
    members = [await gym.member() for _ in range(3)]
    for member in members[:2]:
        await gym.do(
            lambda session, member=member: opt_in(
                session, gym.programme, member, words="yes", evidence="m", now=gym.now
            )  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        )
    for member, classes in zip(members, (1, 2, 2), strict=True):
        for _ in range(classes):
            await gym.does(member, "class_attended")
    board = await gym.ask(lambda session: top(session, gym.programme, "classes", now=gym.now))
    assert [(place.rank, place.value) for place in board.places] == [(1, 2), (2, 1)]


# ---- meal boxes


async def test_a_year_of_meal_boxes_is_gold(store: Store, clock: FixedClock) -> None:
    larder = await business(store, clock, "mealbox", at="2026-01-10 09:00")
    anna = await larder.member()
    began = larder.now

    async def level() -> str | None:
        await larder.tick()
        found = (await larder.stands(anna)).level
        return found.level.id if found is not None and found.level is not None else None

    await larder.do(
        lambda session: record_subscription(
            session, larder.programme, anna, key="s1", started_at=began, ended_at=None, told_at=began, now=larder.now
        )
    )
    assert await level() == "fresh"
    larder.clock.instant = began.replace(month=4)
    assert await level() == "silver"
    assert (await larder.sells(anna, "60.00")).points == 72
    larder.clock.instant = began.replace(year=2027)
    assert await level() == "gold"
    assert await larder.has(anna) == ["dessert-box"]
    assert (await larder.sells(anna, "60.00")).points == 90
    assert await larder.is_sound()


async def test_both_get_a_free_box_after_the_friends_second_one(store: Store, clock: FixedClock) -> None:
    larder = await business(store, clock, "mealbox")
    club, anna = Club(larder), await larder.member()
    friend = await club.a_friend_of(anna)
    await club.buys(friend, "45.00")
    assert await club.state(friend) == "joined"
    await club.buys(friend, "45.00")
    assert await club.state(friend) == "rewarded"
    assert (await larder.has(anna), await larder.has(friend)) == (["free-box"], ["free-box"])


# ---- quizzes and the wheel


async def test_a_perfect_quiz_at_the_retailer_is_a_discount_once_a_week(store: Store, clock: FixedClock) -> None:
    sol = await business(store, clock, "trivia", at="2026-11-02 12:00")
    arcade, anna = Arcade(sol), await sol.member()
    quiz = sol.programme.games.quiz("gadgets")
    assert quiz is not None
    right = [question.right for question in quiz.questions]
    for week in range(4):
        attempt = (await arcade.starts(anna, "gadgets")).attempt
        for number, answer in enumerate(right, 1):
            await arcade.answers(attempt, number, answer if week == 0 or number > 1 else answer % 3 + 1)
        assert await refused(arcade.starts(anna, "gadgets"))
        sol.clock.forward(timedelta(days=7))
    assert await sol.has(anna) == ["ten-percent"]
    assert await sol.available(anna) == 15 + 25 + 3 * 20 + 20  # joining, quizzes, four of them in a month
    assert [one.goal.id for one in (await sol.stands(anna)).badges if one.reached_at] == ["curious"]


async def test_the_travel_quiz_gives_a_voucher_and_a_place_on_the_board(store: Store, clock: FixedClock) -> None:
    rotta = await business(store, clock, "travel")
    arcade, anna = Arcade(rotta), await rotta.member()
    await rotta.do(
        lambda session: opt_in(session, rotta.programme, anna, words="sì", evidence="m", now=rotta.now)
    )  # fmt: skip
    quiz = rotta.programme.games.quiz("world")
    assert quiz is not None
    attempt = (await arcade.starts(anna, "world")).attempt
    for number, question in enumerate(quiz.questions, 1):
        await arcade.answers(attempt, number, question.right)
    assert await rotta.has(anna) == ["twenty-off"]
    assert await rotta.available(anna) == 10 + 4 * len(quiz.questions)
    board = await rotta.ask(lambda session: top(session, rotta.programme, "explorers", now=rotta.now))
    assert [place.value for place in board.places] == [1]


async def test_the_wheel_without_chance_gives_everybody_the_same_in_the_same_order(
    store: Store, clock: FixedClock
) -> None:
    rotta = await business(store, clock, "travel", at="2026-01-05 12:00")
    arcade, members = Arcade(rotta), [await rotta.member() for _ in range(2)]
    seen: list[list[str]] = [[], []]
    for _ in range(3):
        for member, prizes in zip(members, seen, strict=True):
            prizes.append((await arcade.spins(member)).given.id)
        assert await refused(arcade.spins(members[0]))
        await rotta.days_later(31)
    assert seen[0] == seen[1]
    assert set(seen[0]) <= {prize.id for prize in rotta.programme.games.wheel.prizes}  # type: ignore[union-attr]  # it has one
    assert await rotta.is_sound()


# ---- beauty quest


async def test_a_beauty_quest_of_reviews_purchases_and_friends(store: Store, clock: FixedClock) -> None:
    rosa = await business(store, clock, "beauty", at="2026-11-02 12:00")
    club, anna = Club(rosa), await rosa.member()
    assert [(await rosa.does(anna, "review")).points for _ in range(3)] == [20, 20, 0]
    assert (await rosa.does(anna, "photo_review")).points == 35
    for _ in range(3):
        await rosa.sells(anna, "60.00")
    friends = [await club.a_friend_of(anna) for _ in range(2)]
    for friend in friends:
        await club.buys(friend, "150.00")
    await club.settles()
    await rosa.days_later(7)
    stands = await rosa.stands(anna)
    assert {one.goal.id for one in stands.challenges if one.done} == {"three-purchases", "two-friends"}
    assert await rosa.available(anna) == 20 + 40 + 35 + 3 * 6 + 50 + 2 * 80
    assert await rosa.has(anna) == ["lip-balm"]
    assert await club.available(*friends) == [20 + 15 + 80] * 2
    assert await rosa.is_sound()


async def test_the_early_sale_is_for_higher_levels(store: Store, clock: FixedClock) -> None:
    rosa = await business(store, clock, "beauty", at="2026-11-02 12:00")
    anna = await rosa.member()
    await rosa.sells(anna, "2500.00")
    await rosa.days_later(7)
    assert await refused(rosa.redeems(anna, "early-sale")) == "tier"
    await rosa.sells(anna, "600.00")
    await rosa.days_later(7)
    await rosa.redeems(anna, "early-sale")
    assert await refused(rosa.redeems(anna, "early-sale")) == "limit"
    assert await rosa.has(anna) == ["early-sale"]


def test_every_ready_made_programme_has_its_story() -> None:
    told = Path(__file__).read_text("utf-8")
    assert all(f'"{file.stem}"' in told for file in programme_files(PROGRAMMES))
