"""The tables of the store. Everything belongs to a programme; ledger rows are only ever added."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant. SQLite keeps no offset, so values go in as UTC and come out as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs an offset")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class DecimalText(TypeDecorator[Decimal]):
    """An exact decimal, kept as text because SQLite's own numbers are floats."""

    impl = String(24)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


Serial = BigInteger().with_variant(Integer(), "sqlite")
Identifier = String(32)


class Base(DeclarativeBase):
    """Every table of the installation hangs here, so that one migration history covers them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 -- the shape SQLAlchemy prescribes
        datetime: UtcDateTime(),
        Decimal: DecimalText(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
    }


class Programme(Base):
    """A business and its rules; the rules themselves are in its file."""

    __tablename__ = "programme"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime]


class Member(Base):
    """A person in one programme. `joined_at` is empty for somebody who has written but not enrolled."""

    __tablename__ = "member"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    name: Mapped[str | None] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(8))
    language_chosen: Mapped[bool] = mapped_column(default=False)
    """True once the member asked for the language; until then it follows what she writes."""
    referral_code: Mapped[str] = mapped_column(String(16), unique=True)
    marketing_opt_in: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    joined_at: Mapped[datetime | None]


class Identity(Base):
    """One way by which a member is known: WhatsApp's business-scoped user id, a phone, an id of another system."""

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("programme_id", "kind", "value"), Index(None, "member_id"))
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    kind: Mapped[str] = mapped_column(String(16))
    value: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


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


class Purchase(Base):
    """An order as the till or shop reported it; refunds hang on its key, whichever arrives first."""

    __tablename__ = "purchase"
    __table_args__ = (UniqueConstraint("programme_id", "key"), Index(None, "member_id"))
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    key: Mapped[str] = mapped_column(String(200))
    amount: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(String(3))
    lines: Mapped[list[Any]]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    content_hash: Mapped[str] = mapped_column(String(64))


class Refund(Base):
    """Money given back on a purchase. Its effect is the difference between what the order is worth before and after."""

    __tablename__ = "refund"
    __table_args__ = (UniqueConstraint("programme_id", "key"), Index(None, "programme_id", "purchase_key"))
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    key: Mapped[str] = mapped_column(String(200))
    purchase_key: Mapped[str] = mapped_column(String(200))
    amount: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(String(3))
    occurred_at: Mapped[datetime]
    content_hash: Mapped[str] = mapped_column(String(64))


class Redemption(Base):
    """Points set aside for a reward: held, then confirmed or voided, once."""

    __tablename__ = "redemption"
    __table_args__ = (
        UniqueConstraint("programme_id", "key"),
        Index(None, "member_id"),
        Index("ix_redemption_due", "state", "expires_at"),
    )
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    key: Mapped[str] = mapped_column(String(200))
    reward_id: Mapped[str] = mapped_column(String(64))
    points: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class Voucher(Base):
    """What a confirmed redemption gives: a code for the till."""

    __tablename__ = "voucher"
    __table_args__ = (
        UniqueConstraint("programme_id", "code"),
        Index(None, "member_id"),
        Index("ix_voucher_due", "status", "expires_at"),
    )
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    redemption_id: Mapped[str] = mapped_column(ForeignKey("redemption.id"), unique=True)
    reward_id: Mapped[str] = mapped_column(String(64))
    reward_name: Mapped[str] = mapped_column(String(200))
    code: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class Referral(Base):
    """Who brought whom. One referrer a member, for ever."""

    __tablename__ = "referral"
    __table_args__ = (UniqueConstraint("programme_id", "referee_id"), Index(None, "referrer_id"))
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    referrer_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    referee_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    converted_at: Mapped[datetime | None]


class Consent(Base):
    """What a member agreed to or withdrew: the words, the moment, the evidence. Only ever added to."""

    __tablename__ = "consent"
    __table_args__ = (Index(None, "member_id", "id"),)
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    purpose: Mapped[str] = mapped_column(String(32))
    given: Mapped[bool]
    words: Mapped[str] = mapped_column(Text)
    evidence: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]


class IdempotencyKey(Base):
    """An answer given before, so that the same request gets it again and nothing happens twice."""

    __tablename__ = "idempotency_key"
    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    answer: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
