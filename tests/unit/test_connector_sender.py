"""The sender at work: what it sends, in what order, and how it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import pytest
from sqlalchemy import select, update

from connectors.errors import MaybeSent, NeedsOperator, Retryable, SendError
from connectors.sending.pacing import Pace
from connectors.sending.sender import Sender
from conversation.leaving.outbox import Due
from conversation.leaving.refusals import Do
from conversation.messages.layout import WHATSAPP, Limits
from conversation.tables import OutboxRow
from loyalty.clock import FixedClock
from loyalty.errors import StoreUnavailable
from loyalty.programme import Programme
from loyalty.store import Store, open_store
from tests.store.helpers import Shop
from tests.store.sending import QUICK, Post, text


class Provider:
    """Takes what it is given, unless it is told to do something else first."""

    name = "made up"

    def __init__(self) -> None:
        self.got: list[int] = []
        self.errors: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.busy = self.busiest = 0

    @property
    def limits(self) -> Limits:
        return WHATSAPP

    def judge(self, code: int | None) -> Do:
        return Do.FIX

    async def send(self, due: Due) -> str:
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            await self.gate.wait()
            self.got.append(due.id)
            if self.errors:
                raise self.errors.pop(0)
            return f"wamid.{due.id}.{due.attempts}"
        finally:
            self.busy -= 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


@pytest.fixture
async def post(sqlite_database: str, cafe: Programme, clock: FixedClock) -> AsyncIterator[Post]:
    store = open_store(sqlite_database)
    yield Post(Shop(store, cafe, clock))
    await store.close()


@asynccontextmanager
async def sending(
    post: Post, provider: Provider, *, pace: Pace = QUICK, at_once: int = 50, store: Store | None = None
) -> AsyncIterator[Sender]:
    sender = Sender(store or post.shop.store, provider, post.shop.clock, pace, at_once=at_once)
    sender.start()
    try:
        yield sender
    finally:
        provider.gate.set()
        await sender.close()


async def until(post: Post, **states: int) -> None:
    """Wait until the outbox looks so."""
    async with asyncio.timeout(10):
        while await post.states() != states:  # noqa: ASYNC110 -- the database has no event to wait for
            await asyncio.sleep(0.01)


async def test_everything_goes_out_and_each_persons_in_order(post: Post) -> None:
    ann, ben = await post.member(), await post.member()
    for _ in range(5):
        await post.put(ann)
        await post.put(ben)
    provider = Provider()
    async with sending(post, provider):
        await until(post, sent=10)
    assert sorted(provider.got) == list(range(1, 11))
    for rest in (0, 1):
        hers = [number for number in provider.got if number % 2 == rest]
        assert hers == sorted(hers)
    assert (await post.row(1)).wamid == "wamid.1.1"


async def test_people_are_sent_to_side_by_side_but_not_more_than_so_many(post: Post) -> None:
    for _ in range(10):
        await post.put(await post.member())
    provider = Provider()
    provider.gate.clear()
    async with sending(post, provider, at_once=4):
        await until(post, sending=4, waiting=6)
        await asyncio.sleep(0.2)
        provider.gate.set()
        await until(post, sent=10)
    assert provider.busiest == 4


async def test_a_refusal_is_tried_again_later_where_it_stopped(post: Post) -> None:
    ann = await post.member()
    await post.put(ann, text("1"), text("2"), text("3"))
    provider = Provider()
    async with sending(post, provider) as sender:
        provider.errors = []
        await until(post, sent=3)
        provider.errors = [Retryable("slow", code=130429)]
        await post.put(ann, text("4"), text("5"))
        sender.wake()
        async with asyncio.timeout(10):
            while (await post.row(4)).error_code != 130429:  # noqa: ASYNC110 -- the database has no event
                await asyncio.sleep(0.01)
        assert await post.states() == {"sent": 3, "waiting": 2}
        for row in await post.rows():
            post.shop.clock.instant = max(post.shop.clock.instant, row.next_try_at)
        await until(post, sent=5)
    assert provider.got == [1, 2, 3, 4, 4, 5]


async def test_what_may_have_been_sent_is_marked_and_what_follows_goes_on(post: Post) -> None:
    ann = await post.member()
    await post.put(ann, text("1"), text("2"))
    provider = Provider()
    provider.errors = [MaybeSent("no answer")]
    async with sending(post, provider):
        await until(post, unsure=1, sent=1)
    assert provider.got == [1, 2]


async def test_a_number_that_needs_a_person_stops_and_the_next_process_knows(post: Post) -> None:
    for _ in range(4):
        await post.put(await post.member())
    provider = Provider()
    provider.errors = [NeedsOperator("token", code=190)] * 4
    async with sending(post, provider):
        while not await post.alarms():  # noqa: ASYNC110 -- the database has no event
            await asyncio.sleep(0.01)
    tried = len(provider.got)
    assert await post.states() == {"waiting": 4}
    async with sending(post, provider) as sender:
        sender.wake()
        await asyncio.sleep(0.3)
    assert len(provider.got) == tried
    assert [kind for kind, *_ in await post.alarms()] == ["number"]


async def test_a_mistake_of_ours_fails_that_message_only(post: Post) -> None:
    for _ in range(2):
        await post.put(await post.member())
    provider = Provider()
    provider.errors = [RuntimeError("a bug")]
    async with sending(post, provider):
        await until(post, failed=1, sent=1)
    assert [kind for kind, *_ in await post.alarms()] == ["refused"]


async def test_closing_ends_the_sends_under_way_and_gives_back_the_rest(post: Post) -> None:
    for _ in range(60):
        await post.put(await post.member())
    provider = Provider()
    provider.gate.clear()
    sender = Sender(post.shop.store, provider, post.shop.clock, Pace(30, pair_seconds=0, portfolio=None))
    sender.start()
    while provider.busy < 3:  # noqa: ASYNC110 -- it has no event
        await asyncio.sleep(0.01)
    closing = asyncio.create_task(sender.close())
    await asyncio.sleep(0.1)
    provider.gate.set()
    await closing
    states = await post.states()
    assert set(states) == {"sent", "waiting"}
    assert states["sent"] == len(provider.got) >= 3


async def test_no_more_than_the_throughput_goes_out_in_a_second(post: Post) -> None:
    for _ in range(30):
        await post.put(await post.member())
    provider = Provider()
    began = asyncio.get_running_loop().time()
    async with sending(post, provider, pace=Pace(20, pair_seconds=0, portfolio=None)):
        await until(post, sent=30)
    assert asyncio.get_running_loop().time() - began >= 29 / 20


class Failing:
    """A store that fails so many writes."""

    def __init__(self, store: Store, times: int) -> None:
        self._store = store
        self.times = times
        self.read, self.look, self.close = store.read, store.look, store.close

    async def write(self, work):  # type: ignore[no-untyped-def]  # as the store's
        if self.times:
            self.times -= 1
            raise StoreUnavailable("away")
        return await self._store.write(work)


async def test_what_was_sent_while_the_store_was_away_is_written_down_when_it_is_back(post: Post) -> None:
    await post.put(await post.member())
    provider = Provider()
    provider.gate.clear()
    store = Failing(post.shop.store, 0)
    async with sending(post, provider, store=store):
        await until(post, sending=1)
        store.times = 1
        provider.gate.set()
        await until(post, sent=1)
    assert provider.got == [1]


async def test_messages_of_a_process_that_died_are_marked(post: Post) -> None:
    await post.put(await post.member())
    assert await post.take() == [1]
    await post.shop.do(
        lambda session: session.execute(
            update(OutboxRow).values(updated_at=post.shop.now.replace(year=2025)).where(OutboxRow.id == 1)
        )
    )
    provider = Provider()
    async with sending(post, provider):
        await until(post, unsure=1)
    assert provider.got == []
    error = await post.shop.ask(lambda session: session.scalars(select(OutboxRow.error)).one())
    assert error is not None
    assert "nobody knows" in error
    assert issubclass(MaybeSent, SendError)
