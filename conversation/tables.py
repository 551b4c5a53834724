"""The tables of the conversation: where each one stands, what came in, what goes out."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from loyalty.tables import Base, Identifier, Serial


class Conversation(Base):
    """One member's chat: how to reach her, when she was last heard, the flow she is in."""

    __tablename__ = "conversation"
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    number_id: Mapped[str] = mapped_column(String(32))
    phone: Mapped[str | None] = mapped_column(String(20))
    user_id: Mapped[str | None] = mapped_column(String(140))
    last_heard_at: Mapped[datetime | None]
    """When she last wrote, by the time of her message: WhatsApp's customer service window opens there."""
    flow: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    offer_id: Mapped[str | None] = mapped_column(String(16))
    """The choices that typed numbers and words refer to: the newest."""


class Offer(Base):
    """Choices that were sent. A button's token is this id and the number of the choice."""

    __tablename__ = "offer"
    __table_args__ = (Index(None, "member_id"),)
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    run: Mapped[str | None] = mapped_column(Identifier)
    step: Mapped[int]
    message: Mapped[dict[str, Any]]
    page: Mapped[int]
    created_at: Mapped[datetime]


class InboxRow(Base):
    """A message that was acknowledged. `done_at` is set in the transaction that answers it."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("number_id", "message_id"),
        Index("ix_inbox_waiting", "state", "contact", "id"),
    )
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    number_id: Mapped[str] = mapped_column(String(32))
    message_id: Mapped[str] = mapped_column(String(200))
    contact: Mapped[str] = mapped_column(String(160))
    body: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(8))
    """`new`, `done`, `seen` (not a turn) or `failed` (set aside after too many tries)."""
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    sent_at: Mapped[datetime]
    received_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class OutboxRow(Base):
    """A message to be sent, and what became of it."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("programme_id", "key"),
        Index("ix_outbox_waiting", "state", "next_try_at"),
        Index(None, "wamid"),
        Index(None, "member_id", "state"),
    )
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    number_id: Mapped[str] = mapped_column(String(32))
    phone: Mapped[str | None] = mapped_column(String(20))
    user_id: Mapped[str | None] = mapped_column(String(140))
    key: Mapped[str] = mapped_column(String(250))
    """Why it is sent, once: the message it answers, or the ledger's cause."""
    message: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(12))
    """`waiting`, `sending`, `sent`, `delivered`, `read`, `failed`, `unsure` (a crash fell inside the send) or
    `withheld` (the customer service window was closed)."""
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    wamid: Mapped[str | None] = mapped_column(String(200))
    error_code: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]


class TrackerRow(Base):
    """Rasa's working memory of a conversation: the last few events. What was said is in inbox and outbox."""

    __tablename__ = "tracker"
    sender_id: Mapped[str] = mapped_column(String(160), primary_key=True)
    events: Mapped[list[Any]]
    updated_at: Mapped[datetime]
