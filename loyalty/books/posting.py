"""What a posting is: accounts, legs, new lots, the hash that links it. Pure data; `loyalty.books.ledger` posts it."""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from loyalty.errors import Refused
from loyalty.ids import Cause, LotId, MemberId, ProgrammeId

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
    TRANSFER = "transfer"


EARNING = frozenset(
    {
        "purchase", "refund", "cancellation", "edit", "correction", "activity", "join", "referral", "adjustment",
        "import", "game", "goal",
    }
)  # fmt: skip
"""The kinds that change what a member has earned in her life (a refund takes it back)."""
MERGE = "merge"
"""The kind by which one member hands over to another what she has and what she has earned in her life.

The latter is no account of the ledger, so the memo of each side says by how much it changes there: `LIFETIME`.
"""
LIFETIME = "lifetime"
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


@dataclass(frozen=True, slots=True)
class Leg:
    """So many points into (positive) or out of (negative) an account."""

    account: Account
    amount: int
    lot: LotId | None = None


@dataclass(frozen=True, slots=True)
class NewLot:
    """A lot that begins with a posting; the legs say what is in it."""

    id: LotId
    origin: str
    created_at: datetime
    activates_at: datetime
    expires_at: datetime | None


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
    opens: tuple[NewLot, ...] = ()


class Position(NamedTuple):
    """Where a member and her chain stand: her balance, the chain's length and its newest hash."""

    available: int
    pending: int
    held: int
    debt: int
    lifetime: int
    length: int
    head: str

    def after(self, posting: Posting) -> "Position":
        """The position after a posting, but for the hash. Raises `Refused` if an account would fall below zero."""
        available, pending, held, debt, lifetime = self[:5]
        earns = posting.kind in EARNING
        for leg in posting.legs:
            match leg.account:
                case Account.AVAILABLE:
                    available += leg.amount
                case Account.PENDING:
                    pending += leg.amount
                case Account.HELD:
                    held += leg.amount
                case Account.DEBT:
                    debt -= leg.amount  # a debt is shown as what is owed
                case Account.ISSUED if earns:
                    lifetime -= leg.amount
        if posting.kind == MERGE:
            lifetime += posting.memo[LIFETIME]
        for account, left in (
            (Account.PENDING, pending), (Account.AVAILABLE, available), (Account.HELD, held), (Account.DEBT, debt),
        ):  # fmt: skip
            if left < 0:
                raise Refused("points", f"not enough {account} points", missing=-left)
        return Position(available, pending, held, debt, lifetime, self.length + 1, self.head)


def receive(parts: Iterable[tuple[LotId, int]], debt: int) -> Iterator[Leg]:
    """The legs of points that become available: the first of them pay the debt off, the rest goes to the lots."""
    owed = debt
    for lot, amount in parts:
        paid = min(owed, amount)
        owed -= paid
        if amount - paid:
            yield Leg(Account.AVAILABLE, amount - paid, lot)
    if debt - owed:
        yield Leg(Account.DEBT, debt - owed)


def move(parts: Iterable[tuple[LotId, int]], source: Account, target: Account) -> Iterator[Leg]:
    """The legs that move points of lots from one account to another."""
    for lot, amount in parts:
        yield Leg(source, -amount, lot)
        yield Leg(target, amount, lot)


def owe(points: int) -> tuple[Leg, ...]:
    """The legs of points that are taken and not there: a debt."""
    return (Leg(Account.DEBT, -points), Leg(Account.ISSUED, points)) if points else ()


def link_hash(previous: str, head: list[Any], legs: Iterable[list[Any]]) -> str:
    """The hash that links a transaction to the one before it: SHA-256 over both, in one canonical spelling."""
    return hashlib.sha256(_canonical([previous, head, list(legs)]).encode()).hexdigest()


def chain_of(member: MemberId) -> int:
    """The chain on which all transactions of a member lie."""
    return zlib.crc32(member.encode()) % CHAINS
