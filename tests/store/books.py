"""All that a database says about points, read at once, for tests that prove it."""

from collections import Counter
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.books.overview import Points
from loyalty.tables import Balance, Entry, Lot, Transaction


class LotRow(NamedTuple):
    id: str
    member: str
    pending: int
    remaining: int


class EntryRow(NamedTuple):
    transaction: str
    member: str
    origin: str | None
    account: str
    lot: str | None
    amount: int


@dataclass(frozen=True)
class Books:
    """All that the database says about points."""

    balances: dict[str, Points]
    lots: list[LotRow]
    entries: list[EntryRow]


def read_books(session: Session) -> Books:
    balance = select(
        Balance.member_id, Balance.available, Balance.pending, Balance.held, Balance.debt, Balance.lifetime
    )
    lot = select(Lot.id, Lot.member_id, Lot.pending, Lot.remaining).order_by(Lot.id)
    entry = select(
        Transaction.id, Transaction.member_id, Transaction.origin, Entry.account, Entry.lot_id, Entry.amount
    ).join(Transaction, Transaction.id == Entry.transaction_id)
    return Books(
        {member: Points(*points) for member, *points in session.execute(balance)},
        [LotRow(*row) for row in session.execute(lot)],
        [EntryRow(*row) for row in session.execute(entry)],
    )


def sums(entries: list[EntryRow], *by: str) -> Counter[Any]:
    """The points of entries that have these fields in common; nothing for those that do not occur."""
    found: Counter[Any] = Counter()
    key = attrgetter(*by)
    for entry in entries:
        found[key(entry)] += entry.amount
    return found
