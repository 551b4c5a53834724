"""Proof of the ledger: every transaction sums to zero, caches equal the entries, the hash chains hold.

Reads the ledger once, in order, page by page, with memory that does not grow with it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from loyalty.books import audit_caches
from loyalty.books.posting import GENESIS, LIFETIME, MERGE, Account, link_hash
from loyalty.store.hot import Hot
from loyalty.store.sql import table_of
from loyalty.tables import Chain, Entry, Transaction

PAGE = 1000
MOST = 50
"""Findings that are named; a broken ledger is broken after the first."""

_CHAIN, _POSTED, _ENTRY = table_of(Chain), table_of(Transaction), table_of(Entry)
_CHAINS = Hot(select(_CHAIN).order_by(_CHAIN.c.programme_id, _CHAIN.c.number))
_OF_CHAIN = (_POSTED.c.programme_id == bindparam("programme"), _POSTED.c.chain == bindparam("number"))
_PAGE = Hot(
    select(_POSTED)
    .where(*_OF_CHAIN, _POSTED.c.sequence > bindparam("after"))
    .order_by(_POSTED.c.sequence)
    .limit(bindparam("most"))
)
_LEGS = Hot(
    select(_ENTRY.c.transaction_id, _ENTRY.c.account, _ENTRY.c.lot_id, _ENTRY.c.amount)
    .join(_POSTED, _POSTED.c.id == _ENTRY.c.transaction_id)
    .where(*_OF_CHAIN, _POSTED.c.sequence > bindparam("after"), _POSTED.c.sequence <= bindparam("upto"))
    .order_by(_ENTRY.c.id)
)
_TRANSACTIONS = Hot(select(func.count().label("number")).select_from(_POSTED))
_ENTRIES = Hot(select(func.count().label("number")).select_from(_ENTRY))


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit went through, and what it found wrong, a line each."""

    transactions: int
    entries: int
    findings: tuple[str, ...]


def audit(session: Session) -> Audit:
    """Prove the whole ledger of the installation."""
    session.flush()
    proof = _Proof(session)
    findings = tuple(islice(proof.findings(), MOST))
    return Audit(proof.transactions, proof.entries, findings)


class _Proof:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.transactions = 0
        self.entries = 0
        self._transferred: Counter[str] = Counter()
        """By programme: what is in `transfer`, and what merges have done to the earnings of a life."""
        self._life: Counter[str] = Counter()

    def findings(self) -> Iterator[str]:
        for chain in _CHAINS.all(self._session, {}):
            yield from self._chain(chain)
        yield from self._strays()
        yield from self._transfers()
        yield from audit_caches.balances(self._session, PAGE)
        yield from audit_caches.lots(self._session, PAGE)

    def _chain(self, chain: Any) -> Iterator[str]:
        previous, length = GENESIS, 0
        where = f"programme {chain.programme_id}, chain {chain.number}"
        place = {"programme": chain.programme_id, "number": chain.number}
        while page := _PAGE.all(self._session, {**place, "after": length, "most": PAGE}):
            legs = self._legs({**place, "after": length, "upto": page[-1].sequence})
            for row in page:
                length += 1
                if row.sequence != length:
                    yield f"{where}: transaction {length} is missing (found number {row.sequence})"
                    return
                mine = legs.get(row.id, [])
                if sum(leg[2] for leg in mine) != 0:
                    yield f"transaction {row.id} ({row.cause}) does not sum to zero"
                if row.previous != previous or row.hash != _hash(row, mine):
                    yield f"transaction {row.id} ({row.cause}) was altered: its hash does not fit"
                previous = row.hash
                self._count(row, mine)
        if (length, previous) != (chain.length, chain.head):
            yield f"{where}: ends after {length} transactions, {chain.length} were posted"

    def _legs(self, which: dict[str, Any]) -> dict[str, list[list[Any]]]:
        legs: dict[str, list[list[Any]]] = {}
        for transaction, *leg in _LEGS.all(self._session, which):
            legs.setdefault(transaction, []).append(leg)
        return legs

    def _count(self, row: Any, legs: list[list[Any]]) -> None:
        self.transactions += 1
        self.entries += len(legs)
        if row.kind == MERGE:
            self._transferred[row.programme_id] += sum(leg[2] for leg in legs if leg[0] == Account.TRANSFER)
            self._life[row.programme_id] += row.memo.get(LIFETIME, 0)

    def _strays(self) -> Iterator[str]:
        posted = _TRANSACTIONS.first(self._session, {}).number
        if posted != self.transactions:
            yield f"{posted - self.transactions} transactions belong to no chain"
        entries = _ENTRIES.first(self._session, {}).number
        if entries != self.entries:
            yield f"{entries - self.entries} entries belong to no transaction"

    def _transfers(self) -> Iterator[str]:
        for programme, points in sorted(self._transferred.items()):
            if points:
                yield f"programme {programme}: {points} points were handed over and did not arrive"
        for programme, points in sorted(self._life.items()):
            if points:
                yield f"programme {programme}: merges change what was earned in all lives by {points} points"


def _hash(row: Any, legs: list[list[Any]]) -> str:
    head = [
        row.id, row.programme_id, row.member_id, row.cause, row.kind, row.origin,
        row.occurred_at.isoformat(), row.posted_at.isoformat(), row.memo, row.chain, row.sequence,
    ]  # fmt: skip
    return link_hash(row.previous, head, legs)
