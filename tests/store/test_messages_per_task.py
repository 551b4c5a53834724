"""How many messages a task takes: each that is sent is billed, so there is a limit for each."""

from pathlib import Path

from benchmarks.flows import PAGE, counted, table
from loyalty.clock import FixedClock
from loyalty.store import open_store
from tests.tasks import TASKS


async def test_no_task_takes_more_messages_than_it_may_and_the_page_says_how_many(
    sqlite_database: str, clock: FixedClock
) -> None:
    store = open_store(sqlite_database)
    try:
        efforts = await counted(store, clock)
    finally:
        await store.close()
    too_many = {task.name: efforts[task.name] for task in TASKS if not 0 < efforts[task.name].messages <= task.most}
    assert not too_many
    page = (Path(__file__).parents[2] / PAGE).read_text("utf-8")
    assert table(efforts) in page, "make it anew with python -m benchmarks.flows"
