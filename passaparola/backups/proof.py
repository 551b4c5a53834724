"""What proves that a copy is whole: the audit of its ledger, and the heads of the hash chains."""

import hashlib
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.books.audit import audit
from loyalty.store import open_store
from loyalty.tables import Chain
from passaparola.errors import CommandError


@dataclass(frozen=True, slots=True)
class Proof:
    """A ledger that was proved: how much there is, and one hash over the heads of all its chains."""

    transactions: int
    entries: int
    heads: str

    def __str__(self) -> str:
        return f"{self.transactions} transactions, {self.entries} entries, heads {self.heads[:16]}"


async def prove(url: str) -> Proof:
    """Prove the ledger of a database. Raises `CommandError` with what is wrong first."""
    store = open_store(url)
    try:
        return await store.read(_proof)
    finally:
        await store.close()


def _proof(session: Session) -> Proof:
    result = audit(session)
    if result.findings:
        raise CommandError(f"the ledger in it is broken: {result.findings[0]}; use another backup")
    return Proof(result.transactions, result.entries, heads(session))


def heads(session: Session) -> str:
    """One hash over where every chain of the ledger ends: the same for the same ledger, wherever it lies."""
    query = select(Chain.programme_id, Chain.number, Chain.length, Chain.head)
    digest = hashlib.sha256()
    for row in session.execute(query.order_by(Chain.programme_id, Chain.number)):
        digest.update(f"{row.programme_id}\0{row.number}\0{row.length}\0{row.head}\n".encode())
    return digest.hexdigest()
