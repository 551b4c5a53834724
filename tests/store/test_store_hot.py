"""Hot statements: the same values in and out as SQLAlchemy's own way, in the same transaction, with the same errors."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, MultipleResultsFound, NoResultFound
from sqlalchemy.orm import Session

from loyalty.errors import StoreUnavailable
from loyalty.ids import new_id
from loyalty.store import Store
from loyalty.store.hot import Hot, NotHot
from loyalty.store.sql import execute, table_of
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
