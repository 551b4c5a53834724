"""Whose turn it is. The loop skips every wait, so minutes pass in milliseconds."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conversation.arriving.inbox import Waiting
from conversation.arriving.incoming import Incoming, Sender, Text
from conversation.errors import NotYet
from conversation.turning.dispatcher import BACKOFF, PARALLEL, STEADY, SWEEP, TRIES, Dispatcher
from loyalty.clock import FixedClock
from loyalty.errors import StoreUnavailable
from tests.unit.helpers_hypothesis import patiently
from tests.unit.helpers_quick_loop import run_quickly

Run = Callable[[Incoming], Awaitable[None]]
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
A_MOMENT = 1.0
A_SWEEP = SWEEP.total_seconds()


def message(id_: str, contact: str = "393331234567") -> Incoming:
    return Incoming(id_, "1", Sender(contact, None), NOW, Text("Ciao"))


class FakeInbox:
    """A backlog: the first answer to what waits is for the start, then comes one for each sweep."""

    def __init__(self, *answers: Sequence[Incoming] | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.begun: dict[str, int] = {}
        self.failed: list[str] = []
        self.away = False

    async def waiting(self, before: datetime | None = None) -> list[Waiting]:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else []
        if isinstance(answer, Exception):
            raise answer
        return [Waiting(incoming, self.begun.get(incoming.message_id, 0)) for incoming in answer]

    async def begin(self, incoming: Incoming) -> int:
        if self.away:
            raise StoreUnavailable("gone")
        self.begun[incoming.message_id] = self.begun.get(incoming.message_id, 0) + 1
        return self.begun[incoming.message_id]

    async def calm(self, incoming: Incoming) -> None:
        self.begun[incoming.message_id] -= 1

    async def fail(self, incoming: Incoming, error: str) -> None:
        if self.away:
            raise StoreUnavailable("gone")
        self.failed.append(incoming.message_id)


class Journal:
    """What was run and what was set aside, in order."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.ended: list[str] = []
        self.aside: list[tuple[str, str]] = []
        self.times: list[float] = []
        self.running = 0
        self.most = 0

    def running_as(self, turn: Run) -> Run:
        async def run(incoming: Incoming) -> None:
            self.began.append(incoming.message_id)
            self.times.append(asyncio.get_running_loop().time())
            self.running += 1
            self.most = max(self.most, self.running)
            try:
                await turn(incoming)
            finally:
                self.running -= 1
            self.ended.append(incoming.message_id)

        return run

    async def set_aside(self, incoming: Incoming, error: str) -> None:
        self.aside.append((incoming.message_id, error))


async def quickly(_incoming: Incoming) -> None:
    await asyncio.sleep(0.01)


def failing(error: Exception, *, times: int = 1000) -> Run:
    """A turn that fails so often for each message and then succeeds."""
    left: dict[str, int] = defaultdict(lambda: times)

    async def turn(incoming: Incoming) -> None:
        left[incoming.message_id] -= 1
        if left[incoming.message_id] >= 0:
            raise type(error)(*error.args)

    return turn


def dispatcher(journal: Journal, turn: Run = quickly, store: FakeInbox | None = None, aside: Any = None) -> Dispatcher:
    return Dispatcher(store or FakeInbox(), journal.running_as(turn), aside or journal.set_aside, FixedClock(NOW))


# ---- order


def test_messages_of_one_person_are_answered_one_after_the_other() -> None:
    async def scenario() -> None:
        journal = Journal()
        work = dispatcher(journal)
        work.submit([message("1"), message("2")])
        work.submit([message("3")])
        await asyncio.sleep(A_MOMENT)
        assert journal.ended == ["1", "2", "3"]
        assert journal.most == 1
        work.submit([message("4")])
        await asyncio.sleep(A_MOMENT)
        assert journal.ended == ["1", "2", "3", "4"]
        await work.close()

    run_quickly(scenario())


def test_several_people_are_answered_side_by_side_up_to_a_limit() -> None:
    async def scenario() -> None:
        journal = Journal()
        work = dispatcher(journal)
        work.submit([message(str(number), contact=f"39{number}") for number in range(PARALLEL + 10)])
        await asyncio.sleep(A_MOMENT)
        assert journal.most == PARALLEL
        assert len(journal.ended) == PARALLEL + 10
        await work.close()

    run_quickly(scenario())


def test_somebody_whose_turn_takes_long_holds_up_nobody_else() -> None:
    async def scenario() -> None:
        journal, gate = Journal(), asyncio.Event()

        async def turn(incoming: Incoming) -> None:
            if incoming.sender.key == "slow":
                await gate.wait()

        work = dispatcher(journal, turn)
        work.submit([message("slow", contact="slow"), message("slow too", contact="slow"), message("quick")])
        await asyncio.sleep(A_MOMENT)
        assert journal.ended == ["quick"]
        gate.set()
        await asyncio.sleep(A_MOMENT)
        assert journal.ended == ["quick", "slow", "slow too"]
        await work.close()

    run_quickly(scenario())


@patiently(20)
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from([0.0, 0.3, 2.0]), st.booleans()), max_size=25),
    st.integers(1, 5),
)
def test_whatever_comes_in_each_person_is_answered_once_and_in_order(
    told: list[tuple[str, float, bool]], size: int
) -> None:
    async def scenario() -> None:
        journal = Journal()
        takes = {str(number): (seconds, fails) for number, (_, seconds, fails) in enumerate(told)}
        tried: set[str] = set()

        async def turn(incoming: Incoming) -> None:
            seconds, fails = takes[incoming.message_id]
            await asyncio.sleep(seconds)
            if fails and incoming.message_id not in tried:
                tried.add(incoming.message_id)
                raise RuntimeError("once")

        work = dispatcher(journal, turn)
        incoming = [message(str(number), contact=contact) for number, (contact, _, _) in enumerate(told)]
        for first in range(0, len(incoming), size):
            work.submit(incoming[first : first + size])
            await asyncio.sleep(0.5)
        await asyncio.sleep(1000)
        assert sorted(journal.ended) == sorted(takes)
        assert journal.aside == []
        for contact in "abcd":
            own = [each.message_id for each in incoming if each.sender.key == contact]
            assert [id_ for id_ in journal.ended if id_ in own] == own
        await work.close()

    run_quickly(scenario())


# ---- failures


def test_a_turn_that_fails_is_tried_again_a_little_later_each_time() -> None:
    async def scenario() -> None:
        journal = Journal()
        work = dispatcher(journal, failing(RuntimeError("boom"), times=TRIES - 1))
        work.submit([message("1")])
        await asyncio.sleep(60)
        assert journal.began == ["1"] * TRIES
        assert journal.ended == ["1"]
        assert journal.aside == []
        waits = [later - sooner for sooner, later in zip(journal.times, journal.times[1:], strict=False)]
        assert waits[0] >= BACKOFF
        assert waits[1] >= BACKOFF * 4
        await work.close()

    run_quickly(scenario())


def test_a_turn_that_always_fails_is_set_aside_and_the_next_one_comes() -> None:
    async def scenario() -> None:
        journal = Journal()

        async def turn(incoming: Incoming) -> None:
            if incoming.message_id == "bad":
                raise KeyError("boom")

        work = dispatcher(journal, turn)
        work.submit([message("bad"), message("good")])
        await asyncio.sleep(60)
        assert journal.began == ["bad"] * TRIES + ["good"]
        assert journal.aside == [("bad", "KeyError: 'boom'")]
        assert journal.ended == ["good"]
        await work.close()

    run_quickly(scenario())


def test_even_setting_aside_may_fail() -> None:
    async def scenario() -> None:
        journal = Journal()

        async def set_aside(_incoming: Incoming, _error: str) -> None:
            raise StoreUnavailable("gone")

        async def turn(incoming: Incoming) -> None:
            if incoming.message_id.startswith("bad"):
                raise RuntimeError("boom")

        work = dispatcher(journal, turn, aside=set_aside)
        work.submit([message("bad 1"), message("good 1"), message("bad 2", contact="other")])
        await asyncio.sleep(60)
        work.submit([message("good 2", contact="other")])
        await asyncio.sleep(60)
        assert journal.ended == ["good 1", "good 2"]
        await work.close()

    run_quickly(scenario())


def test_a_store_that_is_away_sets_nothing_aside() -> None:
    async def scenario() -> None:
        journal = Journal()
        work = dispatcher(journal, failing(StoreUnavailable("gone"), times=TRIES))
        work.submit([message("1"), message("2")])
        await asyncio.sleep(60)
        assert journal.began == ["1"] * TRIES + ["2"] * TRIES
        assert journal.aside == []
        await work.close()

    run_quickly(scenario())


def test_a_message_that_has_to_wait_for_an_older_one_is_left_to_the_sweeper() -> None:
    async def scenario() -> None:
        journal = Journal()
        store = FakeInbox([], [message("1")])
        work = dispatcher(journal, failing(NotYet(), times=1), store)
        await work.start()
        work.submit([message("1")])
        await asyncio.sleep(A_MOMENT)
        assert (journal.began, journal.ended, journal.aside) == (["1"], [], [])
        await asyncio.sleep(A_SWEEP + A_MOMENT)
        assert (journal.began, journal.ended, journal.aside) == (["1", "1"], ["1"], [])
        await work.close()

    run_quickly(scenario())


# ---- what others left


def test_what_an_earlier_process_left_is_taken_up_at_the_start() -> None:
    async def scenario() -> None:
        journal = Journal()
        work = dispatcher(journal, store=FakeInbox([message("1"), message("2")]))
        await work.start()
        await asyncio.sleep(A_MOMENT)
        assert journal.ended == ["1", "2"]
        await work.close()

    run_quickly(scenario())


def test_the_sweeper_leaves_alone_what_is_queued_here() -> None:
    async def scenario() -> None:
        journal, gate = Journal(), asyncio.Event()

        async def turn(_incoming: Incoming) -> None:
            await gate.wait()

        mine = [message("1"), message("2"), message("3", contact="other")]
        store = FakeInbox([], mine, [*mine, message("4")])
        work = dispatcher(journal, turn, store)
        await work.start()
        work.submit(mine)
        await asyncio.sleep(2 * A_SWEEP + A_MOMENT)
        assert store.asked == 3
        gate.set()
        await asyncio.sleep(A_MOMENT)
        assert sorted(journal.began) == ["1", "2", "3", "4"]
        await work.close()

    run_quickly(scenario())


def test_the_sweeper_goes_on_whatever_happens_to_it() -> None:
    async def scenario() -> None:
        journal = Journal()
        store = FakeInbox([], StoreUnavailable("gone"), KeyError("an old row"), [message("1")])
        work = dispatcher(journal, store=store)
        await work.start()
        await asyncio.sleep(3 * A_SWEEP + A_MOMENT)
        assert journal.ended == ["1"]
        await work.close()

    run_quickly(scenario())


# ---- messages that end the process that tries to answer them


def test_a_message_that_was_left_behind_counts_its_tries_before_they_begin() -> None:
    async def scenario() -> None:
        journal, store = Journal(), FakeInbox([message("1")])

        async def turn(incoming: Incoming) -> None:
            assert store.begun == {incoming.message_id: 1}

        work = dispatcher(journal, turn, store)
        await work.start()
        work.submit([message("fresh", contact="other")])
        await asyncio.sleep(A_MOMENT)
        assert journal.ended == ["1"]
        assert store.begun == {"1": 1}, "what just came in costs nothing more"
        await work.close()

    run_quickly(scenario())


def test_a_message_that_ended_three_processes_is_set_aside_and_the_next_one_comes() -> None:
    async def scenario() -> None:
        journal, store = Journal(), FakeInbox([message("deadly"), message("good")])
        store.begun["deadly"] = TRIES
        work = dispatcher(journal, store=store)
        await work.start()
        await asyncio.sleep(A_MOMENT)
        assert journal.ended == ["good"]
        assert [id_ for id_, _ in journal.aside] == ["deadly"]
        await work.close()

    run_quickly(scenario())


def test_a_message_that_two_processes_had_begun_is_tried_when_the_third_has_lived_a_while() -> None:
    async def scenario() -> None:
        journal, store = Journal(), FakeInbox([message("suspect"), message("good", contact="other")])
        store.begun["suspect"] = 2
        work = dispatcher(journal, store=store)
        began = asyncio.get_running_loop().time()
        await work.start()
        await asyncio.sleep(STEADY - A_MOMENT)
        assert journal.ended == ["good"]
        assert store.begun["suspect"] == 2, "should the process end now, it is not to blame"
        await asyncio.sleep(2 * A_MOMENT)
        assert journal.ended == ["good", "suspect"]
        assert journal.times[-1] - began >= STEADY
        await work.close()

    run_quickly(scenario())


def test_closing_does_not_wait_for_a_message_under_suspicion() -> None:
    async def scenario() -> None:
        journal, store = Journal(), FakeInbox([message("suspect")])
        store.begun["suspect"] = 2
        work = dispatcher(journal, store=store)
        await work.start()
        await asyncio.sleep(0.01)
        began = asyncio.get_running_loop().time()
        await work.close()
        assert asyncio.get_running_loop().time() - began < STEADY / 2
        assert journal.began == []

    run_quickly(scenario())


def test_messages_under_suspicion_are_tried_one_at_a_time_beside_all_others() -> None:
    async def scenario() -> None:
        journal = Journal()
        suspects = [message(f"suspect {number}", contact=f"39{number}") for number in range(5)]
        others = [message(f"other {number}", contact=f"44{number}") for number in range(5)]
        store = FakeInbox([*suspects, *others])
        store.begun |= {suspect.message_id: 1 for suspect in suspects}
        together: list[int] = []
        running: set[str] = set()

        async def turn(incoming: Incoming) -> None:
            running.add(incoming.message_id)
            together.append(sum(id_.startswith("suspect") for id_ in running))
            await asyncio.sleep(0.01)
            running.discard(incoming.message_id)

        work = dispatcher(journal, turn, store)
        await work.start()
        await asyncio.sleep(A_MOMENT)
        assert len(journal.ended) == 10
        assert max(together) == 1
        assert journal.most > 2
        await work.close()

    run_quickly(scenario())


def test_whoever_has_to_wait_for_an_older_message_or_the_store_is_not_blamed() -> None:
    async def scenario() -> None:
        journal = Journal()
        store = FakeInbox([message("1"), message("2", contact="other")])

        async def turn(incoming: Incoming) -> None:
            raise NotYet if incoming.message_id == "1" else StoreUnavailable("gone")

        work = dispatcher(journal, turn, store)
        await work.start()
        await asyncio.sleep(60)
        assert store.begun == {"1": 0, "2": 0}
        assert journal.aside == []
        await work.close()

    run_quickly(scenario())


def test_a_message_for_which_no_apology_can_be_made_is_set_aside_all_the_same() -> None:
    async def scenario() -> None:
        journal, store = Journal(), FakeInbox()

        async def set_aside(_incoming: Incoming, _error: str) -> None:
            raise KeyError("no programme has this number")

        work = dispatcher(journal, failing(RuntimeError("boom")), store, set_aside)
        work.submit([message("bad")])
        await asyncio.sleep(60)
        assert store.failed == ["bad"]
        await work.close()

    run_quickly(scenario())


# ---- the end


def test_closing_ends_the_turns_under_way_and_leaves_the_rest_in_the_inbox() -> None:
    async def scenario() -> None:
        journal = Journal()
        work = dispatcher(journal)
        work.submit([message("1"), message("2"), message("3", contact="other")])
        await asyncio.sleep(0)
        await work.close()
        assert sorted(journal.ended) == ["1", "3"]
        work.submit([message("4")])
        await asyncio.sleep(A_MOMENT)
        assert sorted(journal.began) == ["1", "3"]

    run_quickly(scenario())


def test_closing_does_not_wait_for_ever() -> None:
    async def scenario() -> None:
        journal = Journal()
        cancelled: list[str] = []

        async def turn(incoming: Incoming) -> None:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.append(incoming.message_id)
                raise

        work = dispatcher(journal, turn)
        work.submit([message("1"), message("2")])
        await asyncio.sleep(A_MOMENT)
        began = asyncio.get_running_loop().time()
        await work.close(within=5.0)
        assert 5.0 <= asyncio.get_running_loop().time() - began < 60.0
        assert cancelled == ["1"]
        assert (journal.began, journal.ended, journal.aside) == (["1"], [], [])

    run_quickly(scenario())


def test_closing_ends_the_sweeper() -> None:
    async def scenario() -> None:
        store = FakeInbox()
        work = dispatcher(Journal(), store=store)
        await work.start()
        await work.close()
        await asyncio.sleep(10 * A_SWEEP)
        assert store.asked == 1
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_quickly(scenario())
