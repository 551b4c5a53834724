"""Which rewards are suggested, and why: a pure choice from points, purchases, redemptions and what expires."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.ids import RewardId
from loyalty.programme import LANGUAGES, Reward
from loyalty.rewards.catalogue import Offer
from loyalty.rewards.suggestions import MOST, Suggestion, Taste, bought_of, suggest

SOON = datetime(2026, 12, 1, tzinfo=UTC)


def reward(id_: str, points: int, **name: str) -> Reward:
    return Reward(id=RewardId(id_), points=points, name={**dict.fromkeys(LANGUAGES, id_.title()), **name})


ESPRESSO, CROISSANT, BREAKFAST, MUG = (
    reward("espresso", 20), reward("croissant", 30), reward("breakfast", 90), reward("mug", 200),
)  # fmt: skip
ALL = (ESPRESSO, CROISSANT, BREAKFAST, MUG)


def offers(available: int, *rewards: Reward) -> list[Offer]:
    """What a member with so many points can have."""
    return [
        Offer(one, "points", one.points - available) if one.points > available else Offer(one)
        for one in rewards or ALL
    ]  # fmt: skip


def told(found: list[Suggestion]) -> list[tuple[str, str]]:
    return [(one.reward.id, one.reason) for one in found]


def taste(**known: int) -> Taste:
    return Taste({RewardId(name): times for name, times in known.items()})


def test_without_anything_known_it_is_the_best_and_the_nearest() -> None:
    assert told(suggest(offers(50), Taste())) == [("croissant", "best"), ("breakfast", "next")]


def test_what_she_buys_often_comes_first_and_says_so() -> None:
    found = suggest(offers(50), taste(espresso=5))
    assert told(found) == [("espresso", "bought"), ("croissant", "best"), ("breakfast", "next")]
    assert found[0].times == 5
    assert told(suggest(offers(50), taste(espresso=1)))[0] == ("croissant", "best"), "once is chance"


def test_what_she_had_before_is_suggested_again() -> None:
    found = suggest(offers(50), Taste(had={ESPRESSO.id: 2}))
    assert told(found)[0] == ("espresso", "had")


def test_points_that_expire_soon_go_into_what_she_likes_best() -> None:
    found = suggest(offers(50), Taste({ESPRESSO.id: 3}, expiring=12, expires_at=SOON))
    assert told(found) == [("espresso", "expiring"), ("croissant", "best"), ("breakfast", "next")]


def test_one_that_is_nearly_reached_is_always_named() -> None:
    busy = Taste({ESPRESSO.id: 3, CROISSANT.id: 4}, {BREAKFAST.id: 1})
    assert told(suggest(offers(188), busy)) == [("croissant", "bought"), ("espresso", "bought"), ("mug", "near")]
    assert suggest(offers(188), busy)[-1].missing == 12
    assert told(suggest(offers(149), busy)) == [("croissant", "bought"), ("espresso", "bought"), ("breakfast", "had")]


def test_with_too_few_points_the_nearest_is_named() -> None:
    assert told(suggest(offers(4), Taste())) == [("espresso", "next")]
    assert suggest(offers(4), Taste())[0].missing == 16


def test_what_saving_does_not_bring_is_never_suggested() -> None:
    closed = [Offer(ESPRESSO, "sold_out"), Offer(CROISSANT, "limit"), Offer(MUG, "tier")]
    assert suggest(closed, taste(espresso=9)) == []


@pytest.mark.parametrize(
    ("product", "category", "counts"),
    [
        ("Croissant", None, True), ("Two plain CROISSANTS", None, True), ("Cornetto alla crema", None, True),
        ("x-17", "croissants", True), ("Crossword", None, False), ("", None, False), ("Tea", "drinks", False),
    ],
)  # fmt: skip
def test_a_line_tells_of_a_reward_by_a_word_they_share(product: str, category: str | None, counts: bool) -> None:
    lines = [{"product": product, "quantity": 2, "category": category}]
    found = bought_of([reward("croissant", 30, it="Cornetto"), ESPRESSO], lines)
    assert found == ({"croissant": 2} if counts else {})


def test_a_line_without_a_quantity_or_a_name_is_nothing() -> None:
    assert bought_of(ALL, [{"product": None}, {"product": "Espresso", "quantity": 0}, {}]) == {}


IDS = st.sampled_from([one.id for one in ALL])
TASTES = st.builds(
    Taste, st.dictionaries(IDS, st.integers(1, 9)), st.dictionaries(IDS, st.integers(1, 9)), st.integers(0, 50),
    st.just(SOON),
)  # fmt: skip


@given(st.integers(0, 300), TASTES)
def test_whatever_is_known_few_are_suggested_each_once_and_what_can_be_had_first(points: int, known: Taste) -> None:
    found = suggest(offers(points), known)
    assert 0 < len(found) <= MOST
    assert len({one.reward.id for one in found}) == len(found)
    assert [one.missing > 0 for one in found] == sorted(one.missing > 0 for one in found)
    assert all((one.reward.points <= points) == (one.missing == 0) for one in found)
    assert found == suggest(list(reversed(offers(points))), known), "the order of the catalogue decides nothing"
