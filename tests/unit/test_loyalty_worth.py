"""What orders and activities are worth, and why: beside a recomputation with fractions, and by example."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.orders.bills import Bill, Change, Line, bill
from loyalty.orders.history import Happening
from loyalty.orders.openings import Opening
from loyalty.orders.past import Past, depends_on_past, looks_back_to
from loyalty.orders.worth import LARGEST, Before, Done, Worth, activity_worth, order_worth
from loyalty.programme import Programme
from loyalty.rules.earning import ActivityRule, Bonus, Caps, Condition, Earning, Goods
from loyalty.rules.tiers import Tiers
from tests.made_up import NAMES, SPECIAL, baskets, cents, news, only_earning, plain_programmes, programmes
from tests.recomputed import Told, recompute
from tests.unit.helpers_hypothesis import patiently

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
"""A Saturday; one o'clock in Rome."""
DRINKS, CARDS = Goods(categories=frozenset({"drinks"})), Goods(products=frozenset({"gift-card"}))
COFFEE, CARD = Line("coffee", 2, Decimal("10.00"), "drinks"), Line("gift-card", 1, Decimal("50.00"))
GOLD = Tiers.model_validate(
    {"measure": "spend", "levels": [{"id": "gold", "name": NAMES, "from": 100, "factor": Decimal("1.5")}]}
)


def a_bonus(id_: str = "more", **said: Any) -> Bonus:
    """A bonus of ten points unless another is told; what is no part of it is its condition."""
    mine = {name: said.pop(name) for name in ("factor", "points", "per_item") if name in said} or {"points": 10}
    return Bonus.model_validate({"id": id_, "name": NAMES, "when": Condition.model_validate(said), **mine})


def with_rules(cafe: Programme, *, tiers: Tiers | None = None, **earning: Any) -> Programme:
    rules = Earning.model_validate({"activities": {}, **earning})
    return only_earning(cafe).model_copy(update={"earning": rules, "tiers": tiers})


def worth(programme: Programme, order: Bill | str, at: datetime = NOON, **before: Any) -> Worth:
    order = order if isinstance(order, Bill) else Bill(Decimal(order))
    return order_worth(programme, order, at, Before(**before), explain=True)


def rules(found: Worth) -> list[tuple[str, Decimal]]:
    return [(one.rule, one.points) for one in found.applied]


def why(found: Worth, rule: str) -> str:
    return next(one.why for one in found.applied if one.rule == rule)


def walked(programme: Programme, told: list[Told]) -> dict[str, tuple[int, Decimal]]:
    """By origin, the worth of all that was told, one after the other."""
    events = sorted(
        (one for one in told if one.kind in {"purchase", "activity"}), key=lambda one: (one.at, one.kind, one.key)
    )
    past = Past(programme, Opening(), (), judged_from=min(one.at for one in events))
    found: dict[str, tuple[int, Decimal]] = {}
    for one in events:
        if one.kind == "activity":
            points = activity_worth(programme, one.name, past.done(one.name, one.at), past.before(one.at)).points
            past.add(Happening(one.at, "activity", one.key, one.name, points=points))
            found[f"activity:{one.key}"] = points, Decimal(0)
            continue
        changes = [
            Change(other.kind, other.key, other.amount, other.at, other.lines)  # type: ignore[arg-type]  # none else has an order
            for other in told
            if other.order == one.key
        ]
        left = bill(one.amount, one.lines, changes)
        points = order_worth(programme, left, one.at, past.before(one.at)).points
        found[f"purchase:{one.key}"] = points, left.paid
        if left.paid:
            past.add(Happening(one.at, "order", one.key, spend=left.paid, points=points))
    return found


@given(st.data())
@patiently(80)
def test_a_plain_programme_gives_what_a_recomputation_says(cafe: Programme, data: st.DataObject) -> None:
    programme = data.draw(plain_programmes(cafe))
    told = data.draw(news(programme))
    assert not depends_on_past(programme)
    assert walked(programme, told) == recompute(told)


@given(st.data())
@patiently(150)
def test_a_programme_that_looks_back_gives_what_a_recomputation_says(cafe: Programme, data: st.DataObject) -> None:
    programme = data.draw(programmes(cafe))
    told = data.draw(news(programme))
    assert walked(programme, told) == recompute(told)


@given(st.data())
@patiently(60)
def test_the_points_of_the_rules_add_up_and_explaining_changes_nothing(cafe: Programme, data: st.DataObject) -> None:
    programme = data.draw(programmes(cafe))
    for one in (one for one in data.draw(news(programme)) if one.kind == "purchase"):
        left = bill(one.amount, one.lines, ())
        before = Before(data.draw(st.integers(0, 3)), data.draw(st.sampled_from([None, "silver"])), 3, 7)
        silent, told = (order_worth(programme, left, one.at, before, explain=explain) for explain in (False, True))
        assert silent.points == told.points
        assert sum(Fraction(rule.points) for rule in told.applied) == told.points
        assert told.applied[: len(silent.applied)] == silent.applied
        assert all(rule.points == 0 and rule.why for rule in told.applied[len(silent.applied) :])
        named = {rule.rule for rule in told.applied}
        if left.paid and left.paid >= programme.earning.purchase.minimum:
            assert {f"bonus {bonus.id}" for bonus in programme.earning.bonuses} <= named


@given(st.data())
@patiently(60)
def test_a_refund_never_gives_points(cafe: Programme, data: st.DataObject) -> None:
    """Of lines with amounts: what a line without one cost is not known, so that a return may say more of the rest."""
    programme = data.draw(plain_programmes(cafe))
    order = next(one for one in data.draw(news(programme)) if one.kind == "purchase")
    lines = tuple(line for line in order.lines if line.amount is not None)
    back = Change("refund", "r", data.draw(cents), order.at, data.draw(baskets))
    whole, less = (bill(order.amount, lines, changes) for changes in ((), (back,)))
    assert worth(programme, less, order.at).points <= worth(programme, whole, order.at).points


# By example


def test_shares_are_exact_and_rounded_once(cafe: Programme) -> None:
    """Ten by three, half as much again, is five; and so are three thirds of it."""
    programme = with_rules(cafe, tiers=GOLD, purchase={"per": "3"})
    assert worth(programme, "10.00", tier="gold").points == 5
    always = (a_bonus(factor="1.5"),)
    assert worth(with_rules(cafe, purchase={"per": "3"}, bonuses=always), "10.00").points == 5
    cards = tuple(Line("gift-card", 1, Decimal("10.00")) for _ in range(3))
    left = bill(Decimal("90.00"), cards, [Change("refund", "r", Decimal("30.00"), NOON)])
    assert worth(with_rules(cafe, purchase={"excluded": CARDS}), left).points == 40


def test_factors_add_up(cafe: Programme) -> None:
    programme = with_rules(cafe, tiers=GOLD, bonuses=(a_bonus(factor=2),))
    found = worth(programme, "10.50", tier="gold")
    assert found.points == 26
    assert rules(found) == [
        ("purchase", Decimal("10.50")), ("tier gold", Decimal("5.25")), ("bonus more", Decimal("10.50")),
        ("rounding", Decimal("-0.25")),
    ]  # fmt: skip


def test_what_is_excluded_earns_nothing_before_and_after_a_refund(cafe: Programme) -> None:
    programme = with_rules(cafe, purchase={"excluded": CARDS}, bonuses=(a_bonus(factor=3, goods=CARDS),))
    whole = bill(Decimal("60.00"), (COFFEE, CARD), ())
    assert worth(programme, whole).points == 10
    assert why(worth(programme, whole), "purchase") == "1 for each 1 of 60.00 without 50.00 that earns nothing"
    less = bill(Decimal("60.00"), (COFFEE, CARD), [Change("refund", "r", Decimal("6.00"), NOON)])
    assert worth(programme, less).points == 9


def test_a_bonus_on_goods_counts_for_their_share_only(cafe: Programme) -> None:
    programme = with_rules(cafe, bonuses=(a_bonus(factor=2, goods=DRINKS),))
    assert worth(programme, Bill(Decimal("60.00"), (COFFEE, CARD))).points == 70
    assert worth(programme, "60.00").points == 60


def test_points_for_each_item_count_what_was_kept(cafe: Programme) -> None:
    programme = with_rules(cafe, purchase={"points": 0}, bonuses=(a_bonus(points=5, per_item=True, goods=DRINKS),))
    assert worth(programme, Bill(Decimal(10), (COFFEE,))).points == 10
    back = Change("refund", "r", Decimal("5.00"), NOON, (Line("coffee"),))
    assert worth(programme, bill(Decimal(10), (COFFEE,), [back])).points == 5
    goodwill = Change("refund", "r", Decimal("1.00"), NOON)
    assert worth(programme, bill(Decimal(10), (COFFEE,), [goodwill])).points == 10


def test_caps_leave_what_is_left_and_say_so(cafe: Programme) -> None:
    programme = with_rules(cafe, caps={"order": 50, "day": 40, "month": 30})
    found = worth(programme, "60.00", today=25, this_month=28)
    assert found.points == 2
    assert rules(found)[1:] == [
        ("cap an order", Decimal(-10)), ("cap a day", Decimal(-35)), ("cap a month", Decimal(-13)),
    ]  # fmt: skip
    assert worth(programme, "60.00", today=99, this_month=99).points == 0
    assert why(worth(programme, "60.00"), "cap a day") == "40 points a day at most"


def test_no_order_earns_more_than_can_be_counted(cafe: Programme) -> None:
    absurd = {"points": 10**9, "per": "0.0000000000000000000001", "each": 10**9}
    programme = with_rules(cafe, tiers=GOLD, purchase=absurd, bonuses=(a_bonus(factor=100),))
    found = worth(programme, "1000000000.00", tier="gold")
    assert found.points == LARGEST
    assert sum(Fraction(one.points) for one in found.applied) == LARGEST


@pytest.mark.parametrize(
    ("condition", "before", "reason"),
    [
        ({"days": {"mon"}}, {}, "not on a Saturday"),
        ({"dates": {"from": "2026-12-01"}}, {}, "not before 2026-12-01"),
        ({"dates": {"until": "2026-11-20"}}, {}, "not after 2026-11-20"),
        ({"hours": ("15:00", "17:30")}, {}, "only from 15:00 to 17:30, it is 13:00"),
        ({"hours": ("22:00", "02:00")}, {}, "only from 22:00 to 02:00, it is 13:00"),
        ({"tiers": {"gold"}}, {}, "only for gold"),
        ({"minimum": "20"}, {}, "the order comes to 12.00, needs 20"),
        ({"order": 1}, {"orders": 1}, "it is order 2, not 1"),
        ({"every": 5}, {"orders": 2}, "it is order 3, not one of each 5"),
        ({"goods": {"categories": {"drinks"}, "products": {"mug"}}}, {}, "nothing of drinks, mug in it"),
        ({"days": {"mon"}, "minimum": "20"}, {}, "not on a Saturday; the order comes to 12.00, needs 20"),
    ],
)
def test_a_bonus_that_does_not_count_says_why(
    cafe: Programme, condition: dict[str, Any], before: dict[str, Any], reason: str
) -> None:
    programme = with_rules(cafe, tiers=GOLD, bonuses=(a_bonus(**condition),))
    found = worth(programme, "12.00", **before)
    assert (found.points, why(found, "bonus more")) == (12, reason)
    assert order_worth(programme, Bill(Decimal("12.00")), NOON, Before(**before)).applied == found.applied[:1]


def test_an_order_below_the_minimum_says_what_is_missing(cafe: Programme) -> None:
    programme = with_rules(cafe, purchase={"minimum": "20"})
    assert why(worth(programme, "12.00"), "purchase") == "the order comes to 12.00, needs 20"
    assert why(worth(programme, "0.00"), "purchase") == "nothing of the order was kept"


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        ("2026-11-20T21:59:59+00:00", False),
        ("2026-11-20T22:00:00+00:00", True),  # eleven at night in Rome
        ("2026-11-21T00:59:59+00:00", True),
        ("2026-11-21T01:00:00+00:00", False),
        ("2026-10-24T23:30:00+00:00", True),  # the night the clocks go back has an hour more
        ("2026-10-25T00:30:00+00:00", False),
        ("2026-10-25T01:30:00+00:00", False),
    ],
)
def test_hours_past_midnight_are_those_of_the_programmes_clocks(cafe: Programme, at: str, holds: bool) -> None:
    programme = with_rules(cafe, bonuses=(a_bonus(hours=("23:00", "02:00")),))
    assert (worth(programme, "1.00", datetime.fromisoformat(at)).points == 11) is holds


@pytest.mark.parametrize(
    ("limit", "done", "reason"),
    [
        ({"a_day": 1}, Done(today=1), "it earns points 1 times a day at most"),
        ({"a_month": 2}, Done(this_month=2), "it earns points 2 times a month at most"),
        ({"ever": 3}, Done(ever=3), "it earns points 3 times ever at most"),
    ],
)
def test_an_activity_earns_so_often_and_no_more(
    cafe: Programme, limit: dict[str, int], done: Done, reason: str
) -> None:
    programme = with_rules(
        cafe, activities={"review": ActivityRule.model_validate({"points": 5, "name": NAMES, **limit})}
    )
    less = Done(max(done.today - 1, 0), max(done.this_month - 1, 0), max(done.ever - 1, 0))
    assert activity_worth(programme, "review", less, Before()).points == 5
    found = activity_worth(programme, "review", done, Before())
    assert (found.points, found.applied[0].why) == (0, reason)


def test_an_activity_the_programme_does_not_know_earns_nothing(cafe: Programme) -> None:
    found = activity_worth(with_rules(cafe), "dancing", Done(), Before())
    assert (found.points, found.applied[0].why) == (0, "the programme has no points for it")


@pytest.mark.parametrize(
    ("earning", "tiers", "looks"),
    [
        ({}, None, False),
        ({"caps": {"order": 5}}, None, False),
        ({"caps": {"day": 0}}, None, True),
        ({"caps": {"month": 5}}, None, True),
        ({"bonuses": (a_bonus(order=1),)}, None, True),
        ({"bonuses": (a_bonus(every=2),)}, None, True),
        ({"bonuses": (a_bonus(tiers={"gold"}),)}, GOLD, True),
        ({"bonuses": (a_bonus(days={"mon"}, minimum="3"),)}, None, False),
        ({"activities": {"review": {"points": 1, "name": NAMES, "ever": 1}}}, None, True),
        ({"activities": {"review": {"points": 1, "name": NAMES, "a_day": 1}}}, None, True),
        ({}, GOLD, True),
        ({}, GOLD.model_copy(update={"levels": (GOLD.levels[0].model_copy(update={"factor": Decimal(1)}),)}), False),
    ],
)
def test_a_programme_looks_back_only_if_a_rule_of_it_does(
    cafe: Programme, earning: dict[str, Any], tiers: Tiers | None, looks: bool
) -> None:
    assert depends_on_past(with_rules(cafe, tiers=tiers, **earning)) is looks


@pytest.mark.parametrize(
    ("earning", "tiers", "since"),
    [
        ({"caps": {"day": 5}}, None, "2026-10-31T23:00:00+00:00"),  # the month began in Rome
        ({"bonuses": (a_bonus(order=1),)}, None, NOON.isoformat()),  # orders are counted, not read
        ({}, GOLD, NOON.isoformat()),  # so is what counts for ever
        ({}, GOLD.model_copy(update={"calendar": "year"}), "2025-12-31T23:00:00+00:00"),
        ({}, GOLD.model_copy(update={"months": 12}), "2025-10-21T12:00:00+00:00"),
    ],
)
def test_no_more_is_read_than_the_rules_look_at(
    cafe: Programme, earning: dict[str, Any], tiers: Tiers | None, since: str
) -> None:
    programme = with_rules(cafe, tiers=tiers, **earning)
    assert looks_back_to(programme, NOON) == datetime.fromisoformat(since)


def test_sums_of_a_day_are_those_of_the_programmes_zone(cafe: Programme) -> None:
    programme = with_rules(cafe, caps=Caps(day=100))
    past = Past(programme, Opening(), (), judged_from=min(SPECIAL))
    for at in sorted(SPECIAL):
        past.add(Happening(at, "order", "o", spend=Decimal(1), points=7))
    midnight = datetime(2026, 11, 20, 23, tzinfo=UTC)
    assert past.before(midnight) == Before(len(SPECIAL), None, 7, 21)
    assert past.before(midnight - timedelta(microseconds=1)) == Before(len(SPECIAL), None, 7, 21)
    assert past.before(datetime(2026, 10, 25, 12, tzinfo=UTC)).today == 14


def test_only_activities_that_earned_points_count_for_their_limits(cafe: Programme) -> None:
    rule = ActivityRule.model_validate({"points": 5, "name": NAMES, "a_day": 1, "ever": 1})
    past = Past(with_rules(cafe, activities={"review": rule}), Opening(done={"other": 3}), (), judged_from=NOON)
    past.add(Happening(NOON, "activity", "a", "review", points=0))
    assert past.done("review", NOON) == Done(0, 0, 0)
    past.add(Happening(NOON, "activity", "b", "review", points=1))
    assert past.done("review", NOON) == Done(1, 1, 1)
    assert past.done("other", NOON) == Done(0, 0, 3)
