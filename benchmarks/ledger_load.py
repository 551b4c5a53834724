"""Purchases posted through the store: one transaction each with many in flight, or many in one transaction."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count, islice
from time import perf_counter
from typing import TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from benchmarks.ledger_stores import EXPIRES, MEMO, NOW, POINTS, member_id
from benchmarks.load import WrongAnswer
from loyalty.books.ledger import lock_all
from loyalty.books.points import Books, open_books
from loyalty.books.rows import Beside
from loyalty.ids import Cause, new_id
from loyalty.money import Money
from loyalty.orders.purchases import PurchaseReport, record_purchase
from loyalty.programme import Programme
from loyalty.store import Store
from loyalty.store.sql import table_of
from loyalty.tables import Member, Purchase

Post: TypeAlias = Callable[[Session, int, bool], None]
"""Posts a purchase of the member with this number, whom the caller may have locked."""

_AMOUNT = Money(Decimal("42.50"), "EUR")
_PURCHASE = table_of(Purchase)


def moments() -> Iterator[datetime]:
    """When orders are placed: each a millisecond after the one before, as no till sells all day at one moment."""
    return (NOW + timedelta(milliseconds=number) for number in count())


def the_rows(programme: Programme, when: Iterator[datetime]) -> Post:
    """The rows that the raw purchase writes, by the ledger's own means. They count as recorded by these rules."""

    def post(session: Session, owner: int, locked: bool) -> None:
        member, key, at = member_id(owner), new_id(), next(when)
        if locked:
            books = Books(session, programme.id, member, NOW)
        else:
            books = open_books(session, programme.id, member, now=NOW)
        order = Beside(_PURCHASE, {
            "id": key, "programme_id": programme.id, "member_id": member, "key": key, "amount": _AMOUNT.amount,
            "currency": _AMOUNT.currency, "lines": [], "occurred_at": at, "recorded_at": NOW,
            "revision": programme.revision, "paid": _AMOUNT.amount, "points": POINTS, "content_hash": key,
        })  # fmt: skip
        cause = Cause(f"purchase:{key}")
        books.earn(
            POINTS, cause=cause, kind="purchase", origin=cause, occurred_at=at, activates_at=NOW, expires_at=EXPIRES,
            memo=dict(MEMO), beside=order,
        )  # fmt: skip

    return post


def the_order(programme: Programme, when: Iterator[datetime]) -> Post:
    """What the service does with an order once it knows the member."""

    def post(session: Session, owner: int, _locked: bool) -> None:
        member = Member(id=member_id(owner), programme_id=programme.id)
        record_purchase(session, programme, member, PurchaseReport(new_id(), _AMOUNT, next(when)), now=NOW)

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
        together = len(owners) > 1
        if together:
            lock_all(session, [member_id(owner) for owner in owners])
        for owner in owners:
            post(session, owner, together)

    return work


async def _posted(store: Store) -> int:
    return await store.read(lambda session: session.scalar(select(func.count()).select_from(Purchase)) or 0)
