"""Webhooks as fast as one process can post them: requests made beforehand, connections kept, answers barely read."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from time import perf_counter
from typing import Self

from benchmarks.figures import Sample
from benchmarks.load import WrongAnswer
from simulator import sign
from tests.crash.chat_process import HOST, PATH, SECRET


def request(body: bytes) -> bytes:
    """A signed webhook as it goes over the wire."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
    head += f"X-Hub-Signature-256: {sign(SECRET, body)}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@dataclass
class Line:
    """One connection; a request at a time. Use as an async context manager."""

    port: int
    _reader: asyncio.StreamReader | None = field(default=None, init=False)
    _writer: asyncio.StreamWriter | None = field(default=None, init=False)

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(HOST, self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._writer is not None
        self._writer.close()

    async def post(self, told: bytes) -> float:
        """The seconds until it is acknowledged."""
        assert self._reader is not None
        assert self._writer is not None
        began = perf_counter()
        self._writer.write(told)
        head = await self._reader.readuntil(b"\r\n\r\n")
        seconds = perf_counter() - began
        if not head.startswith(b"HTTP/1.1 200"):
            raise WrongAnswer(f"the webhook answered {head[9:12].decode()}")
        return seconds


async def as_fast_as_possible(port: int, requests: Sequence[bytes], lines: int) -> Sample:
    """All of them, over so many connections, each waiting for its answer before it posts again."""
    left = iter(requests)

    async def talk(line: Line, left: Iterator[bytes]) -> list[float]:
        async with line:
            return [await line.post(told) for told in left]

    began = perf_counter()
    found = await asyncio.gather(*(talk(Line(port), left) for _ in range(lines)))
    return Sample(tuple(latency for latencies in found for latency in latencies), perf_counter() - began)


async def at_a_rate(port: int, requests: Sequence[bytes], per_second: float, lines: int) -> Sample:
    """Each at its moment, whether the ones before were answered or not. Waiting for a connection makes one late."""
    async with AsyncExitStack() as stack:
        free: asyncio.Queue[Line] = asyncio.Queue()
        for _ in range(lines):
            free.put_nowait(await stack.enter_async_context(Line(port)))

        async def post(told: bytes, due: float) -> float:
            line = await free.get()
            await line.post(told)
            free.put_nowait(line)
            return perf_counter() - due

        began = perf_counter()
        tasks = []
        for number, told in enumerate(requests):
            due = began + number / per_second
            if (wait := due - perf_counter()) > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(post(told, due)))
        latencies = await asyncio.gather(*tasks)
        return Sample(tuple(latencies), perf_counter() - began)
