"""Locks in one order, and objects of the session that stay as fresh as the rows."""

import asyncio
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from loyalty.books import ledger
from loyalty.books.ledger import GENESIS, chain_of
from loyalty.books.points import Books, open_books
from loyalty.errors import Refused
from loyalty.ids import Cause, MemberId
from loyalty.programme import Programme
from loyalty.store import Store, open_store
from loyalty.store.sql import lock_name
from loyalty.tables import Balance, Chain, Lot
from tests.store.helpers import Shop, points, set_up_member

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def earn(books: Books, cause: str, amount: int = 5) -> None:
    books.earn(
        amount, cause=Cause(cause), kind="adjustment", origin=cause, occurred_at=books.now, activates_at=books.now,
        expires_at=books.now + timedelta(days=30), memo={},
    )  # fmt: skip


async def people(shop: Shop, number: int) -> list[MemberId]:
    return await shop.do(lambda session: [set_up_member(session, shop.programme, shop.now) for _ in range(number)])


async def test_postings_for_many_members_in_any_order_never_deadlock(shop: Shop) -> None:
    """Each transaction posts for all of them, in an order of its own; a deadlock would make one run twice."""
    members = await people(shop, 24)
    runs: list[int] = []

    def batch(number: int) -> None:
        async def post() -> None:
            def work(session: Session) -> None:
                runs.append(number)
                ledger.lock_all(session, members)
                for place, member in enumerate(random.sample(members, len(members))):
                    books = open_books(session, shop.programme.id, member, now=shop.now)
                    earn(books, f"gift:{number}:{place}")

            await shop.do(work)

        tasks.append(asyncio.create_task(post()))

    tasks: list[asyncio.Task[None]] = []
    for number in range(8):
        batch(number)
    await asyncio.gather(*tasks)
    assert sorted(runs) == list(range(8))
    assert [await shop.points(member) for member in members] == [points(8 * 5)] * 24
    assert await shop.is_sound()


async def test_locking_all_begins_the_chains_that_nobody_has_posted_to(shop: Shop) -> None:
    members = await people(shop, 5)
    await shop.do(lambda session: ledger.lock_all(session, members))
    chains = await shop.ask(lambda session: session.scalars(select(Chain)).all())
    assert all((chain.length, chain.head) == (0, GENESIS) for chain in chains)
    assert {chain.number for chain in chains} <= {chain_of(member) for member in members}
    assert await shop.ask(lambda session: session.scalar(select(func.count()).select_from(Balance))) == 5


async def test_locking_all_passes_over_somebody_who_is_no_member(shop: Shop) -> None:
    (member,) = await people(shop, 1)
    await shop.do(lambda session: ledger.lock_all(session, [MemberId("nobody"), member]))
    await shop.do(lambda session: ledger.lock_all(session, []))


async def test_nobody_elses_books_can_be_opened(shop: Shop) -> None:
    with pytest.raises(LookupError, match="no member nobody"):
        await shop.do(lambda session: open_books(session, shop.programme.id, MemberId("nobody"), now=shop.now).member)


async def test_a_balance_the_session_has_is_fresh_after_every_posting(shop: Shop) -> None:
    member = await shop.member()

    def work(session: Session) -> list[int]:
        known = session.get_one(Balance, member)
        books = open_books(session, shop.programme.id, member, now=shop.now)
        seen = [known.available]
        earn(books, "gift:1")
        seen += [known.available, session.get_one(Balance, member).available]
        earn(books, "gift:2")
        books.hold(3, cause=Cause("hold:1"), memo={})
        return [*seen, known.available, known.held, known.lifetime]

    assert await shop.do(work) == [0, 5, 5, 7, 3, 10]
    assert await shop.points(member) == points(7, held=3)
    assert await shop.is_sound()


async def test_a_balance_that_was_read_before_the_lock_is_read_again(shop: Shop, database: str) -> None:
    """Somebody else has posted between the look and the lock."""
    if database.startswith("sqlite"):
        pytest.skip("on SQLite nobody else can write between the look and the lock")
    member = await shop.member()
    other = open_store(database)

    def work(session: Session) -> tuple[int, int]:
        known = session.get_one(Balance, member)
        before = known.available
        await_only(other.write(lambda session: earn_for(session, shop, member)))
        open_books(session, shop.programme.id, member, now=shop.now)
        return before, known.available

    assert await shop.do(work) == (0, 5)
    await other.close()


def earn_for(session: Session, shop: Shop, member: MemberId) -> None:
    earn(open_books(session, shop.programme.id, member, now=shop.now), "gift:elsewhere")


async def test_a_posting_that_a_savepoint_undoes_is_undone_in_the_sessions_objects(shop: Shop) -> None:
    member = await shop.member()

    def work(session: Session) -> tuple[int, int]:
        known = session.get_one(Balance, member)
        books = open_books(session, shop.programme.id, member, now=shop.now)
        earn(books, "gift:1")
        with pytest.raises(Refused):
            earn_and_hold_too_much(books)
        after_undoing = known.available
        earn(books, "gift:3")
        return after_undoing, known.available

    assert await shop.do(work) == (5, 10)
    assert await shop.points(member) == points(10)
    assert await shop.is_sound()


def earn_and_hold_too_much(books: Books) -> None:
    with books.session.begin_nested():
        earn(books, "gift:2")
        books.hold(1000, cause=Cause("hold:1"), memo={})


async def test_a_lot_the_session_has_is_fresh_after_a_posting(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "10.00")

    def work(session: Session) -> list[int]:
        lot = session.scalars(select(Lot).where(Lot.member_id == member)).one()
        books = open_books(session, shop.programme.id, member, now=shop.now)
        books.hold(4, cause=Cause("hold:1"), memo={})
        held = lot.remaining
        books.expire(lot, cause=Cause("expire:1"))
        return [held, lot.remaining]

    assert await shop.do(work) == [6, 0]
    assert await shop.is_sound()


async def test_two_books_of_one_member_in_one_transaction_agree(shop: Shop) -> None:
    member = await shop.member()

    def work(session: Session) -> None:
        first = open_books(session, shop.programme.id, member, now=shop.now)
        second = open_books(session, shop.programme.id, member, now=shop.now)
        first.take_back(8, cause=Cause("refund:1"), kind="refund", origin="a", memo={})
        earn(second, "gift:1")
        earn(first, "gift:2")

    await shop.do(work)
    assert await shop.points(member) == points(2)
    assert await shop.is_sound()


async def test_a_function_that_lost_its_transaction_and_went_on_is_an_error(postgres_database: str) -> None:
    store: Store = open_store(postgres_database)

    def work(session: Session) -> None:
        with suppress(DBAPIError):  # the mistake that is to be noticed
            session.connection().exec_driver_sql("SELECT * FROM nowhere")

    with pytest.raises(RuntimeError, match="something had failed"):
        await store.write(work)
    assert await store.write(lambda _: "as good as before") == "as good as before"
    await store.close()


async def test_a_name_that_is_locked_with_a_member_is_the_one_that_others_wait_for(
    postgres_database: str, cafe: Programme
) -> None:
    store, told, begun = open_store(postgres_database), list[str](), asyncio.Event()
    member = await store.write(lambda session: set_up_member(session, cafe, NOW, joined=False))

    def with_a_member(session: Session) -> None:
        open_books(session, cafe.id, member, now=NOW, name="order")
        told.append("has it")
        begun.set()
        session.execute(select(func.pg_sleep(0.2)))
        told.append("is done")

    def by_itself(session: Session) -> None:
        lock_name(session, "order")
        told.append("has it after")

    first = asyncio.create_task(store.write(with_a_member))
    await begun.wait()
    await store.write(by_itself)
    await first
    assert told == ["has it", "is done", "has it after"]
    await store.close()
