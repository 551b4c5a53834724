"""When a refused message is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.errors import (
    Malformed,
    NeedsOperator,
    OutsideWindow,
    PairLimited,
    Retryable,
    SendError,
    Unreachable,
)
from connectors.sending.sender import LONGEST_WAIT, OPERATOR_PAUSE, TRIES, retry_at

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
SAMPLES = 200


def wait(error: SendError, attempts: int) -> float:
    """Seconds until the next try."""
    at = retry_at(error, attempts, NOW)
    assert at is not None
    return (at - NOW).total_seconds()


@pytest.mark.parametrize("attempts", range(1, TRIES))
def test_a_retry_waits_twice_as_long_each_time_and_never_all_at_once(attempts: int) -> None:
    waits = [wait(Retryable("x"), attempts) for _ in range(SAMPLES)]
    longest = 2.0 ** (attempts - 1)
    assert all(longest / 2 <= each <= longest for each in waits)
    assert max(waits) - min(waits) > longest / 8, "the waits are spread"


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 1), (2, 4), (3, 16), (4, 64), (5, 256), (6, 900), (7, 900)])
def test_one_person_who_got_too_much_is_left_alone_for_4_to_the_x_seconds(attempts: int, seconds: float) -> None:
    assert wait(PairLimited("x"), attempts) == seconds


def test_no_wait_is_longer_than_the_longest() -> None:
    for attempts in range(1, TRIES):
        assert wait(Retryable("x"), attempts) <= LONGEST_WAIT.total_seconds()
        assert wait(PairLimited("x"), attempts) <= LONGEST_WAIT.total_seconds()
    assert timedelta(minutes=1) < LONGEST_WAIT < timedelta(hours=1)


@pytest.mark.parametrize("attempts", range(1, TRIES))
def test_what_an_operator_has_to_see_to_waits_for_her(attempts: int) -> None:
    assert retry_at(NeedsOperator("x"), attempts, NOW) == NOW + OPERATOR_PAUSE


@pytest.mark.parametrize("kind", [Retryable, PairLimited, NeedsOperator])
@pytest.mark.parametrize("attempts", [TRIES, TRIES + 1, 10_000])
def test_at_some_point_it_is_enough(kind: type[SendError], attempts: int) -> None:
    assert retry_at(kind("x"), attempts, NOW) is None


@pytest.mark.parametrize("kind", [Malformed, Unreachable, OutsideWindow, SendError])
@pytest.mark.parametrize("attempts", [1, TRIES - 1, TRIES])
def test_what_would_be_refused_again_is_never_tried_again(kind: type[SendError], attempts: int) -> None:
    assert retry_at(kind("x"), attempts, NOW) is None
