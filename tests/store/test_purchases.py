"""Purchases, refunds, activities: what they are worth, once, in whatever order they are reported."""

import asyncio
import random
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from loyalty.errors import Conflict, Invalid
from loyalty.ids import MemberId
from loyalty.money import Money
from loyalty.orders.bills import Line
from loyalty.orders.purchases import FUTURE, Outcome, PurchaseReport
from loyalty.rules.earning import PurchaseRule
from loyalty.tables import Purchase
from tests.store.helpers import Shop, euros, points, variant, worth


def with_rule(shop: Shop, **rule: object) -> None:
    shop.programme = variant(shop.programme, purchase=PurchaseRule.model_validate(rule))


async def test_an_order_earns_what_the_rule_says(shop: Shop) -> None:
    """The rule itself is tested in `tests/unit/test_loyalty_programme.py`."""
    with_rule(shop, points=2, per="5.00", minimum="10.00", rounding="half_up")
    member = await shop.member()
    for amount, earned in (("42.50", 17), ("41.30", 17), ("41.20", 16), ("9.99", 0), ("10.00", 4), ("0.00", 0)):
        assert await shop.buys(member, amount) == Outcome(member, earned)
    assert await shop.points(member) == points(17 + 17 + 16 + 4)
    assert await shop.is_sound()


async def test_an_order_is_kept_with_its_lines(shop: Shop) -> None:
    member = await shop.member()
    lines = (Line("Cornetto", 2, Decimal("3.20"), "pastry"),)
    await shop.report(member, PurchaseReport("a", euros("3.20"), shop.now - timedelta(hours=1), lines))
    row = await shop.ask(lambda session: session.scalars(select(Purchase)).one())
    assert (row.member_id, row.amount, row.currency, row.lines) == (
        member,
        Decimal("3.20"),
        "EUR",
        [lines[0].to_json()],
    )
    assert (row.occurred_at, row.recorded_at) == (shop.now - timedelta(hours=1), shop.now)


async def test_an_order_reported_again_changes_nothing(shop: Shop) -> None:
    member = await shop.member()
    assert await shop.buys(member, "12.00", key="a") == Outcome(member, 12)
    assert await shop.buys(member, "12.00", key="a") == Outcome(member, 12, repeated=True)
    assert await shop.points(member) == points(12)


async def test_an_order_reported_again_after_a_refund_tells_what_it_is_worth_now(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "12.00", key="a")
    await shop.refunds("a", "5.00")
    assert await shop.buys(member, "12.00", key="a") == Outcome(member, 7, repeated=True)
    assert await shop.points(member) == points(7)


async def test_an_order_reported_many_times_at_once_earns_once(shop: Shop) -> None:
    member = await shop.member()
    outcomes = await asyncio.gather(*(shop.buys(member, "12.00", key="a") for _ in range(20)))
    assert [outcome.repeated for outcome in outcomes].count(False) == 1
    assert {outcome.points for outcome in outcomes} == {12}
    assert await shop.points(member) == points(12)
    assert await shop.is_sound()


async def test_an_order_reported_with_other_content_is_a_conflict_and_changes_nothing(shop: Shop) -> None:
    member, other = await shop.member(), await shop.member()
    await shop.buys(member, "12.00", key="a")
    for buyer, amount in ((member, "13.00"), (other, "12.00")):
        with pytest.raises(Conflict, match="reported before with other content; nothing was changed") as conflict:
            await shop.buys(buyer, amount, key="a")
        assert conflict.value.field == "id"
    assert (await shop.points(member), await shop.points(other)) == (points(12), points(0))


async def test_an_order_reported_at_once_for_two_members_is_one_members_and_the_others_conflict(shop: Shop) -> None:
    members = [await shop.member() for _ in range(6)]
    outcomes = await asyncio.gather(
        *(shop.buys(member, "12.00", key="a") for member in members), return_exceptions=True
    )
    assert [isinstance(outcome, Conflict) for outcome in outcomes].count(True) == 5
    assert sorted([(await shop.points(member)).available for member in members]) == [0, 0, 0, 0, 0, 12]


async def test_money_of_another_currency_is_refused(shop: Shop) -> None:
    member = await shop.member()
    with pytest.raises(Invalid, match="counts in EUR, not in USD") as refused:
        await shop.report(member, PurchaseReport("a", Money.parse("12.00", "USD"), shop.now))
    assert refused.value.field == "currency"


async def test_an_order_of_the_future_is_refused_beyond_what_clocks_may_differ(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "1.00", at=shop.now + FUTURE)
    with pytest.raises(Invalid, match="lies in the future") as refused:
        await shop.buys(member, "1.00", at=shop.now + FUTURE + timedelta(seconds=1))
    assert refused.value.field == "occurred_at"
    assert await shop.points(member) == points(1)


async def test_points_wait_for_the_return_period_from_the_day_of_the_order(shop: Shop) -> None:
    with_rule(shop, pending_days=14)
    member = await shop.member()
    await shop.buys(member, "10.00", at=shop.now - timedelta(days=13))
    await shop.buys(member, "5.00", at=shop.now - timedelta(days=14))
    assert await shop.points(member) == points(5, pending=10)
    shop.clock.forward(timedelta(days=1))
    await shop.tick()
    assert await shop.points(member) == points(15)


async def test_a_partial_refund_takes_back_what_the_order_is_no_longer_worth(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "10.50", key="a")
    assert await shop.refunds("a", "0.50") == Outcome(member, 0)
    assert await shop.refunds("a", "0.01") == Outcome(member, -1)
    assert await shop.points(member) == points(9)


async def test_a_refund_below_the_minimum_takes_everything_back(shop: Shop) -> None:
    with_rule(shop, minimum="10.00")
    member = await shop.member()
    await shop.buys(member, "12.00", key="a")
    await shop.refunds("a", "2.01")
    assert await shop.points(member) == points(0)


async def test_a_full_refund_nets_nothing_however_it_is_cut(shop: Shop) -> None:
    with_rule(shop, points=3, per="2.00", rounding="half_up")
    member = await shop.member()
    await shop.buys(member, "10.00", key="a")
    for _ in range(3):
        await shop.refunds("a", "3.33")
    await shop.refunds("a", "0.01")
    assert await shop.points(member) == points(0)
    assert await shop.is_sound()


async def test_refunds_beyond_the_order_take_back_no_more_than_it_earned(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "10.00", key="a")
    await shop.buys(member, "5.00", key="b")
    assert await shop.refunds("a", "99.00") == Outcome(member, -10)
    assert await shop.refunds("a", "10.00") == Outcome(member, 0)
    assert await shop.points(member) == points(5)


async def test_a_refund_told_before_its_order_waits_for_it(shop: Shop) -> None:
    member = await shop.member()
    assert await shop.refunds("a", "4.00", key="r") == Outcome(None, 0)
    assert await shop.refunds("a", "4.00", key="r") == Outcome(None, 0, repeated=True)
    assert await shop.buys(member, "10.00", key="a") == Outcome(member, 6)
    assert await shop.refunds("a", "4.00", key="r") == Outcome(member, 0, repeated=True)
    assert await shop.points(member) == points(6)


async def test_an_order_refunded_in_full_before_it_was_told_earns_nothing(shop: Shop) -> None:
    member = await shop.member()
    await shop.refunds("a", "10.00")
    assert await shop.buys(member, "10.00", key="a") == Outcome(member, 0)
    assert await shop.points(member) == points(0)


async def test_a_refund_reported_with_other_content_is_a_conflict_and_changes_nothing(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "10.00", key="a")
    await shop.buys(member, "10.00", key="b")
    await shop.refunds("a", "4.00", key="r")
    for purchase, amount in (("a", "5.00"), ("b", "4.00"), ("unknown", "4.00")):
        with pytest.raises(Conflict, match="refund 'r' was reported before with other content"):
            await shop.refunds(purchase, amount, key="r")
    assert await shop.points(member) == points(16)


async def test_a_refund_reported_many_times_at_once_takes_back_once(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "10.00", key="a")
    outcomes = await asyncio.gather(*(shop.refunds("a", "4.00", key="r") for _ in range(20)))
    assert sorted(outcome.points for outcome in outcomes) == [-4] + [0] * 19
    assert await shop.points(member) == points(6)


async def test_a_refund_reported_many_times_at_once_before_its_order_is_kept_once(shop: Shop) -> None:
    member = await shop.member()
    outcomes = await asyncio.gather(*(shop.refunds("a", "4.00", key="r") for _ in range(10)))
    assert [outcome.repeated for outcome in outcomes].count(False) == 1
    assert await shop.buys(member, "10.00", key="a") == Outcome(member, 6)


async def test_an_order_and_its_refund_told_in_the_same_instant_net_out(shop: Shop) -> None:
    members = [await shop.member() for _ in range(25)]

    async def both(number: int, member: MemberId) -> None:
        reports = [shop.buys(member, "10.00", key=f"a{number}"), shop.refunds(f"a{number}", "10.00")]
        await asyncio.gather(*(reports if number % 2 else reversed(reports)))

    await asyncio.gather(*(both(number, member) for number, member in enumerate(members)))
    assert [await shop.points(member) for member in members] == [points(0)] * 25
    assert (await shop.audit()).findings == ()


async def test_a_refund_after_the_points_were_spent_leaves_a_debt(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "50.00", key="a")
    await shop.redeems(member, "croissant")
    assert await shop.refunds("a", "50.00") == Outcome(member, -50)
    assert await shop.points(member) == points(0, debt=30, lifetime=0)
    assert await shop.is_sound()


@pytest.mark.parametrize("together", [False, True], ids=["one after the other", "all at once"])
async def test_reports_in_any_order_and_repetition_end_at_what_the_orders_are_worth(shop: Shop, together: bool) -> None:
    with_rule(shop, rounding=random.choice(["down", "half_up", "up"]), points=3, per="2.00", minimum="5.00")
    expected = {}
    reports: list[tuple[MemberId, str, Decimal, str | None]] = []
    for number in range(12):
        member = await shop.member()
        paid = Decimal(random.randint(0, 6000)) / 100
        parts = [Decimal(random.randint(0, 3000)) / 100 for _ in range(random.randint(0, 4))]
        reports += [(member, f"o{number}", paid, None)] * random.randint(1, 3)
        for part, amount in enumerate(parts):
            reports += [(member, f"o{number}", amount, f"r{number}-{part}")] * random.randint(1, 3)
        expected[member] = worth(shop.programme, max(paid - sum(parts), Decimal(0)))
    random.shuffle(reports)
    calls = [
        shop.buys(member, amount, key=order) if refund is None else shop.refunds(order, amount, key=refund)
        for member, order, amount, refund in reports
    ]
    if together:
        await asyncio.gather(*calls)
    else:
        for call in calls:
            await call
    assert {member: await shop.points(member) for member in expected} == {
        member: points(worth) for member, worth in expected.items()
    }
    assert (await shop.audit()).findings == ()


async def test_an_activity_gives_its_points_once_for_each_key(shop: Shop) -> None:
    member = await shop.member()
    assert await shop.does(member, "review", key="r1") == Outcome(member, 15)
    assert await shop.does(member, "review", key="r1") == Outcome(member, 15, repeated=True)
    assert await shop.does(member, "review", key="r2") == Outcome(member, 15)
    assert await shop.points(member) == points(30)


async def test_an_activity_reported_many_times_at_once_counts_once(shop: Shop) -> None:
    member = await shop.member()
    await asyncio.gather(*(shop.does(member, "review", key="r1") for _ in range(20)))
    assert await shop.points(member) == points(15)


async def test_an_activity_reported_with_other_content_is_a_conflict_and_changes_nothing(shop: Shop) -> None:
    member, other = await shop.member(), await shop.member()
    await shop.does(member, "review", key="r1")
    for who, activity in ((other, "review"), (member, "newsletter")):
        with pytest.raises(Conflict, match="activity 'r1' was reported before with other content"):
            await shop.does(who, activity, key="r1")
    assert (await shop.points(member), await shop.points(other)) == (points(15), points(0))


async def test_an_unknown_activity_is_refused_with_the_known_ones(shop: Shop) -> None:
    member = await shop.member()
    with pytest.raises(Invalid, match="no activity 'dancing'; it has: newsletter, review") as refused:
        await shop.does(member, "dancing")
    assert refused.value.field == "activity"


async def test_an_order_and_an_activity_may_have_the_same_key(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "10.00", key="1")
    await shop.does(member, "review", key="1")
    await shop.refunds("1", "10.00", key="1")
    assert await shop.points(member) == points(15)
