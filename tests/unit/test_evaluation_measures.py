"""The measures measure what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.baseline import Figures, difference, regressions
from evaluation.measures import (
    Bin,
    calibration,
    calibration_error,
    confusions,
    macro_f1,
    rejection,
    rejection_curve,
    scores,
    standard_error,
)
from evaluation.outcomes import Outcome
from nlu.clarity import Thresholds, judge
from nlu.learning import Lesson

USUAL = Thresholds(0.5, 0.3, 2.0, 0.1, 3)
PAIRS = [("a", "a"), ("a", "b"), ("b", "b"), ("b", "b"), ("c", "a")]


def outcome(intent: str, **confidences: float) -> Outcome:
    ranking = sorted(confidences.items(), key=lambda one: -one[1])
    guesses = tuple({"name": name, "confidence": value} for name, value in ranking)
    return Outcome(Lesson("text", intent, "en"), guesses, {"name": "en", "confidence": 1.0}, judge(guesses, USUAL))


def test_precision_recall_and_f1_are_counted_by_intent() -> None:
    found = scores(PAIRS)
    assert (found["a"].precision, found["a"].recall, found["a"].f1, found["a"].count) == (0.5, 0.5, 0.5, 2)
    assert (found["b"].precision, found["b"].recall) == (2 / 3, 1.0)
    assert found["c"].f1 == 0.0
    assert macro_f1(PAIRS) == pytest.approx((0.5 + 0.8 + 0.0) / 3)
    assert confusions(PAIRS, 5) == [("a", "b", 1), ("c", "a", 1)]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1))
def test_macro_f1_is_a_share_and_one_if_all_is_right(pairs: list[tuple[str, str]]) -> None:
    assert 0 <= macro_f1(pairs) <= 1
    assert macro_f1([(wanted, wanted) for wanted, _ in pairs]) == 1
    assert standard_error([(wanted, wanted) for wanted, _ in pairs]) == 0


def test_what_is_taken_to_be_out_of_scope_or_not_understood_is_rejected() -> None:
    found = rejection([
        outcome("out_of_scope", out_of_scope=0.9, check_points=0.1),
        outcome("out_of_scope", out_of_scope=0.1, check_points=0.9),
        outcome("check_points", check_points=0.2, help=0.2),
        outcome("check_points", check_points=0.4, help=0.3),
    ])  # fmt: skip
    assert (found.outside, found.inside, found.asked) == (0.5, 0.5, 0.25)


def test_a_greater_margin_rejects_more() -> None:
    outcomes = [outcome("out_of_scope", out_of_scope=0.3, help=0.6), outcome("help", help=0.7, out_of_scope=0.2)]
    assert rejection_curve(outcomes, [1, 3, 4]) == [(1, 0, 0), (3, 1, 0), (4, 1, 1)]


def test_calibration_compares_how_sure_with_how_often_right() -> None:
    outcomes = [outcome("help", help=0.95), outcome("thank", help=0.95), outcome("help", help=0.45, thank=0.4)]
    assert calibration(outcomes) == [Bin(0.45, 1.0, 1), Bin(0.95, 0.5, 2)]
    assert calibration_error([Bin(0.45, 1.0, 1), Bin(0.95, 0.5, 2)]) == pytest.approx((0.55 + 2 * 0.45) / 3)


def figures(english: float, outside: float = 0.95, inside: float = 0.01) -> Figures:
    return Figures({"en": english}, {"en": 0.01}, outside, inside, 0.05, {"help": english})


def test_worse_than_noise_is_a_regression_and_noise_is_none() -> None:
    before = figures(0.95)
    assert list(regressions(figures(0.935), before)) == []
    (worse,) = regressions(figures(0.92), before)
    assert worse == "macro-F1 of en: 0.920 after 0.950 (noise: 0.020)"
    assert len(list(regressions(figures(0.95, outside=0.9, inside=0.05), before))) == 2


def test_the_difference_names_what_moved() -> None:
    table = difference(figures(0.93), figures(0.95))
    assert "| macro-F1 en | 0.950 | 0.930 | -0.020 |" in table
    assert "| F1 help | 0.950 | 0.930 | -0.020 |" in table
