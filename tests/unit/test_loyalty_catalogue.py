"""What is in the way of a reward: a pure decision over what was read."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.programme import LANGUAGES, Programme, Reward
from loyalty.rewards.catalogue import Offer, Situation, decide, facts
from loyalty.rewards.stock import UNITS, Taken
from loyalty.rules.tiers import Tiers
from tests.unit.helpers_hypothesis import patiently

NOON = datetime(2026, 11, 21, 11, tzinfo=UTC)
RICH = Situation(joined=True, available=1000, tier=None)


def reward(**more: object) -> Reward:
    document = {"id": "mug", "points": 20, "name": dict.fromkeys(LANGUAGES, "Mug"), **more}
    return Reward.model_validate(document)


@pytest.fixture(scope="session")
def club(cafe: Programme) -> Programme:
    """The café, with three levels."""
    levels = [
        {"id": id_, "name": dict.fromkeys(LANGUAGES, id_), "from": from_}
        for id_, from_ in (("silver", 10), ("gold", 20), ("platinum", 30))
    ]
    return cafe.model_copy(update={"tiers": Tiers.model_validate({"measure": "orders", "levels": levels})})


def test_a_member_with_enough_points_can_have_a_plain_reward(club: Programme) -> None:
    offer = decide(club, reward(), RICH, NOON)
    assert offer == Offer(reward(), why_not=None, missing=0, left=None)
    assert offer.within_reach


def test_what_is_missing_is_told_in_points(club: Programme) -> None:
    offer = decide(club, reward(), Situation(joined=True, available=13, tier=None), NOON)
    assert (offer.why_not, offer.missing, offer.within_reach) == ("points", 7, False)


@pytest.mark.parametrize(
    ("tiers", "tier", "needs"),
    [
        ([], None, None), (["gold"], "gold", None), (["gold"], "silver", "gold"), (["gold"], None, "gold"),
        (["platinum", "gold"], "silver", "gold"), (["silver"], "platinum", "silver"),
    ],
)  # fmt: skip
def test_the_lowest_level_that_can_have_it_is_named(
    club: Programme, tiers: list[str], tier: str | None, needs: str | None
) -> None:
    offer = decide(club, reward(tiers=tiers), Situation(joined=True, available=1000, tier=tier), NOON)
    assert offer.needs == needs
    assert offer.why_not == ("tier" if needs else None)
    assert facts(club, offer, NOON) == ({"needs": needs} if needs else {})


@pytest.mark.parametrize(
    ("every", "at", "again"),
    [
        ("day", "2026-11-21T11:00+00:00", "2026-11-22T00:00+01:00"),
        ("day", "2026-11-21T23:30+00:00", "2026-11-23T00:00+01:00"),  # it is the 22nd already in Rome
        ("day", "2027-03-28T00:30+00:00", "2027-03-29T00:00+02:00"),  # summer time begins
        ("week", "2026-11-22T22:59+00:00", "2026-11-23T00:00+01:00"),
        ("week", "2026-11-22T23:00+00:00", "2026-11-30T00:00+01:00"),
        ("week", "2026-12-29T11:00+00:00", "2027-01-04T00:00+01:00"),
        ("month", "2027-01-31T11:00+00:00", "2027-02-01T00:00+01:00"),
        ("month", "2027-03-15T11:00+00:00", "2027-04-01T00:00+02:00"),
        ("year", "2028-02-29T11:00+00:00", "2029-01-01T00:00+01:00"),
    ],
)
def test_a_limit_that_is_used_up_says_when_it_begins_anew(club: Programme, every: str, at: str, again: str) -> None:
    limited = reward(per_member={"count": 2, "every": every})
    now = datetime.fromisoformat(at)
    once = decide(club, limited, Situation(joined=True, available=1000, tier=None, had={"mug": 1}), now)
    assert (once.why_not, once.used_up, once.again_at) == (None, False, None)
    twice = decide(club, limited, Situation(joined=True, available=1000, tier=None, had={"mug": 2}), now)
    assert (twice.why_not, twice.used_up, twice.again_at) == ("limit", True, datetime.fromisoformat(again))
    assert facts(club, twice, now) == {"again_at": datetime.fromisoformat(again).isoformat()}


def test_a_limit_for_ever_has_no_other_time(club: Programme) -> None:
    offer = decide(club, reward(per_member={}), Situation(joined=True, available=0, tier=None, had={"mug": 1}), NOON)
    assert (offer.why_not, offer.again_at) == ("limit", None)
    assert facts(club, offer, NOON) == {"period": "ever"}


def test_what_saving_does_not_help_against_is_told_before_the_points(club: Programme) -> None:
    rules: dict[str, object] = {
        "dates": {"from": "2027-01-01"}, "tiers": ["gold"], "per_member": {"count": 1}, "stock": 3,
    }  # fmt: skip
    hers = Situation(joined=False, available=5, tier=None, had={"mug": 1}, taken={"reward:mug": Taken(3)})
    steps = [hers, joined := replace(hers, joined=True), joined]
    steps.append(replace(steps[-1], tier="gold"))
    steps.append(replace(steps[-1], had={}))
    steps.append(replace(steps[-1], taken={}))
    steps.append(replace(steps[-1], available=20))
    on_its_day = {**rules, "dates": {}}
    found = [decide(club, reward(**rules), one, NOON).why_not for one in steps[:2]]
    found += [decide(club, reward(**on_its_day), one, NOON).why_not for one in steps[2:]]
    assert found == ["not_joined", "not_now", "tier", "limit", "sold_out", "points", None]


@pytest.mark.parametrize(
    ("dates", "told"),
    [({"from": "2026-11-22"}, {"begins": "2026-11-22"}), ({"until": "2026-11-20"}, {})],
)
def test_a_reward_that_is_still_to_come_says_when(club: Programme, dates: dict[str, str], told: dict[str, str]) -> None:
    offer = decide(club, reward(dates=dates), RICH, NOON)
    assert offer.why_not == "not_now"
    assert facts(club, offer, NOON) == told


costs = st.decimals("0.01", 50, places=4)


@given(
    stock=st.none() | st.integers(0, 20), cost=costs, budget=st.none() | st.decimals(0, 200, places=4),
    number=st.integers(0, 25),
)  # fmt: skip
@patiently()
def test_what_is_left_can_be_taken_and_not_one_more(
    stock: int | None, cost: Decimal, budget: Decimal | None, number: int
) -> None:
    unit = int(cost * UNITS)
    left = Taken(number, number * unit).left(stock, cost, budget)
    if stock is None and budget is None:
        assert left is None
        return
    assert left is not None
    assert left >= 0

    def allowed(more: int) -> bool:
        total = number + more
        return (stock is None or total <= stock) and (budget is None or total * cost <= budget)

    assert not allowed(left + 1)
    assert left == 0 or allowed(left)
