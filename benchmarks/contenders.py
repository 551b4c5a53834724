"""Who is compared: our bot's words and taps, and the stock bot in three forms, all running at the same time, idle
while another is measured."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import aiohttp

from benchmarks import crowd, our_bot, stock_bot
from benchmarks.crowd import Crowd
from benchmarks.customers import signed
from benchmarks.load import Talker, Visitor
from benchmarks.programs import Program, free_port
from benchmarks.sentences import STOCK, endless
from benchmarks.sink import Sink

_IDLE = 3.0
"""Seconds after which a connection is not used again; Sanic closes idle ones after five."""


@dataclass
class Contender:
    """A bot and a way to use it. `talkers` makes people who never spoke to it before."""

    name: str
    talkers: Callable[[int], Awaitable[Sequence[Talker]]]
    server: Program
    actions: Program | None = None
    sink: Sink | None = None
    """Where it sends its answers, if they do not come back in the response."""
    spoken: int = field(default=0, init=False)

    @property
    def cpu(self) -> float:
        """The processor seconds of everything a turn needs."""
        return self.server.cpu + (self.actions.cpu if self.actions else 0.0)


@asynccontextmanager
async def ours(model: Path, members: int) -> AsyncIterator[list[Contender]]:
    """Our bot: typed questions, tapped questions, tapped steps of a flow."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(our_bot.database(members))
        sink = await stack.enter_async_context(Sink())
        session = await stack.enter_async_context(_session())
        settings = our_bot.environment(url, sink.url, model, free_port())
        server = await stack.enter_async_context(our_bot.chat_process(settings))
        people = Crowd(signed(session, our_bot.webhook_url(settings), settings["WHATSAPP_APP_SECRET"]), sink)

        async def write(number: int) -> Sequence[Talker]:
            return people.writers(number)

        async def tap(number: int) -> Sequence[Talker]:
            return await people.tappers(number, crowd.QUESTIONS)

        async def step(number: int) -> Sequence[Talker]:
            return await people.tappers(number, crowd.STEPS)

        yield [
            Contender("ours, words", write, server, sink=sink),
            Contender("ours, taps (questions)", tap, server, sink=sink),
            Contender("ours, taps (steps of a flow)", step, server, sink=sink),
        ]


@asynccontextmanager
async def stock(name: str, tracker: stock_bot.Tracker = "memory", *, repaired: bool = True) -> AsyncIterator[Contender]:
    """The stock bot."""
    async with stock_bot.running(tracker, repaired=repaired) as bot, _session() as session:
        numbers = count()

        async def visit(number: int) -> Sequence[Talker]:
            return [
                Visitor(session, bot.url, endless(STOCK, next(numbers) * 1_000), stock_bot.ANSWER)
                for _ in range(number)
            ]

        yield Contender(name, visit, bot.server, bot.actions)


def _session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60))
