"""The statistics of campaigns, beside scipy's and published examples."""

import math
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # no types, as pyproject.toml says

from campaigns.statistics import (
    Count,
    all_alike,
    difference,
    holm,
    sample_size,
    split_mismatch,
    two_shares,
    wilson,
)


@st.composite
def counts(draw: st.DrawFn, least: int = 1) -> Count:
    people = draw(st.integers(least, 5000))
    return Count(draw(st.integers(0, people)), people)


@given(counts(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_the_interval_of_a_share_is_scipys(count: Count, confidence: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the test that scipy does first, which nobody asked for
        theirs = stats.binomtest(count.hits, count.people).proportion_ci(confidence, method="wilson")
    mine = wilson(count, confidence)
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert 0 <= mine.low <= count.share <= mine.high <= 1


def test_of_nobody_nothing_is_known() -> None:
    assert (wilson(Count(0, 0)).low, wilson(Count(0, 0)).high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        (Count(56, 70), Count(48, 80), 0.0524, 0.3339),  # Newcombe 1998, table II, method 10
        (Count(9, 10), Count(3, 10), 0.1705, 0.8090),
        (Count(10, 10), Count(0, 10), 0.6075, 1.0),
        (Count(0, 10), Count(0, 10), -0.2775, 0.2775),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(one: Count, other: Count, low: float, high: float) -> None:
    found = difference(one, other)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@given(counts(), counts())
def test_a_difference_turned_round_is_its_negative(one: Count, other: Count) -> None:
    there, back = difference(one, other), difference(other, one)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.low - 1e-12 <= one.share - other.share <= there.high + 1e-12


@given(counts(), counts())
def test_two_shares_are_compared_as_scipy_does(one: Count, other: Count) -> None:
    value = two_shares(one, other)
    hits, people = one.hits + other.hits, one.people + other.people
    if hits in {0, people}:
        assert value == 1.0
        return
    table = [[one.hits, one.people - one.hits], [other.hits, other.people - other.hits]]
    assert value == pytest.approx(stats.chi2_contingency(table, correction=False)[1], rel=1e-6, abs=1e-12)
    assert all_alike([one, other]) == pytest.approx(value, rel=1e-6, abs=1e-12)


@given(st.lists(counts(), min_size=3, max_size=5))
def test_several_shares_are_compared_as_scipy_does(several: list[Count]) -> None:
    hits, people = sum(one.hits for one in several), sum(one.people for one in several)
    if hits in {0, people}:
        assert all_alike(several) == 1.0
        return
    table = [[one.hits for one in several], [one.people - one.hits for one in several]]
    theirs = stats.chi2_contingency(table, correction=False)[1]
    assert all_alike(several) == pytest.approx(theirs, rel=1e-6, abs=1e-12)


def test_several_comparisons_are_paid_for() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_the_bare_value_and_bonferroni_and_keeps_the_order(values: list[float]) -> None:
    adjusted = holm(values)
    for bare, paid in zip(values, adjusted, strict=True):
        assert bare - 1e-12 <= paid <= 1.0
    for one, two in zip(sorted(range(len(values)), key=values.__getitem__), sorted(adjusted), strict=True):
        assert adjusted[one] == pytest.approx(two)
    assert min(adjusted) == pytest.approx(min(1.0, min(values) * len(values)))


@given(st.lists(st.integers(50, 5000), min_size=2, max_size=5))
def test_the_check_of_the_split_is_a_chi_square_test(people: list[int]) -> None:
    arms = {str(number): count for number, count in enumerate(people)}
    shares = dict.fromkeys(arms, 1 / len(arms))
    assert split_mismatch(arms, shares) == pytest.approx(stats.chisquare(people).pvalue, rel=1e-6, abs=1e-12)


def test_a_split_of_too_few_people_says_nothing() -> None:
    assert split_mismatch({"a": 9, "b": 0}, {"a": 0.5, "b": 0.5}) is None
    assert split_mismatch({"a": 500}, {"a": 1.0}) is None


def test_a_broken_split_is_found_and_a_sound_one_is_not() -> None:
    assert (split_mismatch({"a": 5000, "b": 5300}, {"a": 0.5, "b": 0.5}) or 1) < 0.01
    assert (split_mismatch({"a": 821, "b": 1000}, {"a": 0.5, "b": 0.5}) or 1) < 0.001
    assert (split_mismatch({"a": 905, "control": 95}, {"a": 0.9, "control": 0.1}) or 0) > 0.5


def test_the_sample_size_is_the_textbooks() -> None:
    # R: power.prop.test(p1 = .50, p2 = .75, power = .90) gives n = 76.7
    assert sample_size(0.50, 0.25, power=0.9, alpha=0.05) == 77
    # R: power.prop.test(p1 = .05, p2 = .06, power = .80) gives n = 8,158
    assert sample_size(0.05, 0.01, power=0.8, alpha=0.05) == 8158
    assert sample_size(0.05, 0.01, power=0.8, alpha=0.05, comparisons=3) > 8158


@given(st.floats(0.01, 0.6), st.floats(0.02, 0.3))
def test_a_sample_of_that_size_has_that_power(baseline: float, effect: float) -> None:
    size = sample_size(baseline, effect, power=0.8, alpha=0.05)
    other, middle = baseline + effect, baseline + effect / 2
    bar = stats.norm.ppf(0.975) * math.sqrt(2 * middle * (1 - middle) / size)
    spread = math.sqrt((baseline * (1 - baseline) + other * (1 - other)) / size)
    assert stats.norm.cdf((effect - bar) / spread) + 1e-9 >= 0.8
    assert stats.norm.cdf((effect - bar) / spread) < 0.9 or size < 60


@pytest.mark.parametrize(
    ("baseline", "effect", "power"), [(0.0, 0.1, 0.8), (0.95, 0.1, 0.8), (0.5, 0.0, 0.8), (0.5, 0.1, 1.0)]
)
def test_a_sample_size_of_nonsense_is_refused(baseline: float, effect: float, power: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        sample_size(baseline, effect, power=power, alpha=0.05)


def test_more_hits_than_people_are_no_count() -> None:
    with pytest.raises(ValueError, match="is no share"):
        Count(3, 2)
