"""Proof of the ledger: every transaction sums to zero, caches equal the entries, the hash chains hold.

Reads the ledger once, in order, with memory that does not grow with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from loyalty.ledger import EARNING, GENESIS, Account, link_hash
from loyalty.tables import Balance, Chain, Entry, Lot, Transaction

PAGE = 1000
MOST = 50
"""Findings that are named; a broken ledger is broken after the first."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit went through, and what it found wrong, a line each."""

    transactions: int
    entries: int
    findings: tuple[str, ...]


def audit(session: Session) -> Audit:
    """Prove the whole ledger of the installation."""
    proof = _Proof(session)
    findings = tuple(islice(proof.findings(), MOST))
    return Audit(proof.transactions, proof.entries, findings)


class _Proof:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.transactions = 0
        self.entries = 0

    def findings(self) -> Iterator[str]:
        for chain in self._session.scalars(select(Chain).order_by(Chain.programme_id, Chain.number)).all():
            yield from self._chain(chain)
        yield from self._strays()
        yield from self._balances()
        yield from self._lots()

    def _chain(self, chain: Chain) -> Iterator[str]:
        previous, length = GENESIS, 0
        where = f"programme {chain.programme_id}, chain {chain.number}"
        while page := self._page(chain, length):
            legs = self._legs([row.id for row in page])
            for row in page:
                length += 1
                if row.sequence != length:
                    yield f"{where}: transaction {length} is missing (found number {row.sequence})"
                    return
                mine = legs.get(row.id, [])
                if sum(leg[2] for leg in mine) != 0:  # type: ignore[misc]  # account, lot, amount
                    yield f"transaction {row.id} ({row.cause}) does not sum to zero"
                if row.previous != previous or row.hash != _hash(row, mine):
                    yield f"transaction {row.id} ({row.cause}) was altered: its hash does not fit"
                previous = row.hash
                self.transactions += 1
                self.entries += len(mine)
            self._session.expunge_all()
        if (length, previous) != (chain.length, chain.head):
            yield f"{where}: ends after {length} transactions, {chain.length} were posted"

    def _page(self, chain: Chain, after: int) -> list[Transaction]:
        query = (
            select(Transaction)
            .where(
                Transaction.programme_id == chain.programme_id,
                Transaction.chain == chain.number,
                Transaction.sequence > after,
            )
            .order_by(Transaction.sequence)
            .limit(PAGE)
        )
        return list(self._session.scalars(query))

    def _legs(self, transactions: list[str]) -> dict[str, list[list[object]]]:
        legs: dict[str, list[list[object]]] = {}
        query = (
            select(Entry.transaction_id, Entry.account, Entry.lot_id, Entry.amount)
            .where(Entry.transaction_id.in_(transactions))
            .order_by(Entry.id)
        )
        for transaction, account, lot, amount in self._session.execute(query):
            legs.setdefault(transaction, []).append([account, lot, amount])
        return legs

    def _strays(self) -> Iterator[str]:
        posted = self._session.scalar(select(func.count()).select_from(Transaction)) or 0
        if posted != self.transactions:
            yield f"{posted - self.transactions} transactions belong to no chain"
        entries = self._session.scalar(select(func.count()).select_from(Entry)) or 0
        if entries != self.entries:
            yield f"{entries - self.entries} entries belong to no transaction"

    def _balances(self) -> Iterator[str]:
        def total(account: Account, sign: int = 1) -> object:
            return func.coalesce(func.sum(case((Entry.account == account, sign * Entry.amount), else_=0)), 0)

        earned = case(
            ((Entry.account == Account.ISSUED) & Transaction.kind.in_(sorted(EARNING)), -Entry.amount), else_=0
        )
        sums = (
            select(
                Transaction.member_id,
                total(Account.AVAILABLE).label("available"),  # type: ignore[attr-defined]  # func is untyped
                total(Account.PENDING).label("pending"),  # type: ignore[attr-defined]
                total(Account.HELD).label("held"),  # type: ignore[attr-defined]
                total(Account.DEBT, -1).label("debt"),  # type: ignore[attr-defined]
                func.coalesce(func.sum(earned), 0).label("lifetime"),
            )
            .join(Entry, Entry.transaction_id == Transaction.id)
            .group_by(Transaction.member_id)
            .subquery()
        )
        for name in ("available", "pending", "held", "debt", "lifetime"):
            cached, true = getattr(Balance, name), func.coalesce(sums.c[name], 0)
            wrong = (
                select(Balance.member_id, cached, true)
                .join(sums, sums.c.member_id == Balance.member_id, isouter=True)
                .where(cached != true)
            )
            for member, shown, is_ in self._session.execute(wrong.limit(MOST)):
                yield f"member {member}: {name} is shown as {shown}, the entries say {is_}"

    def _lots(self) -> Iterator[str]:
        for name, account in (("remaining", Account.AVAILABLE), ("pending", Account.PENDING)):
            sums = (
                select(Entry.lot_id, func.sum(Entry.amount).label("points"))
                .where(Entry.account == account, Entry.lot_id.is_not(None))
                .group_by(Entry.lot_id)
                .subquery()
            )
            cached, true = getattr(Lot, name), func.coalesce(sums.c.points, 0)
            wrong = select(Lot.id, cached, true).join(sums, sums.c.lot_id == Lot.id, isouter=True).where(cached != true)
            for lot, shown, is_ in self._session.execute(wrong.limit(MOST)):
                yield f"lot {lot}: {name} is shown as {shown}, the entries say {is_}"


def _hash(row: Transaction, legs: list[list[object]]) -> str:
    head = [
        row.id, row.programme_id, row.member_id, row.cause, row.kind, row.origin,
        row.occurred_at.isoformat(), row.posted_at.isoformat(), row.memo, row.chain, row.sequence,
    ]  # fmt: skip
    return link_hash(row.previous, head, legs)
