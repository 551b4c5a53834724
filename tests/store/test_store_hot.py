"""Hot statements: the same values in and out as SQLAlchemy's own way, in the same transaction, with the same errors."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import bindparam, func, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, MultipleResultsFound, NoResultFound, PendingRollbackError
from sqlalchemy.orm import Session

from loyalty.errors import StoreUnavailable
from loyalty.ids import new_id
from loyalty.store import Store, open_store, store_url
from loyalty.store.hot import Hot, NotHot
from loyalty.store.sql import execute, table_of
from loyalty.store.sqlite import SqliteStore
from loyalty.tables import Balance, IdempotencyKey, Member, Programme, Purchase

NOON = datetime(2026, 11, 21, 12, 0, 0, 5, tzinfo=UTC)
_PROGRAMME, _PURCHASE, _KEY = table_of(Programme), table_of(Purchase), table_of(IdempotencyKey)

ADD = Hot(insert(_PROGRAMME))
FIND = Hot(select(_PROGRAMME.c.id, _PROGRAMME.c.created_at).where(_PROGRAMME.c.id == bindparam("id")))
NAMES = Hot(select(_PROGRAMME.c.id).order_by(_PROGRAMME.c.id))


def programme(name: str) -> dict[str, Any]:
    return dict.fromkeys(_PROGRAMME.c.keys()) | {
        "id": name,
        "created_at": NOON.astimezone(timezone(timedelta(hours=5, minutes=30))),
    }


def names(session: Session) -> list[str]:
    return [row.id for row in NAMES.all(session, {})]


async def test_values_come_back_as_they_went_in(store: Store) -> None:
    row = {"scope": "s", "key": "k", "body_hash": "h", "status": 200, "answer": {"é": [1, None]}, "created_at": NOON}
    await store.write(lambda session: Hot(insert(_KEY)).run(session, row))
    found = await store.read(lambda session: Hot(select(_KEY)).first(session, {}))
    assert found._asdict() == row


async def test_a_hot_row_is_the_row_that_sqlalchemy_reads_and_writes(store: Store) -> None:
    def work(session: Session) -> tuple[Any, ...]:
        ADD.run(session, programme("cafe"))
        session.add(Programme(id="bar", created_at=NOON))
        session.flush()
        return (
            session.get_one(Programme, "cafe").created_at, FIND.first(session, {"id": "bar"}).created_at,
            FIND.first(session, {"id": "pub"}),
        )  # fmt: skip

    assert await store.write(work) == (NOON, NOON, None)


async def test_an_instant_without_an_offset_is_refused_here_too(store: Store) -> None:
    row = {**programme("cafe"), "created_at": datetime(2026, 11, 21)}  # noqa: DTZ001 -- it is the mistake
    with pytest.raises(ValueError, match="an instant needs an offset"):
        await store.write(lambda session: ADD.run(session, row))


async def test_a_statement_says_how_many_rows_it_touched(store: Store) -> None:
    later = Hot(update(_PROGRAMME).where(_PROGRAMME.c.id > bindparam("after")).values(created_at=bindparam("at")))

    def work(session: Session) -> list[int]:
        added = [ADD.run(session, programme(name)) for name in ("a", "b", "c")]
        return [*added, *(later.run(session, {"after": after, "at": NOON}) for after in ("", "b", "z"))]

    assert await store.write(work) == [1, 1, 1, 3, 1, 0]


async def test_what_a_statement_says_itself_need_not_be_given(store: Store) -> None:
    early = Hot(select(func.count().label("number")).where(_PROGRAMME.c.id < "m", _PROGRAMME.c.id > bindparam("after")))

    def work(session: Session) -> int:
        for name in ("a", "b", "x"):
            ADD.run(session, programme(name))
        number: int = early.first(session, {"after": "a"}).number
        return number

    assert await store.write(work) == 1


async def test_a_hot_statement_takes_part_in_transactions_and_savepoints(store: Store) -> None:
    def work(session: Session) -> None:
        ADD.run(session, programme("a"))
        with pytest.raises(IntegrityError):
            add_b_and_a(session)
        ADD.run(session, programme("c"))

    def add_b_and_a(session: Session) -> None:
        with session.begin_nested():
            ADD.run(session, programme("b"))
            ADD.run(session, programme("a"))

    def fails(session: Session) -> None:
        ADD.run(session, programme("d"))
        raise LookupError

    await store.write(work)
    with pytest.raises(LookupError):
        await store.write(fails)
    assert await store.read(names) == ["a", "c"]


async def test_a_refusal_of_the_database_is_told_as_sqlalchemy_tells_it(store: Store) -> None:
    with pytest.raises(IntegrityError, match="programme") as refused:
        await store.write(lambda session: [ADD.run(session, programme("a")) for _ in range(2)])
    assert "INSERT INTO programme" in str(refused.value)
    with pytest.raises((DBAPIError, StoreUnavailable), match=r"read-?only"):
        await store.read(lambda session: ADD.run(session, programme("b")))
    assert await store.read(names) == []


async def test_money_and_lists_keep_their_form(store: Store) -> None:
    order = dict.fromkeys(_PURCHASE.c.keys()) | {
        "id": new_id(), "programme_id": "cafe", "member_id": "m", "key": "k", "amount": Decimal("0.10"),
        "currency": "EUR", "lines": [{"product": "tè"}], "occurred_at": NOON, "recorded_at": NOON,
        "paid": Decimal("1000000000.00"), "points": 10**12, "content_hash": "",
    }  # fmt: skip

    def work(session: Session) -> Any:
        ADD.run(session, programme("cafe"))
        session.add(Member(id="m", programme_id="cafe", language="it", referral_code="c", created_at=NOON))
        session.flush()
        Hot(insert(_PURCHASE)).run(session, order)
        return Hot(select(_PURCHASE)).first(session, {})

    found = await store.write(work)
    assert (str(found.amount), str(found.paid), found.points, found.lines) == (
        "0.10", "1000000000.00", 10**12, [{"product": "tè"}]
    )  # fmt: skip


async def test_what_needs_sqlalchemy_each_time_is_not_hot(store: Store) -> None:
    listed = Hot(select(_PROGRAMME.c.id).where(_PROGRAMME.c.id.in_(["a", "b"])))
    with pytest.raises(NotHot, match="no lists"):
        await store.read(lambda session: listed.all(session, {}))
    with pytest.raises(NotHot, match="no defaults"):
        await store.write(lambda session: Hot(insert(table_of(Balance))).run(session, {"member_id": "m"}))


async def test_a_prebuilt_statement_finds_the_same_at_first_and_later(store: Store) -> None:
    """The second time it is run hot."""
    every, one, number, touch = (
        select(_PROGRAMME.c.id, _PROGRAMME.c.created_at).order_by(_PROGRAMME.c.id),
        select(_PROGRAMME.c.id, _PROGRAMME.c.created_at).where(_PROGRAMME.c.id == bindparam("id")),
        select(func.count(), func.avg(func.length(_PROGRAMME.c.id))).select_from(_PROGRAMME),
        update(_PROGRAMME).where(_PROGRAMME.c.id > bindparam("after")).values(created_at=NOON),
    )
    listed = select(_PROGRAMME.c.id).where(_PROGRAMME.c.id.in_(bindparam("ids", expanding=True)))

    def work(session: Session) -> list[Any]:
        nobody, cafe = {"id": "nobody"}, {"id": "cafe"}
        return [
            [(row.id, row.created_at) for row in execute(session, every)],
            execute(session, every).all(), execute(session, every).scalars(), execute(session, every).rowcount,
            execute(session, one, cafe).one(), execute(session, one, cafe).scalar_one(),
            execute(session, one, cafe).first(), execute(session, one, nobody).first(),
            execute(session, one, nobody).scalar(), tuple(map(float, execute(session, number).one())),
            execute(session, touch, {"after": "bar"}).rowcount, execute(session, touch, {"after": "x"}).rowcount,
            execute(session, listed, {"ids": ["bar", "pub"]}).scalars(),
        ]  # fmt: skip

    await store.write(lambda session: [ADD.run(session, programme(name)) for name in ("bar", "cafe")])
    first, second, third = [await store.write(work) for _ in range(3)]
    assert first == second == third
    assert first[2:4] == [["bar", "cafe"], 2]
    assert first[4:9] == [("cafe", NOON), "cafe", ("cafe", NOON), None, None]
    assert first[9:] == [(2.0, 3.5), 1, 0, ["bar"]]


async def test_what_is_not_there_or_there_twice_is_an_error_at_first_and_later(store: Store) -> None:
    await store.write(lambda session: [ADD.run(session, programme(name)) for name in ("bar", "cafe")])
    statement = select(_PROGRAMME.c.id).where(_PROGRAMME.c.id > bindparam("after"))
    for _ in range(3):
        with pytest.raises(NoResultFound):
            await store.read(lambda session: execute(session, statement, {"after": "x"}).one())
        with pytest.raises(MultipleResultsFound):
            await store.read(lambda session: execute(session, statement, {"after": ""}).scalar_one())


async def test_an_insert_takes_the_columns_it_is_given(store: Store) -> None:
    add = insert(table_of(IdempotencyKey))
    row = {"scope": "s", "key": "k", "body_hash": "h", "status": 200, "answer": {}, "created_at": NOON}

    def work(session: Session) -> list[int]:
        return [execute(session, add, {**row, "key": f"k{number}"}).rowcount for number in range(3)]

    assert await store.write(work) == [1, 1, 1]
    with pytest.raises(IntegrityError):
        await store.write(lambda session: execute(session, add, {"scope": "s", "key": "new"}))


# One session for many pieces of work, one after the other: none may notice what another left in it


class Broken(Exception):
    """What a piece of work of the tests fails with."""


def leaves_nothing_but_rows(session: Session) -> None:
    session.add(Programme(id="a-row", created_at=NOON))


def raises_with_something_pending(session: Session) -> None:
    session.add(Programme(id="pending", created_at=NOON))
    raise Broken


def raises_after_a_flush(session: Session) -> None:
    session.add(Programme(id="flushed", created_at=NOON))
    session.flush()
    ADD.run(session, programme("hot"))
    raise Broken


def raises_within_a_savepoint_that_stays_open(session: Session) -> None:
    session.begin_nested()
    ADD.run(session, programme("nested"))
    raise Broken


def raises_after_deleting(session: Session) -> None:
    session.delete(session.get_one(Programme, "there"))
    session.flush()
    raise Broken


def fails_to_flush(session: Session) -> None:
    session.add(Programme(id="there", created_at=NOON))
    session.flush()


def fails_to_flush_and_goes_on(session: Session) -> None:
    session.add(Programme(id="there", created_at=NOON))
    with pytest.raises(IntegrityError):
        session.flush()
    ADD.run(session, programme("after-a-failure"))


def rolls_back_and_goes_on(session: Session) -> None:
    session.add(Programme(id="there", created_at=NOON))
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()
    ADD.run(session, programme("after-a-rollback"))
    session.add(Programme(id="after-a-rollback-too", created_at=NOON))


FAILING = (
    raises_with_something_pending,
    raises_after_a_flush,
    raises_within_a_savepoint_that_stays_open,
    raises_after_deleting,
    fails_to_flush,
    fails_to_flush_and_goes_on,
    rolls_back_and_goes_on,
)


def expires_what_it_changed(session: Session) -> Programme:
    there = session.get_one(Programme, "there")
    there.created_at = NOON + timedelta(days=1)
    session.flush()
    session.expire(there)
    return there


def changes_what_is_expunged(session: Session) -> Programme:
    there = session.get_one(Programme, "there")
    session.expunge(there)
    there.created_at = NOON + timedelta(days=99)
    return there


def opens_a_savepoint_and_leaves_it(session: Session) -> None:
    session.begin_nested()


def leaves_a_note(session: Session) -> None:
    session.info["note"] = "a cache of something that may be undone"


LEAVING = (
    leaves_nothing_but_rows, expires_what_it_changed, changes_what_is_expunged, opens_a_savepoint_and_leaves_it,
    leaves_a_note,
)  # fmt: skip


def looks_around(session: Session) -> tuple[list[object], list[object], set[str], bool]:
    """What a session has before its work has done anything: nothing."""
    known: list[object] = list(session.identity_map.values())
    notes = set(session.info) - {"driver"}
    return known, [*session.new, *session.dirty, *session.deleted], notes, session.in_nested_transaction()


UNTOUCHED: tuple[list[object], list[object], set[str], bool] = ([], [], set(), False)


async def together(store: Store, *works: Callable[[Session], Any]) -> list[Any]:
    """Run pieces of work so that they share a group, where there are groups: they queue while one takes its time."""
    busy = asyncio.create_task(store.write(lambda session: session.execute(select(func.count()).select_from(Member))))
    await asyncio.sleep(0)
    found = await asyncio.gather(*(store.write(work) for work in works), return_exceptions=True)
    await asyncio.gather(busy, return_exceptions=True)
    return found


@pytest.mark.parametrize("fails", FAILING)
async def test_work_that_fails_leaves_nothing_to_the_work_before_and_after_it(
    store: Store, fails: Callable[[Session], Any]
) -> None:
    await store.write(lambda session: ADD.run(session, programme("there")))
    before, failed, seen, after = await together(
        store,
        lambda session: ADD.run(session, programme("before")),
        fails,
        looks_around,
        lambda session: ADD.run(session, programme("later")),
    )
    assert (before, seen, after) == (1, UNTOUCHED, 1)
    assert isinstance(failed, (Broken, IntegrityError, RuntimeError, PendingRollbackError, DBAPIError))
    assert await store.read(names) == ["before", "later", "there"]
    with pytest.raises((Broken, IntegrityError, RuntimeError, PendingRollbackError, DBAPIError)):
        await store.write(fails)  # the same alone
    assert await store.write(looks_around) == UNTOUCHED
    assert await store.read(names) == ["before", "later", "there"]


@pytest.mark.parametrize("leaves", LEAVING)
async def test_work_that_succeeds_leaves_no_object_to_the_next(store: Store, leaves: Callable[[Session], Any]) -> None:
    await store.write(lambda session: ADD.run(session, programme("there")))
    left, seen, moment = await together(
        store, leaves, looks_around, lambda session: FIND.first(session, {"id": "there"}).created_at
    )
    assert not isinstance(left, BaseException)
    assert seen == UNTOUCHED
    if leaves is not expires_what_it_changed:  # that one was written
        assert moment == NOON
    if isinstance(left, Programme):
        assert inspect(left).detached


async def test_an_object_that_somebody_holds_on_to_is_read_anew_by_the_next(store: Store) -> None:
    await store.write(lambda session: ADD.run(session, programme("cafe")))
    held = await store.write(lambda session: session.get_one(Programme, "cafe"))
    later = NOON + timedelta(days=1)
    await store.write(lambda session: session.execute(update(Programme).values(created_at=later)).close())
    again = await store.write(lambda session: session.get_one(Programme, "cafe"))
    assert (held.created_at, again.created_at) == (NOON, later)
    assert held is not again


async def test_callers_that_go_away_take_nothing_along_and_leave_nothing(store: Store) -> None:
    tasks = [
        asyncio.create_task(store.write(lambda session, name=f"p{number:02}": session.add(  # type: ignore[misc]  # a lambda with a default
            Programme(id=name, created_at=NOON)
        )))
        for number in range(30)
    ]  # fmt: skip
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    found = await store.read(names)
    assert {f"p{number:02}" for number in range(30) if number % 3} <= set(found)
    assert await store.write(looks_around) == UNTOUCHED


async def test_a_mixture_of_all_that_can_go_wrong_does_what_each_piece_does_alone(store: Store) -> None:
    await store.write(lambda session: ADD.run(session, programme("there")))

    def adds(name: str) -> Callable[[Session], str]:
        def work(session: Session) -> str:
            assert looks_around(session) == UNTOUCHED
            session.add(Programme(id=name, created_at=NOON))
            session.flush()
            ADD.run(session, programme(f"{name}-hot"))
            return name

        return work

    works = [work for number, fails in enumerate(FAILING * 2) for work in (adds(f"p{number:02}"), fails)]
    found = await together(store, *works)
    assert found[::2] == [f"p{number:02}" for number in range(len(FAILING) * 2)]
    assert all(isinstance(one, BaseException) for one in found[1::2])
    wanted = [name for number in range(len(FAILING) * 2) for name in (f"p{number:02}", f"p{number:02}-hot")]
    assert await store.read(names) == [*wanted, "there"]


async def test_work_that_cannot_be_committed_takes_nobody_along(sqlite_database: str) -> None:
    """What it broke is looked at when the group is committed, which is undone as a whole; then each runs alone."""
    store = open_store(sqlite_database)

    def owes_a_member(session: Session) -> None:
        session.execute(text("PRAGMA defer_foreign_keys = ON"))
        Hot(insert(table_of(Balance))).run(session, dict.fromkeys(table_of(Balance).c.keys(), 0) | {"member_id": "no"})

    before, failed, seen, after = await together(
        store,
        lambda session: ADD.run(session, programme("a")),
        owes_a_member,
        looks_around,
        lambda session: ADD.run(session, programme("b")),
    )
    assert (before, seen, after) == (1, UNTOUCHED, 1)
    assert isinstance(failed, IntegrityError)
    await store.write(lambda session: ADD.run(session, programme("c")))
    assert await store.read(names) == ["a", "b", "c"]
    await store.close()


async def test_nothing_is_written_after_the_database_has_ended_a_transaction_by_itself(sqlite_database: str) -> None:
    """As SQLite does when the disk is full: each further statement would stay, as nobody could undo it."""
    store = open_store(sqlite_database)

    def goes_on(session: Session) -> None:
        session.execute(text("ROLLBACK"))
        ADD.run(session, programme("after-the-end"))

    adds = [lambda session, name=name: ADD.run(session, programme(name)) for name in ("a", "b")]
    before, failed, after = await together(store, adds[0], goes_on, adds[1])
    assert (before, after) == (1, 1)
    assert "undid it" in str(failed)
    assert await store.read(names) == ["a", "b"]
    await store.close()


async def test_a_database_that_is_busy_for_too_long_refuses_one_group_and_takes_the_next(
    sqlite_database: str,
) -> None:
    store = SqliteStore(store_url(sqlite_database), patience=0.05)
    await store.write(lambda session: ADD.run(session, programme("a")))
    other = sqlite3.connect(sqlite_database.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    found = await together(store, lambda session: ADD.run(session, programme("b")), looks_around)
    assert all(isinstance(one, StoreUnavailable) for one in found)
    other.execute("ROLLBACK")
    other.close()
    await store.write(lambda session: ADD.run(session, programme("c")))
    assert await store.read(names) == ["a", "c"]
    await store.close()
