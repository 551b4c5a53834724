"""Read mark and typing: shown when an answer takes a while, gone with it, and never in the way of one."""

import asyncio

import pytest
from aiohttp.test_utils import TestServer

from connectors.errors import Malformed, NeedsOperator
from connectors.whatsapp.graph import Graph, GraphConfig
from connectors.whatsapp.presence import AT_MOST, Presence
from simulator import StandInGraph

NUMBER = "106540352242922"


class Marks:
    """Counts marks; fails if it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.seen: list[tuple[str, str]] = []
        self.marked = asyncio.Event()
        self._error = error

    async def __call__(self, number_id: str, message_id: str) -> None:
        self.seen.append((number_id, message_id))
        self.marked.set()
        if self._error is not None:
            raise self._error


async def test_a_quick_answer_is_not_announced() -> None:
    marks = Marks()
    async with Presence(marks, slow=0.01).during(NUMBER, "wamid.1"):
        pass
    await asyncio.sleep(0.03)
    assert marks.seen == []


async def test_a_slow_answer_is_announced_until_it_is_there() -> None:
    marks, naps = Marks(), asyncio.Semaphore(2)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await naps.acquire()

    async with Presence(marks, slow=0.0, again=20.0, sleep=sleep).during(NUMBER, "wamid.1"):
        while len(marks.seen) < 3:  # noqa: ASYNC110 -- three marks are what is waited for
            await asyncio.sleep(0)
    naps.release()
    await asyncio.sleep(0.01)
    assert marks.seen == [(NUMBER, "wamid.1")] * 3
    assert pauses == [20.0] * 3


async def test_nobody_types_for_ever() -> None:
    marks = Marks()

    async def sleep(_seconds: float) -> None:
        await asyncio.sleep(0)

    async with Presence(marks, slow=0.0, sleep=sleep).during(NUMBER, "wamid.1"):
        await asyncio.sleep(0.05)
    assert len(marks.seen) == AT_MOST


@pytest.mark.parametrize("error", [Malformed("no such message"), RuntimeError("broken")])
async def test_a_mark_that_fails_harms_no_answer(error: Exception) -> None:
    marks = Marks(error)
    async with Presence(marks, slow=0.0).during(NUMBER, "wamid.1"):
        await marks.marked.wait()
        await asyncio.sleep(0)
    assert len(marks.seen) == 1


async def test_one_call_marks_as_read_and_types() -> None:
    graph = StandInGraph("token", NUMBER)
    async with TestServer(graph.application()) as server:
        url = str(server.make_url("/v24.0"))
        async with Graph(GraphConfig(url, "token")) as client:
            await client.mark(NUMBER, "wamid.1")
            await client.mark(NUMBER, "wamid.2", typing=False)
        async with Graph(GraphConfig(url, "another")) as client:
            with pytest.raises(NeedsOperator):
                await client.mark(NUMBER, "wamid.3")
    assert [(mark.wamid, mark.typing) for mark in graph.reads] == [("wamid.1", True), ("wamid.2", False)]
