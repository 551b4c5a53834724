"""When a friend's arrival counts, from what is known of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.programme import Programme
from loyalty.referral.qualifying import Arrival, Order, arrival, state_of, window_end
from loyalty.rules.referral import ReferralRule
from tests.unit.helpers_hypothesis import patiently

ENTERED = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def plain_rule(cafe: Programme) -> ReferralRule:
    return ReferralRule(terms=cafe.referral.terms)


def order(day: float, paid: str, ordered: str | None = None) -> Order:
    return Order(ENTERED + day * DAY, Decimal(ordered or paid), Decimal(paid))


def with_(rule: ReferralRule, **values: object) -> ReferralRule:
    return ReferralRule.model_validate({**rule.model_dump(), **values})


def test_the_first_order_after_the_code_counts(plain_rule: ReferralRule) -> None:
    orders = [order(-1, "50.00"), order(0, "0.01"), order(2, "9.00")]
    assert arrival(plain_rule, ENTERED, None, orders) == Arrival(ENTERED, orders[1])
    assert arrival(plain_rule, ENTERED, ENTERED, orders[:1]) == Arrival()


def test_the_window_includes_its_last_moment(plain_rule: ReferralRule) -> None:
    rule = with_(plain_rule, window_days=7)
    assert window_end(rule, ENTERED) == ENTERED + 7 * DAY
    assert arrival(rule, ENTERED, None, [order(7, "1.00")]).at == ENTERED + 7 * DAY
    assert arrival(rule, ENTERED, None, [order(7.0001, "1.00")]) == Arrival()


def test_the_nth_order_that_comes_to_the_minimum_counts(plain_rule: ReferralRule) -> None:
    rule = with_(plain_rule, order=2, minimum="10.00")
    orders = [order(1, "10.00"), order(2, "9.99"), order(3, "0.00", "30.00"), order(4, "10.01"), order(5, "99.00")]
    assert arrival(rule, ENTERED, None, orders) == Arrival(ENTERED + 4 * DAY, orders[3])
    assert arrival(rule, ENTERED, None, orders[:2]) == Arrival()
    assert arrival(rule, ENTERED, None, orders[:3]) == Arrival(given_back=True)


def test_an_order_of_nothing_is_none(plain_rule: ReferralRule) -> None:
    assert arrival(plain_rule, ENTERED, None, [order(1, "0.00")]) == Arrival()
    assert arrival(plain_rule, ENTERED, None, [order(1, "0.00", "5.00")]) == Arrival(given_back=True)


def test_an_order_that_was_edited_upwards_counts(plain_rule: ReferralRule) -> None:
    rule = with_(plain_rule, minimum="10.00")
    assert arrival(rule, ENTERED, None, [order(1, "12.00", "5.00")]).at == ENTERED + DAY


def test_where_registration_counts_orders_do_not(plain_rule: ReferralRule) -> None:
    rule = with_(plain_rule, on="registration", window_days=7)
    assert arrival(rule, ENTERED, None, [order(1, "50.00")]) == Arrival()
    assert arrival(rule, ENTERED, ENTERED + DAY, []) == Arrival(ENTERED + DAY)
    assert arrival(rule, ENTERED, ENTERED - DAY, []) == Arrival(ENTERED)
    assert arrival(rule, ENTERED, ENTERED + 8 * DAY, []) == Arrival()


def test_every_end_has_its_state() -> None:
    end = ENTERED + 7 * DAY
    qualified = Arrival(ENTERED)
    assert [state_of(qualified, verdict, end, end + DAY) for verdict in ("accept", "hold", "reject")] == [
        "rewarded", "held", "rejected",
    ]  # fmt: skip
    assert state_of(qualified, None, end, end) == "held"
    assert state_of(Arrival(given_back=True), "accept", end, end + DAY) == "undone"
    assert state_of(Arrival(), None, end, end) == "joined"
    assert state_of(Arrival(), None, end, end + timedelta(microseconds=1)) == "lapsed"


ORDERS = st.lists(
    st.builds(
        Order,
        st.integers(-3, 12).map(lambda days: ENTERED + days * DAY),
        st.decimals(0, 30, places=2),
        st.decimals(0, 30, places=2),
    ),
    max_size=8,
).map(lambda orders: sorted(orders, key=lambda one: one.at))


@given(ORDERS, st.integers(1, 3), st.decimals(0, 20, places=2))
@patiently(300)
def test_a_friend_qualifies_as_often_as_counting_says(
    cafe: Programme, orders: list[Order], nth: int, minimum: Decimal
) -> None:
    rule = ReferralRule(terms=cafe.referral.terms, order=nth, minimum=minimum, window_days=10)
    good = [o for o in orders if ENTERED <= o.at <= ENTERED + 10 * DAY and o.paid > 0 and o.paid >= minimum]
    found = arrival(rule, ENTERED, None, orders)
    assert found.at == (good[nth - 1].at if len(good) >= nth else None)
    assert (found.order is None) is (found.at is None)
    assert not (found.at and found.given_back)
