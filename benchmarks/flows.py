"""What flows cost: `python -m benchmarks.flows` writes docs/flows/figures.md.

Messages, taps and words for each task (exact, checked by a test), and how long a step takes: in the machine alone, and
through the whole stack without network and model (measured, and different on every machine).
"""

import asyncio
import logging
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

import structlog

from flows.model import Event, Saved
from flows.quiz import Asked, Quiz, QuizFact, QuizFacts
from flows.redemption import Redemption, RedemptionFacts, RewardFact
from loyalty.clock import FixedClock
from loyalty.revisions import ensure_programme
from loyalty.store import Store, open_store
from loyalty.store.schema import upgrade
from tests.tasks import TASKS, Effort, Player, play, programme

PAGE = Path("docs/flows/figures.md")
ROUNDS, SPINS = 2000, 200
BEGIN = datetime(2026, 11, 21, 10, tzinfo=UTC)


async def counted(store: Store, clock: FixedClock) -> Mapping[str, Effort]:
    """What each task takes, each played by a customer of her own in a store with empty tables."""
    rules = programme()
    await store.write(lambda session: ensure_programme(session, rules, now=clock.now()))
    return {task.name: await play(task, store, clock, rules, number) for number, task in enumerate(TASKS)}


def table(efforts: Mapping[str, Effort]) -> str:
    """The table of tasks, in Markdown."""
    rows = ["| task | messages sent | at most | taps | words typed | pictures |", "|---|--:|--:|--:|--:|--:|"]
    for task in TASKS:
        took = efforts[task.name]
        rows.append(
            f"| {task.name} | {took.messages} | {task.most} | {took.taps} | {took.words} | {took.pictures or ''} |"
        )
    return "\n".join(rows)


def pure() -> Mapping[str, float]:
    """Microseconds of a step in the machine alone: the median of many."""
    rewards = tuple(RewardFact(f"r{number}", f"Reward {number}", None, 10 * number) for number in range(1, 11))
    facts = RedemptionFacts(1000, rewards)
    redemption = Redemption()
    begun = redemption.start("run", facts, {}).saved
    assert begun is not None
    quiz = Quiz()
    asked = QuizFacts((QuizFact("q", "Quiz", 10, 20),), Asked(3, 10, "Which?", ("One", "Two", "Three")))
    asking = Saved("quiz", 1, "run", 3, "asking", {"quiz": "q", "attempt": "a"})
    pick, answer = Event("pick", {"reward": "r3"}), Event("answer", {"question": 3, "answer": 1})
    return {
        "choosing a reward of ten": _microseconds(lambda: redemption.on(begun, pick, facts)),
        "an answer in a quiz": _microseconds(lambda: quiz.on(asking, answer, asked)),
        "the same question again": _microseconds(lambda: quiz.again(asking, asked)),
    }


def _microseconds(step: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        begin = perf_counter()
        step()
        times.append(perf_counter() - begin)
    return median(times) * 1e6


async def whole(store: Store, clock: FixedClock) -> Mapping[str, float]:
    """Milliseconds of a step through inbox, turn, ledger and outbox, on SQLite: the median of many."""
    rules, times = programme(), dict[str, list[float]]()

    async def timed(what: str, step: Callable[[], object]) -> None:
        begin = perf_counter()
        await step()  # type: ignore[misc]  # any awaitable
        times.setdefault(what, []).append(perf_counter() - begin)

    for number in range(SPINS // 10):

        async def quiz(anna: Player) -> None:
            await timed("a question: the balance", lambda: anna.types("points?"))
            await timed("the list of rewards", lambda: anna.types("rewards"))
            await timed("choosing one", lambda: anna.taps("Espresso"))
            await timed("confirming it: points, voucher, picture", lambda: anna.taps("Yes, please"))
            await timed("beginning a quiz", lambda: anna.types("play"))
            for _ in range(9):
                await timed("an answer in a quiz", anna.takes_first)
            await timed("the last answer: score, points, streak", anna.takes_first)

        one = TASKS[0].playing(quiz)
        await play(one, store, clock, rules, 1000 + number)
        clock.forward(timedelta(minutes=1))
    return {what: median(took) * 1000 for what, took in times.items()}


def page(efforts: Mapping[str, Effort], steps: Mapping[str, float], turns: Mapping[str, float]) -> str:
    """The whole page."""
    lines = [
        "# Figures", "", "Written by `python -m benchmarks.flows`; do not edit by hand.", "",
        "## Messages per task", "",
        "WhatsApp bills messages that are sent. Each task is played on a real store, from the first word to the end,",
        "in as few steps as it takes; a test plays them again and compares this table.", "",
        table(efforts), "",
        "## Time per step", "",
        "In the machine alone: the state, an event and the facts in, the next state and what is said out (median).", "",
        "| step | µs |", "|---|--:|", *(f"| {name} | {took:.0f} |" for name, took in steps.items()), "",
        "Through the whole stack, from the inbox to the outbox, on SQLite, without network and without the model's",
        "understanding of words (median; one customer at a time, on a machine with two shared cores).", "",
        "| step | ms |", "|---|--:|", *(f"| {name} | {took:.1f} |" for name, took in turns.items()), "",
    ]  # fmt: skip
    return "\n".join(lines)


async def measured() -> str:
    """Everything, as a page."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/flows.db"
        await asyncio.to_thread(upgrade, url)
        store, clock = open_store(url), FixedClock(BEGIN)
        try:
            efforts = await counted(store, clock)
            return page(efforts, pure(), await whole(store, clock))
        finally:
            await store.close()


def main() -> None:
    """The command line."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    PAGE.write_text(asyncio.run(measured()), "utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
