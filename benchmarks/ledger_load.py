"""Purchases posted through the store: one transaction each with many in flight, or many in one transaction."""

import asyncio
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from time import perf_counter
from typing import TypeAlias

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from benchmarks.ledger_stores import EXPIRES, MEMO, NOW, POINTS, member_id
from benchmarks.load import WrongAnswer
from loyalty.books.ledger import lock_all
from loyalty.books.points import open_books
from loyalty.ids import Cause, new_id
from loyalty.money import Money
from loyalty.orders.purchases import PurchaseReport, record_purchase
from loyalty.programme import Programme
from loyalty.store import Store
from loyalty.store.hot import Hot
from loyalty.store.sql import table_of
from loyalty.tables import Member, Purchase

Post: TypeAlias = Callable[[Session, int], None]
"""Posts a purchase of the member with this number."""

_AMOUNT = Money(Decimal("42.50"), "EUR")
_ORDER = Hot(insert(table_of(Purchase)))


def the_rows(programme: Programme) -> Post:
    """The rows that the raw purchase writes, by the ledger's own means."""

    def post(session: Session, owner: int) -> None:
        member, key = member_id(owner), new_id()
        books = open_books(session, programme.id, member, now=NOW)
        _ORDER.run(session, {
            "id": key, "programme_id": programme.id, "member_id": member, "key": key, "amount": _AMOUNT.amount,
            "currency": _AMOUNT.currency, "lines": [], "occurred_at": NOW, "recorded_at": NOW,
            "paid": _AMOUNT.amount, "points": POINTS, "content_hash": key,
        })  # fmt: skip
        cause = Cause(f"purchase:{key}")
        books.earn(
            POINTS, cause=cause, kind="purchase", origin=cause, occurred_at=NOW, activates_at=NOW, expires_at=EXPIRES,
            memo=dict(MEMO),
        )  # fmt: skip

    return post


def the_order(programme: Programme) -> Post:
    """What the service does with an order once it knows the member."""

    def post(session: Session, owner: int) -> None:
        member = Member(id=member_id(owner), programme_id=programme.id)
        record_purchase(session, programme, member, PurchaseReport(new_id(), _AMOUNT, NOW), now=NOW)

    return post


async def rate(store: Store, post: Post, owners: Iterator[int], seconds: float, *, batch: int, flying: int) -> float:
    """Purchases per second: `flying` transactions at a time, `batch` purchases in each."""
    before = await _posted(store)
    done = 0
    began = perf_counter()

    async def work() -> None:
        nonlocal done
        while perf_counter() - began < seconds:
            await store.write(_several(post, list(islice(owners, batch))))
            done += batch

    await asyncio.gather(*(work() for _ in range(flying)))
    taken = perf_counter() - began
    if await _posted(store) - before != done:
        raise WrongAnswer("the store has not as many orders as it acknowledged")
    return done / taken


def _several(post: Post, owners: list[int]) -> Callable[[Session], None]:
    def work(session: Session) -> None:
        if len(owners) > 1:
            lock_all(session, [member_id(owner) for owner in owners])
        for owner in owners:
            post(session, owner)

    return work


async def _posted(store: Store) -> int:
    return await store.read(lambda session: session.scalar(select(func.count()).select_from(Purchase)) or 0)
