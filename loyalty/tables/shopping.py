"""What members bought and did, as others reported it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from loyalty.tables.base import Base, Identifier


class Purchase(Base):
    """An order as the till or shop reported it; refunds hang on its key, whichever arrives first."""

    __tablename__ = "purchase"
    __table_args__ = (
        UniqueConstraint("programme_id", "key"),
        Index(None, "member_id", "occurred_at"),
        Index("ix_purchase_when", "programme_id", "occurred_at"),
    )
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    key: Mapped[str] = mapped_column(String(200))
    amount: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(String(3))
    lines: Mapped[list[Any]]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    revision: Mapped[str | None] = mapped_column(Identifier)
    """The rules under which it was recorded and is judged."""
    paid: Mapped[Decimal]
    """What it comes to after edits, refunds and cancellation."""
    points: Mapped[int] = mapped_column(BigInteger, default=0)
    """What it is worth now; the ledger is the truth."""
    content_hash: Mapped[str] = mapped_column(String(64))


class Amendment(Base):
    """What changed an order afterwards: a `refund`, a `cancellation` or an `edit`. It may arrive before the order."""

    __tablename__ = "amendment"
    __table_args__ = (UniqueConstraint("programme_id", "key"), Index(None, "programme_id", "purchase_key"))
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    key: Mapped[str] = mapped_column(String(200))
    purchase_key: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(16))
    amount: Mapped[Decimal]
    """Given back by a refund; the new total of an edit; nothing for a cancellation."""
    currency: Mapped[str] = mapped_column(String(3))
    lines: Mapped[list[Any]]
    occurred_at: Mapped[datetime]
    content_hash: Mapped[str] = mapped_column(String(64))


class Activity(Base):
    """Something a member did other than buying."""

    __tablename__ = "activity"
    __table_args__ = (UniqueConstraint("programme_id", "key"), Index(None, "member_id", "occurred_at"))
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    key: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(64))
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    revision: Mapped[str | None] = mapped_column(Identifier)
    points: Mapped[int] = mapped_column(BigInteger, default=0)
    content_hash: Mapped[str] = mapped_column(String(64))


class Subscription(Base):
    """A subscription as the shop reported it: from when, until when."""

    __tablename__ = "subscription"
    __table_args__ = (UniqueConstraint("programme_id", "key"), Index(None, "member_id"))
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    key: Mapped[str] = mapped_column(String(200))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    told_at: Mapped[datetime]
    """By the time of what was told last, so that older news does not overwrite newer."""


class ParkedEvent(Base):
    """An event that could not be taken, kept for inspection and for another try."""

    __tablename__ = "parked_event"
    __table_args__ = (UniqueConstraint("programme_id", "key"), Index(None, "programme_id", "state", "id"))
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    key: Mapped[str] = mapped_column(String(250))
    """Type and id, so that a repeated report is kept once."""
    member_ref: Mapped[str | None] = mapped_column(String(250))
    body: Mapped[dict[str, Any]]
    code: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    """`waiting`, `done` (it was taken later) or `dropped`."""
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class Claim(Base):
    """Points a member misses: what she told of a purchase, and what a person decided about it."""

    __tablename__ = "claim"
    __table_args__ = (
        UniqueConstraint("programme_id", "key"),
        Index(None, "programme_id", "state", "id"),
        Index(None, "member_id"),
        Index(None, "media_sha256"),
    )
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    key: Mapped[str] = mapped_column(String(200))
    """The teller's own, so that it is taken once."""
    told_when: Mapped[str | None] = mapped_column(String(200))
    """When and where, in her words."""
    told_where: Mapped[str | None] = mapped_column(String(200))
    amount: Mapped[Decimal | None]
    media_id: Mapped[str | None] = mapped_column(String(200))
    """The picture of the receipt, by the channel's id: the channel keeps it for some days, we do not."""
    media_type: Mapped[str | None] = mapped_column(String(100))
    media_sha256: Mapped[str | None] = mapped_column(String(100))
    """The channel's hash of the picture: the same one sent twice is known by it."""
    state: Mapped[str] = mapped_column(String(16))
    """`open`, `accepted` or `rejected`."""
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(200))
    why: Mapped[str | None] = mapped_column(String(32))
    """What she is told of a rejection."""
    purchase_key: Mapped[str | None] = mapped_column(String(200))
    """The order it was accepted as."""
    points: Mapped[int] = mapped_column(BigInteger, default=0)
    """What it brought her."""
