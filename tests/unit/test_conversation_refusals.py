"""What becomes of a message that was refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.leaving.refusals import RULES, Do, Refusal, Verdict, decide, without_media

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
TEXT: dict[str, Any] = {"style": "text", "text": "hi"}
PHOTO: dict[str, Any] = {**TEXT, "image": "https://x/y.png"}
TEMPLATE: dict[str, Any] = {"style": "template", "template": {"name": "news"}}


def verdict(do: Do, attempts: int = 1, *, message: dict[str, Any] = TEXT, fallback: dict[str, Any] | None = None,
            dice: float = 1.0) -> Verdict:  # fmt: skip
    refusal = Refusal(do, 1, "no")
    return decide(refusal, attempts=attempts, message=message, fallback=fallback, now=NOW, dice=lambda: dice)


def wait(found: Verdict) -> float:
    assert found.again is not None
    return (found.again - NOW).total_seconds()


@given(st.integers(1, 9), st.floats(0, 1))
def test_a_slow_number_waits_anything_up_to_twice_as_long_each_time(attempts: int, dice: float) -> None:
    assert wait(verdict(Do.SLOW_DOWN, attempts, dice=dice)) == pytest.approx(2.0**attempts * dice, abs=1e-5)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 1), (2, 4), (3, 16), (4, 64), (5, 256), (6, 900), (7, 900)])
def test_one_person_who_got_too_much_is_left_alone_for_4_to_the_x_seconds(attempts: int, seconds: float) -> None:
    assert wait(verdict(Do.WAIT_FOR_HER, attempts, dice=0.1)) == seconds


@pytest.mark.parametrize(
    ("do", "seconds"), [(Do.TRY_IN_MINUTES, 600), (Do.TRY_TOMORROW, 86_400), (Do.PAUSE_NUMBER, 300)]
)
def test_some_wait_for_a_time_of_their_own(do: Do, seconds: float) -> None:
    assert wait(verdict(do, dice=0.1)) == seconds


@given(st.sampled_from(sorted(RULES)), st.integers(1, 10_000), st.floats(0, 1))
def test_at_some_point_it_is_enough_and_no_wait_is_longer_than_a_day(do: Do, attempts: int, dice: float) -> None:
    found = verdict(do, attempts, dice=dice)
    assert found.state == ("waiting" if attempts < RULES[do].tries else "failed")
    assert found.again is None or NOW <= found.again <= NOW + timedelta(days=1)


@pytest.mark.parametrize("do", [Do.MARK_UNREACHABLE, Do.END_MARKETING, Do.ASK_HER, Do.ASK_IN_CHAT, Do.FIX])
def test_what_would_be_refused_again_is_never_tried_again(do: Do) -> None:
    assert verdict(do) == Verdict("failed")


def test_outside_the_window_the_template_goes_or_nothing() -> None:
    assert verdict(Do.USE_TEMPLATE) == Verdict("withheld")
    assert verdict(Do.USE_TEMPLATE, fallback=TEMPLATE) == Verdict("waiting", NOW, TEMPLATE, is_fallback=True)


def test_what_cannot_be_loaded_is_left_out_after_a_few_tries() -> None:
    assert verdict(Do.TRY_FEW_TIMES, 2, message=PHOTO).message is None
    assert verdict(Do.TRY_FEW_TIMES, 3, message=PHOTO) == Verdict("waiting", NOW, TEXT)
    assert verdict(Do.TRY_FEW_TIMES, 4, message=TEXT) == Verdict("failed")
    assert without_media({"image": "x", "text": ""}) is None


def test_what_may_have_been_sent_is_left_alone() -> None:
    assert verdict(Do.LEAVE) == Verdict("unsure")
