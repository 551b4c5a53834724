"""Programmes, and news of what somebody bought and did, made up by Hypothesis."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from loyalty.orders.bills import Line
from loyalty.programme import LANGUAGES, Programme
from loyalty.rules.earning import ActivityRule, Bonus, Caps, Condition, Earning, Goods, PurchaseRule
from loyalty.rules.parts import WEEKDAYS, Dates
from loyalty.rules.tiers import Tiers
from tests.recomputed import Told

NAMES = dict.fromkeys(LANGUAGES, "…")
ACTIVITIES = ("review", "newsletter")
LEVELS = ("silver", "gold")
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
SPECIAL = (
    datetime(2026, 11, 20, 23, 0, tzinfo=UTC),  # midnight in Rome
    datetime(2026, 11, 20, 22, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 10, 31, 23, 0, tzinfo=UTC),  # a month begins
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # half past two, twice that night
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 59, tzinfo=UTC),  # the clocks go forward
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    datetime(2026, 1, 31, 10, tzinfo=UTC),  # a month later there is no 31st
    datetime(2026, 2, 28, 10, tzinfo=UTC),
    datetime(2025, 11, 21, 10, tzinfo=UTC),  # a year ago, to the second
    datetime(2025, 12, 31, 23, 30, tzinfo=UTC),  # next year already in Rome
)

cents = st.one_of(
    st.integers(0, 9000).map(lambda number: Decimal(number) / 100),
    st.sampled_from([Decimal("0.00"), Decimal("10.00"), Decimal("9.99"), Decimal("30.00")]),
)
goods = st.sampled_from(
    [
        Goods(products=frozenset({"mug"})),
        Goods(categories=frozenset({"drinks"})),
        Goods(products=frozenset({"gift-card", "cake"})),
    ]
)
lines = st.builds(
    Line,
    product=st.sampled_from(["coffee", "cake", "gift-card", "mug"]),
    quantity=st.integers(0, 4),
    amount=st.one_of(st.none(), cents),
    category=st.sampled_from([None, "drinks", "food"]),
)
some_lines = st.lists(lines, min_size=1, max_size=4).map(tuple)
baskets = st.one_of(some_lines, some_lines, st.just(()))
moments = st.one_of(
    st.sampled_from(SPECIAL),
    st.integers(0, 60 * 24 * 3).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    st.integers(0, 450).map(lambda days: NOW - timedelta(days=days)),
)
rules = st.builds(
    PurchaseRule,
    points=st.integers(0, 7),
    per=st.sampled_from([Decimal(1), Decimal(3), Decimal("0.7"), Decimal(10)]),
    each=st.sampled_from([0, 0, 2]),
    minimum=st.sampled_from([Decimal(0), Decimal(10)]),
    rounding=st.sampled_from(["down", "half_up", "up"]),
    excluded=st.one_of(st.just(Goods()), goods),
    pending_days=st.sampled_from([0, 0, 2, 14]),
)
hours = st.sampled_from([None, ("09:00", "17:30"), ("22:00", "02:30"), ("00:00", "00:00")])
dates = st.sampled_from(
    [Dates(), Dates(first=date(2026, 10, 25)), Dates(first=date(2026, 2, 28), last=date(2026, 11, 1))]
)
times = {"dates": dates, "days": st.sets(st.sampled_from(WEEKDAYS), max_size=3).map(frozenset), "hours": hours}
amounts = {"minimum": st.sampled_from([Decimal(0), Decimal(20)]), "goods": st.one_of(st.just(Goods()), goods)}


def bonuses(**conditions: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Bonus, ...]]:
    """Some bonuses whose conditions may say these things, each only now and then."""

    @st.composite
    def one(draw: st.DrawFn) -> Bonus:
        said = draw(st.sets(st.sampled_from(sorted(conditions)), max_size=3))
        when = Condition.model_validate({name: draw(conditions[name]) for name in sorted(said)})
        points = draw(st.sampled_from([0, 5, 40]))
        factor = draw(st.sampled_from([Decimal("1.5"), Decimal(2), Decimal("1.1")] if not points else [Decimal(1)]))
        per_item = bool(points) and when.goods != Goods() and draw(st.booleans())
        return Bonus(id="x", name=NAMES, when=when, points=points, factor=factor, per_item=per_item)

    return st.lists(one(), max_size=3).map(
        lambda found: tuple(bonus.model_copy(update={"id": f"b{number}"}) for number, bonus in enumerate(found))
    )


@st.composite
def plain_programmes(draw: st.DrawFn, cafe: Programme) -> Programme:
    """A programme that judges each order by itself."""
    earning = Earning(
        purchase=draw(rules),
        bonuses=draw(bonuses(**times, **amounts)),
        caps=draw(st.sampled_from([Caps(), Caps(order=25)])),
        activities={name: ActivityRule(points=4 + number, name=NAMES) for number, name in enumerate(ACTIVITIES)},
    )
    zone = draw(st.sampled_from(["Europe/Rome", "America/New_York", "Asia/Beirut"]))
    return only_earning(cafe).model_copy(update={"earning": earning, "timezone": zone})


def only_earning(programme: Programme) -> Programme:
    """The programme without anything else that gives points."""
    goals = dict.fromkeys(("badges", "milestones", "challenges", "streaks", "leaderboards"), ())
    return programme.model_copy(update={**goals, "tiers": None})


@st.composite
def levels(draw: st.DrawFn) -> Tiers:
    """Levels of every kind that orders and activities can reach."""
    measure = draw(st.sampled_from(["points", "spend", "orders", "activity:review"]))
    first = {"points": 20, "spend": 30, "orders": 2, "activity:review": 1}[measure]
    window: dict[str, Any] = draw(st.sampled_from([{}, {"months": 1}, {"months": 12}, {"calendar": "year"}]))
    return Tiers.model_validate(
        {
            "measure": measure,
            "grace_days": draw(st.sampled_from([0, 0, 3, 40])),
            "levels": [
                {"id": id_, "name": NAMES, "from": first * (2 * number + 1), "factor": Decimal(2 + number) / 2}
                for number, id_ in enumerate(LEVELS)
            ],
            **window,
        }
    )


@st.composite
def programmes(draw: st.DrawFn, cafe: Programme) -> Programme:
    """A programme that may look at everything that happened before."""
    plain = draw(plain_programmes(cafe))
    tiers = draw(st.one_of(st.none(), levels()))
    past: dict[str, st.SearchStrategy[Any]] = {"order": st.integers(1, 3), "every": st.integers(2, 3)}
    if tiers is not None:
        past["tiers"] = st.sets(st.sampled_from(LEVELS), min_size=1).map(frozenset)
    most = st.sampled_from([None, None, 1, 2])
    earning = plain.earning.model_copy(
        update={
            "bonuses": draw(bonuses(**past, **amounts, days=times["days"])),
            "caps": Caps(
                order=draw(st.sampled_from([None, 25])),
                day=draw(st.sampled_from([None, 0, 30])),
                month=draw(st.sampled_from([None, 45])),
            ),
            "activities": {
                name: rule.model_copy(update={"a_day": draw(most), "a_month": draw(most), "ever": draw(most)})
                for name, rule in plain.earning.activities.items()
            },
        }
    )
    return plain.model_copy(update={"earning": earning, "tiers": tiers})


@st.composite
def news(draw: st.DrawFn, programme: Programme, *, prefix: str = "", orders: Sequence[str] = ()) -> list[Told]:
    """What became of some orders, and some activities; perhaps something about orders of before too."""
    found: list[Told] = []
    at = st.one_of(moments, st.sampled_from(draw(st.lists(moments, min_size=1, max_size=3))))
    mine = [f"{prefix}o{number}" for number in range(draw(st.integers(0 if orders else 2, 6)))]
    found += [Told("purchase", key, draw(at), programme, "", draw(cents), draw(baskets)) for key in mine]
    for key in (*mine, *orders):
        for number in range(draw(st.sampled_from([0, 1, 1, 2, 3]))):
            kind = draw(st.sampled_from(["refund"] * 5 + ["edit"] * 3 + ["cancellation"]))
            amount, basket = (Decimal(0), ()) if kind == "cancellation" else (draw(cents), draw(baskets))
            change = f"{prefix}{key}-{number}"
            found.append(Told(kind, change, draw(at), programme, key, amount, basket))
    for number in range(draw(st.integers(0, 5))):
        name = draw(st.sampled_from(ACTIVITIES))
        found.append(Told("activity", f"{prefix}a{number}", draw(at), programme, name=name))
    return found


def in_any_order(told: Sequence[Told]) -> st.SearchStrategy[list[Told]]:
    """All of it, in any order, some of it more than once."""
    return st.tuples(st.permutations(told), st.lists(st.sampled_from(told), max_size=4), st.randoms()).map(_mixed)


def _mixed(parts: tuple[list[Told], list[Told], Any]) -> list[Told]:
    once, again, random = parts
    found = list(once)
    for one in again:
        found.insert(random.randint(0, len(found)), one)
    return found
