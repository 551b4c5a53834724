"""What everything relies on: transactions of both stores, alone, in parallel, in failure, at the end."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Session

from loyalty.books import ledger
from loyalty.errors import Invalid, StoreUnavailable
from loyalty.ids import MemberId
from loyalty.store import Store, open_store, store_url
from loyalty.store.schema import upgrade
from loyalty.store.sql import insert_once, upsert
from loyalty.tables import Amendment, Balance, IdempotencyKey, Programme
from tests.store.helpers import Shop

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def add(name: str) -> Callable[[Session], None]:
    """Work that adds a programme of this name."""
    return lambda session: session.add(Programme(id=name, created_at=NOON))


def names(session: Session) -> list[str]:
    return list(session.scalars(select(Programme.id).order_by(Programme.id)))


class Broken(Exception):
    """What a function of the tests fails with."""


def fails_after_adding(name: str) -> Callable[[Session], None]:
    def work(session: Session) -> None:
        add(name)(session)
        session.flush()
        raise Broken(name)

    return work


async def test_what_was_written_can_be_read(store: Store) -> None:
    await store.write(add("cafe"))
    assert await store.read(names) == ["cafe"]


async def test_a_quick_look_sees_what_was_written_and_changes_nothing(store: Store) -> None:
    await store.write(add("cafe"))
    assert await store.look(names) == ["cafe"]
    with pytest.raises(Exception, match=r"read-?only"):
        await store.look(lambda session: session.execute(insert(Programme).values(id="bar", created_at=NOON)).close())
    assert await store.look(names) == ["cafe"]


async def test_what_was_written_is_there_after_the_store_was_opened_again(store: Store, database: str) -> None:
    await store.write(add("cafe"))
    await store.close()
    again = open_store(database)
    try:
        assert await again.read(names) == ["cafe"]
    finally:
        await again.close()


async def test_read_and_write_hand_back_what_the_function_returns(store: Store) -> None:
    assert await store.write(lambda _session: "written") == "written"
    assert await store.read(lambda _session: "read") == "read"


async def test_a_function_that_raises_did_nothing(store: Store) -> None:
    with pytest.raises(Broken, match="cafe"):
        await store.write(fails_after_adding("cafe"))
    assert await store.read(names) == []


async def test_a_function_whose_last_change_is_refused_by_the_database_did_nothing(store: Store) -> None:
    await store.write(add("cafe"))

    def work(session: Session) -> None:
        add("bar")(session)
        session.flush()
        add("cafe")(session)  # taken, but that shows only when the work is over

    with pytest.raises(IntegrityError):
        await store.write(work)
    assert await store.read(names) == ["cafe"]


async def test_a_savepoint_within_the_work_undoes_its_own_part_only(store: Store) -> None:
    def work(session: Session) -> None:
        add("bar")(session)
        with pytest.raises(Broken), session.begin_nested():
            fails_after_adding("cafe")(session)
        add("pub")(session)

    await store.write(work)
    assert await store.read(names) == ["bar", "pub"]


async def test_a_read_cannot_change_anything(store: Store) -> None:
    def work(session: Session) -> None:
        session.execute(insert(Programme).values(id="cafe", created_at=NOON))
        session.commit()

    with pytest.raises(Exception, match=r"read-?only"):
        await store.read(work)
    await store.write(add("bar"))  # and the connection is as good as before
    assert await store.read(names) == ["bar"]


async def test_a_read_sees_one_moment_however_long_it_takes(store: Store, database: str) -> None:
    async def write_elsewhere() -> None:
        other = open_store(database)
        await other.write(add("second"))
        await other.close()

    def work(session: Session) -> tuple[list[str], list[str]]:
        before = names(session)
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(asyncio.run, write_elsewhere()).result()
        return before, names(session)

    await store.write(add("first"))
    assert await store.read(work) == (["first"], ["first"])
    assert await store.read(names) == ["first", "second"]


async def test_writes_in_parallel_all_happen(store: Store) -> None:
    wanted = [f"p{number:03}" for number in range(200)]
    await asyncio.gather(*(store.write(add(name)) for name in wanted))
    assert await store.read(names) == wanted


async def test_changes_of_one_locked_row_in_parallel_lose_none(shop: Shop) -> None:
    member = await shop.member()

    def one_more(session: Session) -> None:
        ledger.lock(session, member).lifetime += 1

    await asyncio.gather(*(shop.do(one_more) for _ in range(50)))
    assert (await shop.points(member)).lifetime == 50


async def test_functions_that_fail_among_parallel_ones_fail_alone(store: Store) -> None:
    await store.write(add("taken"))

    def work(number: int) -> Callable[[Session], None]:
        match number % 4:
            case 1:
                return fails_after_adding(f"p{number:02}")
            case 2:
                return add("taken")
            case 3:
                return lambda session: session.execute(text("SELECT * FROM nowhere")).close()
            case _:
                return add(f"p{number:02}")

    results = await asyncio.gather(*(store.write(work(number)) for number in range(40)), return_exceptions=True)
    assert [result is None for result in results] == [number % 4 == 0 for number in range(40)]
    assert all(isinstance(results[number], Broken) for number in range(1, 40, 4))
    assert all(isinstance(results[number], IntegrityError) for number in range(2, 40, 4))
    assert await store.read(names) == [f"p{number:02}" for number in range(0, 40, 4)] + ["taken"]


async def test_a_function_that_stops_an_iteration_does_not_stop_the_store(store: Store) -> None:
    """A future refuses `StopIteration`, so its caller would wait for ever, and so would all in its group."""

    def stops(_session: Session) -> str:
        return next(iter(()))

    for way in (store.write, store.read, store.look):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await asyncio.wait_for(way(stops), 10)
    results = await asyncio.gather(
        *(store.write(stops if number % 3 == 0 else add(f"p{number}")) for number in range(9)), return_exceptions=True
    )
    assert [isinstance(result, RuntimeError) for result in results] == [number % 3 == 0 for number in range(9)]
    assert await store.read(names) == [f"p{number}" for number in range(9) if number % 3]


async def test_a_function_that_undoes_the_transaction_of_its_group_undoes_nobody_elses_work(store: Store) -> None:
    """The change that is refused when it is flushed takes the whole transaction along; the others run again."""
    await store.write(add("taken"))

    def late(name: str) -> Callable[[Session], str]:
        def work(session: Session) -> str:
            add(name)(session)
            session.flush()
            add("taken" if name.endswith("5") else f"{name}-too")(session)
            return name

        return work

    wanted = [f"p{number:02}" for number in range(20)]
    results = await asyncio.gather(*(store.write(late(name)) for name in wanted), return_exceptions=True)
    assert [name for name, result in zip(wanted, results, strict=True) if result == name] == [
        name for name in wanted if not name.endswith("5")
    ]
    assert all(
        isinstance(result, IntegrityError) for name, result in zip(wanted, results, strict=True) if result != name
    )
    found = await store.read(names)
    assert found == sorted(
        [part for name in wanted if not name.endswith("5") for part in (name, f"{name}-too")] + ["taken"]
    )


async def test_a_caller_that_goes_away_does_not_disturb_the_others(store: Store) -> None:
    leaving = asyncio.create_task(store.write(add("leaving")))
    staying = asyncio.create_task(store.write(add("staying")))
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert "staying" in await store.read(names)
    await store.write(add("later"))
    assert "later" in await store.read(names)


async def test_closing_finishes_what_was_begun(store: Store, database: str) -> None:
    wanted = [f"p{number:02}" for number in range(30)]
    slowly = asyncio.create_task(store.write(lambda _session: time.sleep(0.05)))
    running = [slowly, *(asyncio.create_task(store.write(add(name))) for name in wanted)]
    reading = asyncio.create_task(store.read(names))
    await asyncio.sleep(0)
    await store.close()
    again = open_store(database)
    assert await again.read(names) == wanted
    await again.close()
    assert await asyncio.gather(*running) == [None] * 31
    assert set(await reading) <= set(wanted)


async def test_a_closed_store_refuses(store: Store) -> None:
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.write(add("cafe"))
    for read in (store.read, store.look):
        with pytest.raises(StoreUnavailable, match="closed"):
            await read(names)


async def test_closing_twice_is_closing_once(store: Store) -> None:
    await store.write(add("cafe"))
    await store.close()
    await store.close()


async def test_an_instant_comes_back_in_utc_and_to_the_microsecond(store: Store) -> None:
    instant = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    await store.write(lambda session: session.add(Programme(id="cafe", created_at=instant)))
    found = await store.read(lambda session: session.scalar(select(Programme.created_at)))
    assert found == instant
    assert found.isoformat() == "2026-11-21T06:30:00.123456+00:00"


async def test_an_instant_without_an_offset_is_refused(store: Store) -> None:
    with pytest.raises(StatementError, match="an instant needs an offset"):
        await store.write(
            lambda session: session.add(Programme(id="cafe", created_at=datetime(2026, 11, 21)))  # noqa: DTZ001 -- it is the mistake
        )


async def test_money_comes_back_to_the_last_digit(store: Store) -> None:
    amounts = ["0.10", "1000000000.00", "0.1", "3"]

    def work(session: Session) -> None:
        add("cafe")(session)
        session.flush()
        for id_, amount in enumerate(amounts):
            session.add(
                Amendment(
                    id=str(id_), programme_id="cafe", key=str(id_), purchase_key="p", kind="refund", lines=[],
                    amount=Decimal(amount), currency="EUR", occurred_at=NOON, content_hash="",
                )
            )  # fmt: skip

    await store.write(work)
    found = await store.read(lambda session: session.scalars(select(Amendment.amount).order_by(Amendment.id)).all())
    assert [str(amount) for amount in found] == amounts


async def test_a_row_is_inserted_once(store: Store) -> None:
    first, second = {"id": "cafe", "created_at": NOON}, {"id": "cafe", "created_at": NOON + timedelta(days=1)}
    assert await store.write(lambda session: insert_once(session, Programme, first))
    assert not await store.write(lambda session: insert_once(session, Programme, second))
    assert await store.read(lambda session: session.scalar(select(Programme.created_at))) == NOON


async def test_of_many_that_insert_one_row_in_parallel_one_does(store: Store) -> None:
    row = {"id": "cafe", "created_at": NOON}
    inserted = await asyncio.gather(
        *(store.write(lambda session: insert_once(session, Programme, row)) for _ in range(20))
    )
    assert inserted.count(True) == 1


async def test_an_upsert_overwrites_the_row_with_the_same_key(store: Store) -> None:
    async def keep(status: int) -> None:
        row = {"scope": "s", "key": "k", "body_hash": "", "status": status, "answer": {}, "created_at": NOON}
        await store.write(lambda session: upsert(session, IdempotencyKey, row, key=("scope", "key")))

    await keep(200)
    await keep(404)
    assert await store.read(lambda session: list(session.scalars(select(IdempotencyKey.status)))) == [404]


async def test_the_database_itself_keeps_balances_from_falling_below_zero(shop: Shop) -> None:
    member = await shop.member()
    with pytest.raises(IntegrityError, match="not_negative"):
        await shop.do(
            lambda session: session.execute(
                update(Balance).where(Balance.member_id == member).values(available=-1)
            ).close()
        )


async def test_a_member_needs_her_programme(store: Store) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        await store.write(lambda session: session.add(Balance(member_id=MemberId("nobody"))))


def test_upgrading_an_up_to_date_database_changes_nothing(database: str) -> None:
    async def programmes() -> list[str]:
        store = open_store(database)
        await store.write(lambda session: insert_once(session, Programme, {"id": "cafe", "created_at": NOON}))
        found = await store.read(names)
        await store.close()
        return found

    before = asyncio.run(programmes())
    upgrade(database)
    assert asyncio.run(programmes()) == before == ["cafe"]


# SQLite alone


async def test_two_processes_with_one_sqlite_file_wait_for_one_another(sqlite_database: str) -> None:
    stores = [open_store(sqlite_database), open_store(sqlite_database)]
    wanted = [f"p{number:02}" for number in range(60)]

    def work(name: str) -> Callable[[Session], None]:
        def look_and_add(session: Session) -> None:
            assert name not in names(session)  # who begins with a look must not lose the right to write
            add(name)(session)

        return look_and_add

    await asyncio.gather(*(stores[number % 2].write(work(name)) for number, name in enumerate(wanted)))
    assert await stores[0].read(names) == wanted
    for store in stores:
        await store.close()


async def test_sqlite_syncs_every_commit_and_lets_readers_read_meanwhile(sqlite_database: str) -> None:
    store = open_store(sqlite_database)
    assert await store.write(lambda session: session.scalar(text("PRAGMA synchronous"))) == 2  # FULL
    assert await store.write(lambda session: session.scalar(text("PRAGMA journal_mode"))) == "wal"

    async def read_elsewhere() -> list[str]:
        return await store.read(names)

    loop = asyncio.get_running_loop()

    def work(session: Session) -> list[str]:
        add("cafe")(session)
        session.flush()
        return asyncio.run_coroutine_threadsafe(read_elsewhere(), loop).result(timeout=30)

    assert await store.write(work) == []
    assert await store.read(names) == ["cafe"]
    await store.close()


async def test_a_sqlite_file_that_cannot_be_opened_is_unavailable(sqlite_database: str) -> None:
    folder = sqlite_database.removesuffix("/store.db")  # a folder is no database
    store = open_store(folder)
    with pytest.raises(StoreUnavailable, match="could not be used"):
        await store.write(add("cafe"))
    with pytest.raises(StoreUnavailable, match="could not be used"):
        await store.read(names)
    await store.close()


# Postgres alone


async def test_writes_that_block_one_another_on_postgres_are_both_done_in_the_end(postgres_database: str) -> None:
    store = open_store(postgres_database)
    await store.write(add("left"))
    await store.write(add("right"))

    tries = []

    def touch(first: str, second: str) -> Callable[[Session], None]:
        def work(session: Session) -> None:
            tries.append(first)
            for id_ in (first, second):
                row = session.get_one(Programme, id_, with_for_update=True)
                row.created_at += timedelta(days=1)
                session.flush()
                session.execute(select(func.pg_sleep(0.05)))

        return work

    await asyncio.gather(store.write(touch("left", "right")), store.write(touch("right", "left")))
    found = await store.read(lambda session: list(session.scalars(select(Programme.created_at))))
    assert found == [NOON + timedelta(days=2)] * 2
    assert len(tries) == 3  # Postgres ended one of them, which was run again
    await store.close()


async def test_a_lost_postgres_connection_is_unavailable_and_the_next_one_works(postgres_database: str) -> None:
    store = open_store(postgres_database)
    lose = select(func.pg_terminate_backend(func.pg_backend_pid()))
    with pytest.raises(StoreUnavailable, match="Postgres"):
        await store.write(lambda session: session.execute(lose).close())
    await store.write(add("cafe"))
    assert await store.read(names) == ["cafe"]
    await store.close()


async def test_a_postgres_that_does_not_answer_is_unavailable() -> None:
    store = open_store("postgresql://postgres@127.0.0.1:1/postgres")
    with pytest.raises(StoreUnavailable, match="Postgres cannot be reached"):
        await store.write(add("cafe"))
    with pytest.raises(StoreUnavailable, match="Postgres cannot be reached"):
        await store.read(names)
    await store.close()


async def test_a_postgres_database_that_does_not_exist_is_unavailable(postgres_database: str) -> None:
    store = open_store(f"{postgres_database}_not")
    with pytest.raises(StoreUnavailable, match="does not exist"):
        await store.read(names)
    await store.close()


def test_upgrading_a_database_that_does_not_answer_says_so() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        upgrade("postgresql://postgres@127.0.0.1:1/postgres")


# The address


@pytest.mark.parametrize(
    ("text_", "remedy"),
    [
        ("var/store.db", "use sqlite:///var/x.db or postgresql://"),
        ("sqlite://", "SQLite needs a file"),
        ("sqlite:///:memory:", "SQLite needs a file"),
        ("mysql://localhost/loyalty", "mysql is not supported, use sqlite or postgresql"),
    ],
)
def test_an_address_that_is_no_store_is_refused_with_the_remedy(text_: str, remedy: str) -> None:
    with pytest.raises(Invalid, match=remedy):
        store_url(text_)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_the_driver_of_a_postgres_address_need_not_be_named(scheme: str) -> None:
    assert store_url(f"{scheme}://me:pw@db/loyalty").drivername == "postgresql+asyncpg"
