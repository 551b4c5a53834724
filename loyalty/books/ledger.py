"""The ledger: append-only, double-entry, in whole points.

A transaction is a set of legs that sum to zero. Each names its cause (a business key) and happens once.
Member accounts: `pending`, `available`, `held`, `debt`. The programme's own accounts are where points come
from and go to: `issued`, `redeemed`, `expired`, and `transfer`, through which they pass from one member to another.
Every leg on a member's points names the lot it moves, so a spend knows which purchase it came from. Balances and the
`remaining` of lots are caches of the entries.

A transaction is linked to the one before it in its chain by a hash; `loyalty.books.audit` proves the chain.
"""

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.books import rows
from loyalty.books.posting import (
    CHAINS,
    EARNING,
    GENESIS,
    MERGE,
    Account,
    Leg,
    NewLot,
    Position,
    Posting,
    chain_of,
    link_hash,
)
from loyalty.books.rows import Beside
from loyalty.ids import Cause, MemberId, ProgrammeId, TransactionId, new_id
from loyalty.tables import Balance, Transaction

__all__ = [
    "CHAINS",
    "EARNING",
    "GENESIS",
    "MERGE",
    "Account",
    "Beside",
    "Leg",
    "NewLot",
    "Position",
    "Posting",
    "chain_of",
    "find",
    "is_posted",
    "link_hash",
    "lock",
    "lock_all",
    "post",
    "read_position",
    "take_lock",
]


def find(session: Session, programme: ProgrammeId, cause: Cause) -> Transaction | None:
    """The transaction that has this cause, if it was posted."""
    return session.scalar(select(Transaction).where(Transaction.programme_id == programme, Transaction.cause == cause))


def is_posted(session: Session, programme: ProgrammeId, cause: Cause) -> bool:
    """Whether a transaction has this cause."""
    return rows.is_posted(session, programme, cause)


def lock(session: Session, member: MemberId) -> Balance:
    """The member's balance, locked until the transaction ends. Everything that posts begins here."""
    take_lock(session, member)
    return session.get_one(Balance, member)


def take_lock(session: Session, member: MemberId, *, name: str | None = None) -> None:
    """As `lock`, for who does not look at the balance. `name` is locked before it (as by `lock_name`)."""
    session.flush()
    rows.lock(session, member, name)


def lock_all(session: Session, members: Collection[MemberId]) -> None:
    """Lock several members and their chains, so that postings for them in any order find no deadlock on Postgres.

    To be called before the transaction's first posting. Balances are locked by id, then chains by number, as by a
    transaction that posts for one member. Who is no member is passed over. On SQLite a writer is alone anyway.
    """
    session.flush()
    rows.lock_all(session, members)


def read_position(session: Session, programme: ProgrammeId, member: MemberId) -> Position:
    """Where a locked member stands. Her chain is locked from here on, so posting should be next."""
    session.flush()
    return rows.read_position(session, programme, member)


def post(
    session: Session, posting: Posting, *, now: datetime, at: Position | None = None, beside: Beside | None = None
) -> TransactionId:
    """Post a transaction, bring the caches along and link it to its chain.

    The caller has locked the member and knows the cause to be new. `at` is her position, if it was just read; `beside`
    is a row to be written with it. Raises `Refused` (reason `points`) if an account of the member would go below zero.
    """
    if sum(leg.amount for leg in posting.legs) != 0 or not posting.legs:
        raise ValueError(f"{posting.cause}: the legs of a transaction must sum to zero")
    before = at or read_position(session, posting.programme, posting.member)
    after = before.after(posting)
    transaction = TransactionId(new_id())
    number = chain_of(posting.member)
    occurred_at, posted_at, memo = posting.occurred_at.astimezone(UTC), now.astimezone(UTC), dict(posting.memo)
    hash_ = link_hash(
        before.head,
        [
            transaction, posting.programme, posting.member, posting.cause, posting.kind, posting.origin,
            occurred_at.isoformat(), posted_at.isoformat(), memo, number, after.length,
        ],
        [[leg.account, leg.lot, leg.amount] for leg in posting.legs],
    )  # fmt: skip
    row = {
        "id": transaction, "programme_id": posting.programme, "member_id": posting.member, "cause": posting.cause,
        "kind": posting.kind, "origin": posting.origin, "occurred_at": occurred_at, "posted_at": posted_at,
        "memo": memo, "chain": number, "sequence": after.length, "previous": before.head, "hash": hash_,
    }  # fmt: skip
    rows.write(session, row, posting, after, beside)
    return transaction
