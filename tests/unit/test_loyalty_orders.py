"""What is left of an order after refunds, edits and cancellations, told in any order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.orders.bills import Bill, Change, ChangeKind, Line, bill
from loyalty.programme import Programme
from tests.made_up import baskets, cents, moments
from tests.recomputed import Told, what_is_left
from tests.unit.helpers_hypothesis import patiently

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
changes = st.lists(
    st.builds(
        Change,
        kind=st.sampled_from(["refund", "refund", "refund", "edit", "cancellation"]),
        key=st.uuids().map(str),
        amount=cents,
        occurred_at=moments,
        lines=baskets,
    ),
    max_size=4,
)
COFFEE, CARD = Line("coffee", 1, Decimal("10.00"), "drinks"), Line("gift-card", 1, Decimal("50.00"))
BOTH = Decimal("60.00")


def change(kind: ChangeKind, amount: str, *lines: Line, hours: int = 1) -> Change:
    return Change(kind, f"{kind}-{hours}", Decimal(amount), NOON + timedelta(hours=hours), lines)


def rounded(line: Line) -> Line:
    return replace(line, amount=None if line.amount is None else round(line.amount, 20))


def exactly(items: list[tuple[str, int, Fraction | None]]) -> list[tuple[str, int, Decimal | None]]:
    return [(product, number, _decimal(money)) for product, number, money in items]


def _decimal(money: Fraction | None) -> Decimal | None:
    return None if money is None else round(Decimal(money.numerator) / Decimal(money.denominator), 20)


@given(cents, baskets, changes)
@patiently(200)
def test_what_is_left_is_what_a_recomputation_says(
    cafe: Programme, amount: Decimal, lines: tuple[Line, ...], changed: list[Change]
) -> None:
    order = Told("purchase", "o", NOON, cafe, "", amount, lines)
    told = [Told(one.kind, one.key, one.occurred_at, cafe, "o", one.amount, one.lines) for one in changed]
    left, found = what_is_left(order, told), bill(amount, lines, changed)
    assert found.paid == left.paid
    items = exactly([(item.product, item.number, item.money) for item in left.items])
    if left.paid:
        assert [(line.product, line.quantity, rounded(line).amount) for line in found.lines] == items
    else:
        assert found.lines == ()


@given(cents, baskets, changes, st.randoms())
def test_the_order_in_which_changes_are_told_does_not_matter(
    amount: Decimal, lines: tuple[Line, ...], changed: list[Change], random: object
) -> None:
    mixed = sorted(changed, key=lambda _: random.random())  # type: ignore[attr-defined]  # Hypothesis' own Random
    assert bill(amount, lines, mixed) == bill(amount, lines, changed)


@given(cents, baskets, changes)
@patiently(150)
def test_lines_never_make_more_than_was_paid_and_nothing_is_below_zero(
    amount: Decimal, lines: tuple[Line, ...], changed: list[Change]
) -> None:
    left = bill(amount, lines, changed)
    assert left.paid >= 0
    assert all(line.quantity >= 0 and (line.amount or Decimal(0)) >= 0 for line in left.lines)
    assert sum(Fraction(line.amount or 0) for line in left.lines) <= Fraction(left.paid) + Fraction(1, 10**40)


@given(cents, baskets, st.lists(st.tuples(cents, baskets), max_size=4))
def test_refunds_in_any_parts_that_make_the_whole_leave_nothing(
    amount: Decimal, lines: tuple[Line, ...], parts: list[tuple[Decimal, tuple[Line, ...]]]
) -> None:
    refunds = [change("refund", str(money), *back, hours=hours) for hours, (money, back) in enumerate(parts)]
    rest = max(amount - sum((money for money, _ in parts), Decimal(0)), Decimal(0))
    assert bill(amount, lines, [*refunds, change("refund", str(rest), hours=99)]) == Bill(Decimal(0))


def test_the_newest_edit_says_what_was_ordered() -> None:
    edits = [change("edit", "20.00", hours=2), change("edit", "80.00", hours=1)]
    assert bill(Decimal(60), (), edits).paid == 20
    assert bill(Decimal(60), (), [*edits, change("refund", "5.00", hours=0)]).paid == 15


def test_an_edit_without_lines_leaves_them_as_they_were() -> None:
    assert bill(BOTH, (COFFEE, CARD), [change("edit", "60.00")]).lines == (COFFEE, CARD)
    dearer = bill(BOTH, (COFFEE, CARD), [change("edit", "65.00")])
    assert dearer == Bill(Decimal(65), (COFFEE, CARD))
    cheaper = bill(BOTH, (COFFEE, CARD), [change("edit", "30.00")])
    assert [line.amount for line in cheaper.lines] == [5, 25]
    assert bill(BOTH, (COFFEE, CARD), [change("edit", "10.00", COFFEE)]).lines == (COFFEE,)


def test_a_cancelled_order_comes_to_nothing_whatever_else_was_told() -> None:
    told = [change("cancellation", "0"), change("edit", "99.00", hours=5), change("refund", "1.00")]
    assert bill(BOTH, (COFFEE,), told) == Bill(Decimal(0))


def test_a_discount_on_the_whole_is_spread_over_the_lines() -> None:
    left = bill(Decimal("30.00"), (COFFEE, CARD), [])
    assert left == Bill(Decimal(30), (replace(COFFEE, amount=Decimal(5)), replace(CARD, amount=Decimal(25))))


def test_a_returned_line_is_taken_off_and_the_others_stay_whole() -> None:
    left = bill(BOTH, (COFFEE, CARD), [change("refund", "50.00", CARD)])
    assert left == Bill(Decimal(10), (COFFEE, replace(CARD, quantity=0, amount=Decimal(0))))


def test_a_returned_line_counts_for_no_more_than_was_given_back() -> None:
    """A fee was kept: 20 of the gift card's 50 are still paid for it."""
    left = bill(BOTH, (COFFEE, CARD), [change("refund", "30.00", CARD)])
    assert left == Bill(Decimal(30), (COFFEE, replace(CARD, quantity=0, amount=Decimal(20))))


def test_money_back_for_no_line_leaves_the_items_and_makes_all_of_them_cheaper() -> None:
    left = bill(BOTH, (COFFEE, CARD), [change("refund", "6.00")])
    assert left == Bill(Decimal(54), (replace(COFFEE, amount=Decimal(9)), replace(CARD, amount=Decimal(45))))
    assert bill(BOTH, (replace(COFFEE, quantity=3),), [change("refund", "40.00")]).lines[0].quantity == 1


@pytest.mark.parametrize(
    ("returned", "money", "left"),
    [
        (Line("mug", 1), "10.00", Line("mug", 2, Decimal("20.00"))),  # of three for 30
        (Line("mug", 1, Decimal("4.00")), "4.00", Line("mug", 2, Decimal("26.00"))),
        (Line("mug", 0, Decimal("4.00")), "4.00", Line("mug", 3, Decimal("26.00"))),
        (Line("mug", 9), "30.00", Line("mug", 0, Decimal("0.00"))),
        (Line("spoon", 1, Decimal("4.00")), "5.00", Line("mug", 3, Decimal("27.00"))),  # a tenth back on everything
    ],
)
def test_items_that_come_back_are_counted(returned: Line, money: str, left: Line) -> None:
    lines = (Line("mug", 3, Decimal("30.00")),)
    found = bill(Decimal("50.00"), lines, [change("refund", money, returned)])
    assert found == Bill(Decimal(50) - Decimal(money), (left,))


def test_items_without_a_price_are_counted_too() -> None:
    left = bill(Decimal("50.00"), (Line("mug", 3),), [change("refund", "10.00", Line("mug", 1))])
    assert left.lines == (Line("mug", 2),)


def test_shares_that_no_decimal_can_hold_make_no_item_more() -> None:
    lines = (Line("a", 1, Decimal(10)), Line("b", 1, Decimal(20)), Line("c", 1, Decimal(40)))
    for cut in range(1, 700):
        amount = Decimal(cut) / 10
        left = bill(amount, lines, [change("refund", str(amount / 7), Line("a", 1))])
        assert [line.quantity for line in left.lines] == [0, 1, 1]
