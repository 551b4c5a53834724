"""Redemptions, vouchers, stock."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from loyalty.tables.base import Base, Identifier


class Redemption(Base):
    """Points set aside for a reward: held, then confirmed or voided, once; what was confirmed may be reversed."""

    __tablename__ = "redemption"
    __table_args__ = (
        UniqueConstraint("programme_id", "key"),
        Index(None, "member_id", "reward_id", "created_at"),
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
    cost: Mapped[Decimal]
    """What it takes of the reward's budget."""


class Voucher(Base):
    """A code for the till: of a redemption, or as a gift of a rule."""

    __tablename__ = "voucher"
    __table_args__ = (
        UniqueConstraint("programme_id", "code"),
        UniqueConstraint("programme_id", "origin"),
        Index(None, "member_id"),
        Index("ix_voucher_due", "status", "expires_at"),
        CheckConstraint("used >= 0 AND used <= uses", name="uses"),
    )
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    redemption_id: Mapped[str | None] = mapped_column(ForeignKey("redemption.id"), unique=True)
    origin: Mapped[str] = mapped_column(String(250))
    """The business key of what gave it; one voucher each."""
    reward_id: Mapped[str] = mapped_column(String(64))
    reward_name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(16))
    value: Mapped[Decimal | None]
    minimum: Mapped[Decimal]
    cost: Mapped[Decimal]
    code: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(16))
    """`waiting` (until `valid_from`), `issued`, `used` (as often as it can be), `expired` or `revoked`."""
    uses: Mapped[int]
    used: Mapped[int]
    created_at: Mapped[datetime]
    valid_from: Mapped[datetime | None]
    """When it can be used first; at once if empty."""
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class VoucherUse(Base):
    """One use of a voucher at a till, by the till's own key."""

    __tablename__ = "voucher_use"
    __table_args__ = (UniqueConstraint("programme_id", "key"), Index(None, "voucher_id"))
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    voucher_id: Mapped[str] = mapped_column(ForeignKey("voucher.id"))
    key: Mapped[str] = mapped_column(String(200))
    place: Mapped[str | None] = mapped_column(String(200))
    order_amount: Mapped[Decimal | None]
    used_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]


class Stock(Base):
    """How many of a reward or prize were taken, and what they cost; taken and given back by conditional updates."""

    __tablename__ = "stock"
    __table_args__ = (CheckConstraint("taken >= 0 AND spent >= 0", name="not_negative"),)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    item: Mapped[str] = mapped_column(String(200), primary_key=True)
    """`reward:ID` or `prize:WHEEL:ID`."""
    taken: Mapped[int] = mapped_column(BigInteger)
    spent: Mapped[int] = mapped_column(BigInteger)
    """In ten-thousandths of the currency, so that a database compares whole numbers."""
