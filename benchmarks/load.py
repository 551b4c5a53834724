"""The closed loop both bots live in: everybody waits for an answer before writing again."""

import asyncio
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Protocol
from uuid import uuid4

import aiohttp

from benchmarks.figures import Sample


class WrongAnswer(Exception):
    """A bot said something else than it should: its figures would mean nothing."""


class Talker(Protocol):
    """A member of either bot."""

    async def turn(self) -> float:
        """Write, wait for the answer; the seconds that took."""


class Visitor:
    """A user of the stock bot: its REST channel answers when the turn has ended."""

    def __init__(self, session: aiohttp.ClientSession, url: str, sentences: Iterator[str], expected: str) -> None:
        self._session = session
        self._url = url
        self._sentences = sentences
        self._expected = expected
        self._name = uuid4().hex

    async def turn(self) -> float:
        message = {"sender": self._name, "message": next(self._sentences)}
        began = perf_counter()
        async with self._session.post(self._url, json=message) as response:
            answers = await response.json()
        seconds = perf_counter() - began
        if [answer.get("text") for answer in answers] != [self._expected]:
            raise WrongAnswer(f"the stock bot answered {answers} to {message['message']!r}")
        return seconds


async def together(talkers: Sequence[Talker], turns: int) -> Sample:
    """Everybody at once, `turns` each."""

    async def talk(talker: Talker) -> list[float]:
        return [await talker.turn() for _ in range(turns)]

    began = perf_counter()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(talk(talker)) for talker in talkers]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    seconds = perf_counter() - began
    return Sample(tuple(latency for task in tasks for latency in task.result()), seconds)


async def one_by_one(talkers: Sequence[Talker], turns: int) -> Sample:
    """One after the other, `turns` each: nobody waits for anybody else's turn."""
    began = perf_counter()
    latencies = [await talker.turn() for talker in talkers for _ in range(turns)]
    return Sample(tuple(latencies), perf_counter() - began)
