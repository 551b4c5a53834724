"""The ledger and its caches. Ledger rows are only ever added."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from loyalty.tables.base import Base, Identifier, Serial


class Balance(Base):
    """A cache of the member's entries, and the row that is locked while her ledger changes."""

    __tablename__ = "balance"
    __table_args__ = (
        CheckConstraint("available >= 0 AND pending >= 0 AND held >= 0 AND debt >= 0", name="not_negative"),
    )
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), primary_key=True)
    available: Mapped[int] = mapped_column(BigInteger, default=0)
    pending: Mapped[int] = mapped_column(BigInteger, default=0)
    held: Mapped[int] = mapped_column(BigInteger, default=0)
    debt: Mapped[int] = mapped_column(BigInteger, default=0)
    lifetime: Mapped[int] = mapped_column(BigInteger, default=0)


class Chain(Base):
    """The newest link of one hash chain; a member's transactions always go to the same chain."""

    __tablename__ = "ledger_chain"
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    length: Mapped[int] = mapped_column(BigInteger)
    head: Mapped[str] = mapped_column(String(64))


class Transaction(Base):
    """A balanced change of the ledger. Never updated, never deleted (a trigger sees to it)."""

    __tablename__ = "ledger_transaction"
    __table_args__ = (
        UniqueConstraint("programme_id", "cause"),
        UniqueConstraint("programme_id", "chain", "sequence"),
        Index(None, "member_id", "id"),
        Index(None, "programme_id", "origin"),
    )
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    cause: Mapped[str] = mapped_column(String(250))
    kind: Mapped[str] = mapped_column(String(32))
    origin: Mapped[str | None] = mapped_column(String(250))
    occurred_at: Mapped[datetime]
    posted_at: Mapped[datetime]
    memo: Mapped[dict[str, Any]]
    chain: Mapped[int]
    sequence: Mapped[int] = mapped_column(BigInteger)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    entries: Mapped[list["Entry"]] = relationship(order_by="Entry.id", viewonly=True)


class Entry(Base):
    """One leg of a transaction: so many points into (or out of) one account, of one lot."""

    __tablename__ = "ledger_entry"
    __table_args__ = (Index(None, "transaction_id"), Index(None, "lot_id"))
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    transaction_id: Mapped[str] = mapped_column(ForeignKey("ledger_transaction.id"))
    account: Mapped[str] = mapped_column(String(16))
    lot_id: Mapped[str | None] = mapped_column(ForeignKey("lot.id"))
    amount: Mapped[int] = mapped_column(BigInteger)


class Lot(Base):
    """Points earned together. `remaining` caches what is available of it; the entries are the truth."""

    __tablename__ = "lot"
    __table_args__ = (
        Index(None, "member_id", "expires_at"),
        Index("ix_lot_due", "programme_id", "expires_at"),
        Index("ix_lot_pending", "programme_id", "activates_at"),
        CheckConstraint("remaining >= 0 AND pending >= 0", name="not_negative"),
    )
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    origin: Mapped[str] = mapped_column(String(250))
    """The business key of what was earned (`purchase:…`), so that a refund finds its lots."""
    remaining: Mapped[int] = mapped_column(BigInteger)
    pending: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    activates_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
