"""The ledger: append-only, double-entry, in whole points.

A transaction is a set of legs that sum to zero. Each names its cause (a business key) and happens once.
Member accounts: `pending`, `available`, `held`, `debt`. The programme's own accounts are where points come
from and go to: `issued`, `redeemed`, `expired`. Every leg on a member's points names the lot it moves, so a
spend knows which purchase it came from. Balances and the `remaining` of lots are caches of the entries.

A transaction is linked to the one before it in its chain by a hash; `loyalty.audit` proves the chain.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from loyalty.errors import Refused
from loyalty.ids import Cause, LotId, MemberId, ProgrammeId, TransactionId, new_id
from loyalty.store.sql import insert_once
from loyalty.tables import Balance, Chain, Entry, Lot, Transaction

CHAINS = 16
"""Hash chains a programme has: postings of different members rarely wait for one another on Postgres."""
GENESIS = "0" * 64


class Account(StrEnum):
    """Where points can be. The first four belong to a member, the others to the programme."""

    PENDING = "pending"
    AVAILABLE = "available"
    HELD = "held"
    DEBT = "debt"
    ISSUED = "issued"
    REDEEMED = "redeemed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Leg:
    """So many points into (positive) or out of (negative) an account."""

    account: Account
    amount: int
    lot: LotId | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """A transaction to be posted for one member."""

    programme: ProgrammeId
    member: MemberId
    cause: Cause
    kind: str
    origin: str | None
    """What the points were earned by, where the posting gives, takes or moves points of one origin."""
    occurred_at: datetime
    legs: tuple[Leg, ...]
    memo: Mapping[str, Any]


def find(session: Session, programme: ProgrammeId, cause: Cause) -> Transaction | None:
    """The transaction that has this cause, if it was posted."""
    return session.scalar(select(Transaction).where(Transaction.programme_id == programme, Transaction.cause == cause))


def lock(session: Session, member: MemberId) -> Balance:
    """The member's balance, locked until the transaction ends. Everything that posts begins here."""
    session.flush()
    return session.execute(
        select(Balance).where(Balance.member_id == member).with_for_update().execution_options(populate_existing=True)
    ).scalar_one()


def post(session: Session, posting: Posting, *, now: datetime) -> TransactionId:
    """Post a transaction, bring the caches along and link it to its chain.

    The caller has locked the member and knows the cause to be new. Raises `Refused` (reason `points`) if
    an account of the member would go below zero.
    """
    if sum(leg.amount for leg in posting.legs) != 0 or not posting.legs:
        raise ValueError(f"{posting.cause}: the legs of a transaction must sum to zero")
    balance = session.get_one(Balance, posting.member)
    for leg in posting.legs:
        _apply(session, balance, leg)
    if posting.kind in EARNING:
        balance.lifetime += sum(-leg.amount for leg in posting.legs if leg.account is Account.ISSUED)
    transaction = TransactionId(new_id())
    number, sequence, previous = _next_link(session, posting)
    occurred_at = posting.occurred_at.astimezone(UTC)
    hash_ = link_hash(
        previous,
        [
            transaction, posting.programme, posting.member, posting.cause, posting.kind, posting.origin,
            occurred_at.isoformat(), now.astimezone(UTC).isoformat(), dict(posting.memo), number, sequence,
        ],
        [[leg.account, leg.lot, leg.amount] for leg in posting.legs],
    )  # fmt: skip
    session.execute(
        insert(Transaction).values(
            id=transaction, programme_id=posting.programme, member_id=posting.member, cause=posting.cause,
            kind=posting.kind, origin=posting.origin, occurred_at=occurred_at, posted_at=now, memo=dict(posting.memo),
            chain=number, sequence=sequence, previous=previous, hash=hash_,
        )
    )  # fmt: skip
    session.flush()  # the lots the entries point to
    session.execute(
        insert(Entry),
        [
            {"transaction_id": transaction, "account": str(leg.account), "lot_id": leg.lot, "amount": leg.amount}
            for leg in posting.legs
        ],
    )
    chain = session.get_one(Chain, (posting.programme, number))
    chain.length, chain.head = sequence, hash_
    session.flush()
    return transaction


EARNING = frozenset(
    {
        "purchase", "refund", "cancellation", "edit", "correction", "activity", "join", "referral", "adjustment",
        "import", "game", "goal",
    }
)  # fmt: skip
"""The kinds that change what a member has earned in her life (a refund takes it back)."""


def link_hash(previous: str, head: list[Any], legs: Iterable[list[Any]]) -> str:
    """The hash that links a transaction to the one before it: SHA-256 over both, in one canonical spelling."""
    text = json.dumps([previous, head, list(legs)], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def chain_of(member: MemberId) -> int:
    """The chain on which all transactions of a member lie."""
    return zlib.crc32(member.encode()) % CHAINS


def _next_link(session: Session, posting: Posting) -> tuple[int, int, str]:
    number = chain_of(posting.member)
    query = (
        select(Chain)
        .where(Chain.programme_id == posting.programme, Chain.number == number)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    chain = session.scalar(query)
    if chain is None:
        start = {"programme_id": posting.programme, "number": number, "length": 0, "head": GENESIS}
        insert_once(session, Chain, start)
        chain = session.execute(query).scalar_one()
    return number, chain.length + 1, chain.head


def _apply(session: Session, balance: Balance, leg: Leg) -> None:
    """Move a leg in the caches; a member's account never goes below zero."""
    match leg.account:
        case Account.PENDING:
            balance.pending += leg.amount
            _lot(session, leg).pending += leg.amount
            left = balance.pending
        case Account.AVAILABLE:
            balance.available += leg.amount
            if leg.lot is not None:
                _lot(session, leg).remaining += leg.amount
            left = balance.available
        case Account.HELD:
            balance.held += leg.amount
            left = balance.held
        case Account.DEBT:
            balance.debt -= leg.amount  # a debt is shown as what is owed
            left = balance.debt
        case _:
            return
    if left < 0:
        raise Refused("points", f"not enough {leg.account} points", missing=-left)


def _lot(session: Session, leg: Leg) -> Lot:
    return session.get_one(Lot, leg.lot)
