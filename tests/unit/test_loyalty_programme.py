"""What follows from a programme's rules: worth, expiry, the next reward."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.orders.bills import Bill
from loyalty.orders.worth import Before, order_worth
from loyalty.programme import Programme, end_of_day, last_day
from loyalty.rules.earning import Earning, PurchaseRule

ROME = ZoneInfo("Europe/Rome")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CENTS = st.decimals(min_value=0, max_value=10**6, places=2)
RULES = st.builds(
    PurchaseRule,
    points=st.integers(0, 1000),
    per=st.decimals(min_value="0.01", max_value=1000, places=2),
    minimum=st.decimals(min_value=0, max_value=100, places=2),
    rounding=st.sampled_from(["down", "half_up", "up"]),
)


def worth_of(programme: Programme, rule: PurchaseRule, amount: Decimal) -> int:
    """What an order is worth under a rule."""
    programme = programme.model_copy(update={"earning": Earning(purchase=rule)})
    return order_worth(programme, Bill(amount), NOON, Before()).points


@pytest.mark.parametrize(
    ("rule", "amount", "worth"),
    [
        (PurchaseRule(), "42.99", 42),
        (PurchaseRule(rounding="half_up"), "42.50", 43),
        (PurchaseRule(rounding="half_up"), "42.49", 42),
        (PurchaseRule(rounding="up"), "42.01", 43),
        (PurchaseRule(rounding="up"), "42.00", 42),
        (PurchaseRule(per=Decimal(10)), "99.99", 9),
        (PurchaseRule(points=3, per=Decimal(3)), "10.00", 10),  # and not 9, as 3.333… × 3 would be
        (PurchaseRule(points=7, per=Decimal(7)), "1.00", 1),
        (PurchaseRule(minimum=Decimal(10)), "9.99", 0),
        (PurchaseRule(minimum=Decimal(10)), "10.00", 10),
        (PurchaseRule(points=0), "10.00", 0),
    ],
)
def test_an_order_is_worth(cafe: Programme, rule: PurchaseRule, amount: str, worth: int) -> None:
    assert worth_of(cafe, rule, Decimal(amount)) == worth


@given(RULES, CENTS, CENTS)
def test_who_pays_more_never_earns_less(cafe: Programme, rule: PurchaseRule, amount: Decimal, more: Decimal) -> None:
    assert 0 <= worth_of(cafe, rule, amount) <= worth_of(cafe, rule, amount + more)


@given(RULES)
def test_nothing_is_worth_nothing(cafe: Programme, rule: PurchaseRule) -> None:
    assert worth_of(cafe, rule, Decimal(0)) == 0


@pytest.mark.parametrize(
    ("from_", "months", "expires"),
    [
        ("2026-01-31T12:00:00+01:00", 1, "2026-03-01T00:00:00+01:00"),  # to the end of February
        ("2028-01-31T12:00:00+01:00", 1, "2028-03-01T00:00:00+01:00"),  # of a leap year
        ("2026-11-21T23:30:00+00:00", 12, "2027-11-23T00:00:00+01:00"),  # it is the 22nd in Rome already
        ("2026-09-25T10:00:00+02:00", 1, "2026-10-26T00:00:00+01:00"),  # the day the clocks went back
        ("2026-02-28T10:00:00+01:00", 1, "2026-03-29T00:00:00+01:00"),  # the day they went forward
    ],
)
def test_points_expire_at_the_end_of_a_day_in_the_programmes_zone(from_: str, months: int, expires: str) -> None:
    found = Earning(expire_months=months).expires_at(datetime.fromisoformat(from_), ROME)
    assert found is not None
    assert found.isoformat() == expires


def test_points_need_not_expire() -> None:
    assert Earning().expires_at(datetime(2026, 11, 21, tzinfo=UTC), ROME) is None


def test_people_are_told_the_last_day_and_not_the_midnight_after_it() -> None:
    midnight = end_of_day(datetime(2026, 11, 21, 10, tzinfo=ROME))
    assert midnight.isoformat() == "2026-11-22T00:00:00+01:00"
    assert last_day(midnight.astimezone(UTC), ROME) == date(2026, 11, 21)


def test_the_next_reward_is_the_cheapest_that_is_out_of_reach(cafe: Programme) -> None:
    def named(points: int) -> str | None:
        reward = cafe.next_reward(points, NOON, None)
        return reward.id if reward else None

    assert [named(points) for points in (0, 19, 20, 199, 200)] == ["espresso", "espresso", "croissant", "mug", None]


def test_a_reward_is_found_by_its_id(cafe: Programme) -> None:
    mug = cafe.reward("mug")
    assert mug is not None
    assert mug.points == 200
    assert cafe.reward("yacht") is None
