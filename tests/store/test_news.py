"""News is told in the transaction that made it, once; what a listener failed on is caught up with."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.clock import FixedClock
from loyalty.ids import MemberId
from loyalty.news import LATER, TRIES, Happening, Kind, TellingStore, tell, tell_rest, untold
from loyalty.programme import Programme
from loyalty.store import Store
from loyalty.tables import Member, News
from tests.store.helpers import set_up_member


class Listener:
    """Remembers what it heard; leaves a mark in the transaction; fails on request."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.fails = False

    def __call__(self, session: Session, happenings: Sequence[Happening], now: datetime) -> None:
        self.heard += [news.key for news in happenings]
        session.get_one(Member, happenings[0].member).name = f"heard of {happenings[0].key}"
        session.flush()
        if self.fails:
            raise ValueError("it does not know what to say")


@pytest.fixture
async def member(store: Store, cafe: Programme, clock: FixedClock) -> MemberId:
    member = await store.write(lambda session: set_up_member(session, cafe, clock.now()))
    await tell_rest(store, [], now=clock.now() + LATER)  # that she joined is heard by nobody
    return member


def told(session: Session, cafe: Programme, member: MemberId, key: str, now: datetime) -> bool:
    return tell(session, cafe.id, member, Kind.POINTS_EARNED, key=key, about={"points": 3}, at=now, now=now)


async def name_of(store: Store, member: MemberId) -> str | None:
    return await store.read(lambda session: session.get_one(Member, member).name)


async def test_listeners_hear_in_the_same_transaction_and_once(
    store: Store, cafe: Programme, member: MemberId, clock: FixedClock
) -> None:
    listener, now = Listener(), clock.now()
    telling = TellingStore(store, [listener])
    assert await telling.write(lambda session: told(session, cafe, member, "purchase:1", now))
    assert not await telling.write(lambda session: told(session, cafe, member, "purchase:1", now))
    assert listener.heard == ["purchase:1"]
    assert await name_of(store, member) == "heard of purchase:1"
    assert await tell_rest(telling, [listener], now=now + timedelta(days=1)) == 0


async def test_what_was_undone_is_not_heard_of(
    store: Store, cafe: Programme, member: MemberId, clock: FixedClock
) -> None:
    listener, now = Listener(), clock.now()

    def work(session: Session) -> None:
        told(session, cafe, member, "purchase:1", now)
        nested = session.begin_nested()
        told(session, cafe, member, "purchase:2", now)
        nested.rollback()

    await TellingStore(store, [listener]).write(work)
    assert listener.heard == ["purchase:1"]

    def fails(session: Session) -> None:
        told(session, cafe, member, "purchase:3", now)
        raise RuntimeError("undone")

    with pytest.raises(RuntimeError):
        await TellingStore(store, [listener]).write(fails)
    assert listener.heard == ["purchase:1"]


async def test_a_listener_that_fails_takes_nothing_with_it(
    store: Store, cafe: Programme, member: MemberId, clock: FixedClock
) -> None:
    listener, now = Listener(), clock.now()
    listener.fails = True
    await TellingStore(store, [listener]).write(lambda session: told(session, cafe, member, "purchase:1", now))
    assert await name_of(store, member) != "heard of purchase:1"
    assert (await store.read(untold))[0] == 1
    listener.fails = False
    assert await tell_rest(store, [listener], now=now) == 0  # not before it is LATER
    assert await tell_rest(store, [listener], now=now + LATER) == 1
    assert await name_of(store, member) == "heard of purchase:1"
    assert (await store.read(untold))[0] == 0


async def test_news_nobody_can_be_told_is_left_after_a_few_tries(
    store: Store, cafe: Programme, member: MemberId, clock: FixedClock
) -> None:
    listener, now = Listener(), clock.now()
    listener.fails = True
    await store.write(lambda session: told(session, cafe, member, "purchase:1", now))
    await tell_rest(store, [listener], now=now + LATER)
    assert len(listener.heard) == TRIES
    row = await store.read(lambda session: session.scalars(select(News).where(News.key == "purchase:1")).one())
    assert (row.attempts, row.told_at) == (TRIES, None)
    assert row.error == "ValueError: it does not know what to say"


async def test_what_a_process_without_listeners_wrote_is_heard_later(
    store: Store, cafe: Programme, member: MemberId, clock: FixedClock
) -> None:
    listener, now = Listener(), clock.now()
    await store.write(lambda session: [told(session, cafe, member, f"purchase:{number}", now) for number in range(120)])
    assert await tell_rest(store, [listener], now=now + LATER) == 120
    assert len(set(listener.heard)) == len(listener.heard) == 120
