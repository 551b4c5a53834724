"""Holding counts of prizes against the odds, by Pearson's chi-square test."""

from collections import Counter

import pytest

from loyalty.games.draw import Field
from loyalty.games.fairness import fit

HALVES = (Field("a", 1), Field("b", 1))
RARE = (Field("often", 900), Field("less", 98), Field("rare", 1), Field("rarer", 1))


def test_counts_are_held_against_the_odds() -> None:
    found = fit("wheel", HALVES, Counter(a=60, b=40))
    assert (found.wheel, found.draws) == ("wheel", 100)
    assert found.statistic == pytest.approx(4.0)  # (60 - 50)² / 50 + (40 - 50)² / 50
    assert found.p == pytest.approx(0.0455003, abs=1e-7)  # of a table of the distribution, one degree of freedom
    assert not found.suspicious


def test_what_is_next_to_impossible_is_suspicious() -> None:
    assert fit("wheel", HALVES, Counter(a=650, b=350)).suspicious
    assert not fit("wheel", HALVES, Counter(a=550, b=450)).suspicious


def test_a_prize_that_never_came_counts_too() -> None:
    assert fit("wheel", HALVES, Counter(a=100)).suspicious


def test_a_rare_prize_that_came_once_is_no_alarm_because_rare_ones_are_counted_together() -> None:
    found = fit("wheel", RARE, Counter(often=90, less=9, rare=1))
    assert found.statistic == pytest.approx(0.0)  # 10 of 100 were to be other than the first
    assert found.p == pytest.approx(1.0)


def test_too_few_draws_tell_nothing() -> None:
    for counts in (Counter[str](), Counter(a=9), Counter(often=40)):
        found = fit("wheel", RARE if "often" in counts else HALVES, counts)
        assert (found.draws, found.statistic, found.p) == (counts.total(), None, None)
        assert not found.suspicious
