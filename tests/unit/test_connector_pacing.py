"""The buckets: whatever is asked and whenever, they are never exceeded, and everything is sent in the end."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sending.pacing import DAY, Gate, Pace, Try, even, next_to_her, strangers_free, take_slots
from conversation.leaving.brakes import Brake, share_at
from simulator import PairLimit

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
waits = st.floats(0, 3, allow_nan=False)


@given(
    st.integers(1, 1000), st.floats(0.05, 1), st.lists(st.tuples(waits, st.integers(0, 500)), min_size=1, max_size=30)
)
def test_slots_are_never_closer_than_the_throughput_whoever_takes_them(
    rate: int, share: float, asked: list[tuple[float, int]]
) -> None:
    pace, at, slots = Pace(rate), 1000.0, []
    brake = Brake(factor=share, slowed_at=10_000.0)  # it does not recover meanwhile
    for wait, wanted in asked:
        at += wait
        taken, after = take_slots(brake, pace, wanted, at)
        assert all(at <= slot <= at + 0.11 for slot in taken)
        slots += taken
        brake = Brake(after, share, 10_000.0)
    apart = 1 / (rate * share)
    assert all(later - earlier >= apart * 0.99 for earlier, later in pairwise(slots))


@given(st.integers(1, 1000))
def test_a_queue_is_sent_at_nearly_the_full_throughput(rate: int) -> None:
    brake, sent, at = Brake(), 0, 1000.0
    for _ in range(100):
        taken, after = take_slots(brake, Pace(rate), 1000, at)
        sent, brake, at = sent + len(taken), Brake(after), at + 0.1
    assert rate * 10 * 0.97 - 1 <= sent <= rate * 10 + 1


def test_a_clock_that_was_put_back_does_not_stop_a_number() -> None:
    taken, _ = take_slots(Brake(next_at=9_999_999.0), Pace(80), 5, 1000.0)
    assert taken


@given(st.integers(1, 100), st.lists(st.floats(0, 0.4), min_size=1, max_size=300))
def test_a_gate_lets_no_more_pass_in_any_second(most: int, steps: list[float]) -> None:
    gate, at, passed = Gate(most), 0.0, []
    for step in steps:
        at += step
        wait = gate.wait(at)
        if wait == 0:
            passed.append(at)
        else:
            assert gate.wait(at + wait + 1e-6) == 0, "it says how long to wait"
            at += wait + 1e-6
            passed.append(at)
    for number, first in enumerate(passed):
        assert sum(first <= other < first + 1.0 - 1e-9 for other in passed[number:]) <= most


@pytest.mark.parametrize(("limit", "used"), [(1, 1), (20, 19), (80, 78), (1000, 980)])
def test_a_little_of_the_throughput_is_kept_back(limit: int, used: int) -> None:
    assert even(Pace(limit)) == used


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, 0.9)), min_size=1, max_size=120))
def test_whatsapp_never_says_that_one_person_got_too_much(asked: list[tuple[float, float]]) -> None:
    """Messages arrive somewhere between their claim and their answer."""
    pace, whatsapp = Pace(), PairLimit()
    now = NOW
    tries: list[Try] = []
    for wait, takes in asked:
        now = max(now, *(one.ended for one in tries), NOW) + timedelta(seconds=wait)
        now = next_to_her(tries, pace, now)
        arrived = now + timedelta(seconds=takes / 2)
        assert whatsapp.admit("her", arrived.timestamp())
        tries.append(Try(now, now + timedelta(seconds=takes)))


@given(st.lists(st.floats(0, 400), max_size=100))
def test_nobody_waits_longer_than_what_she_got_is_repaid(gaps: list[float]) -> None:
    moment = NOW
    tries: list[Try] = []
    for gap in gaps:
        moment = next_to_her(tries, Pace(), moment + timedelta(seconds=gap))
        tries.append(Try(moment, moment))
    assert next_to_her(tries, Pace(), moment) <= moment + timedelta(seconds=45 * 6)


def test_a_burst_of_twenty_is_followed_by_two_minutes_of_silence() -> None:
    tries = [Try(NOW + timedelta(seconds=number / 5), NOW + timedelta(seconds=number / 5)) for number in range(20)]
    assert next_to_her(tries, Pace(), NOW + timedelta(seconds=7)) == NOW + timedelta(seconds=120)


@given(st.lists(st.floats(0, 86_000), max_size=30), st.integers(0, 20))
def test_strangers_are_never_more_than_the_limit(ages: list[float], limit: int) -> None:
    last = [NOW - timedelta(seconds=age) for age in ages]
    free, moment = strangers_free(last, Pace(portfolio=limit), NOW)
    assert free == max(0, limit - len(last))
    if not free and limit:
        assert NOW < moment <= NOW + DAY
        assert sum(one + DAY > moment for one in last) < limit
    assert strangers_free(last, Pace(portfolio=None), NOW)[0] > 1000


def test_a_number_that_was_slowed_down_takes_two_minutes_to_be_as_fast_as_before() -> None:
    assert share_at(0.5, 1000.0, 1000.0) == 0.5
    assert 0.74 < share_at(0.5, 1000.0, 1030.0) < 0.76
    assert share_at(0.05, 1000.0, 1120.0) == 1.0
