"""Sure, ask or reject: where one ends and the next begins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.clarity import NOT_UNDERSTOOD, OUT_OF_SCOPE, Thresholds, Verdict, judge
from nlu.weights import Guess

USUAL = Thresholds(sure=0.5, ask=0.3, margin=2.0, worth=0.1, most=3)
INTENTS = ["check_points", "points_history", "help", "thank", OUT_OF_SCOPE]


def ranked(**confidences: float) -> list[Guess]:
    found = [{"name": name, "confidence": value} for name, value in confidences.items()]
    return sorted(found, key=lambda guess: -guess["confidence"])


def test_what_is_likely_enough_is_taken() -> None:
    clear = judge(ranked(check_points=0.8, points_history=0.15, out_of_scope=0.05), USUAL)
    assert (clear.verdict, clear.intent, clear.alternatives) == (Verdict.SURE, "check_points", ())


def test_between_two_intents_she_is_asked() -> None:
    clear = judge(ranked(check_points=0.45, points_history=0.4, help=0.05, out_of_scope=0.1), USUAL)
    assert (clear.verdict, clear.intent) == (Verdict.ASK, "check_points")
    assert clear.alternatives == ("check_points", "points_history")


def test_what_is_probably_not_about_us_is_out_of_scope_but_may_be_asked_about() -> None:
    clear = judge(ranked(out_of_scope=0.6, check_points=0.35), USUAL)
    assert (clear.verdict, clear.intent, clear.alternatives) == (Verdict.ASK, OUT_OF_SCOPE, ("check_points",))
    clear = judge(ranked(out_of_scope=0.9, check_points=0.05), USUAL)
    assert (clear.verdict, clear.intent) == (Verdict.REJECT, OUT_OF_SCOPE)


def test_what_may_be_anything_is_not_understood() -> None:
    clear = judge(ranked(check_points=0.2, help=0.2, out_of_scope=0.05), USUAL)
    assert (clear.verdict, clear.intent) == (Verdict.REJECT, NOT_UNDERSTOOD)
    assert judge([], USUAL).intent == NOT_UNDERSTOOD


@given(st.lists(st.floats(0.001, 1), min_size=5, max_size=5), st.floats(0.01, 20), st.floats(0, 1), st.floats(0, 1))
def test_a_verdict_keeps_to_its_thresholds(odds: list[float], margin: float, one: float, other: float) -> None:
    ranking = ranked(**{name: value / sum(odds) for name, value in zip(INTENTS, odds, strict=True)})
    thresholds = Thresholds(max(one, other), min(one, other), margin, 0.1, 3)
    clear = judge(ranking, thresholds)
    best = max(guess["confidence"] for guess in ranking if guess["name"] != OUT_OF_SCOPE)
    if clear.verdict is Verdict.SURE:
        assert best >= thresholds.sure
        assert clear.intent not in {OUT_OF_SCOPE, NOT_UNDERSTOOD}
    assert (clear.verdict is Verdict.REJECT) <= (clear.intent in {OUT_OF_SCOPE, NOT_UNDERSTOOD})
    assert OUT_OF_SCOPE not in clear.alternatives
    assert len(clear.alternatives) <= thresholds.most
    assert (clear.verdict is Verdict.ASK) or not clear.alternatives


@pytest.mark.parametrize("wrong", [{"sure": 0.2}, {"margin": 0}, {"most": 0}, {"sure": 1.2}])
def test_thresholds_that_contradict_one_another_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"config\.yml"):
        Thresholds.read({"sure": 0.5, "ask": 0.3, "margin": 2.0, "worth": 0.1, "most": 3, **wrong})
