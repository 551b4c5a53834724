"""Campaigns, who is in them, and the tags that single members out.

They stand here and not in the room `campaigns`, because erasing and merging a person reach them in one transaction.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Double, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from loyalty.tables.base import Base, Identifier, Serial


class MemberTag(Base):
    """A word that the business knows a member by, such as `vip` or `gluten-free`."""

    __tablename__ = "member_tag"
    __table_args__ = (Index(None, "programme_id", "tag", "member_id"),)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(64), primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    created_at: Mapped[datetime]


class Campaign(Base):
    """A broadcast as it was planned; what its file said then is what counts."""

    __tablename__ = "campaign"
    __table_args__ = (UniqueConstraint("programme_id", "name"), Index(None, "state"))
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    name: Mapped[str] = mapped_column(String(64))
    """The `id` of its file."""
    document: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(String(64))
    salt: Mapped[str] = mapped_column(String(32))
    """What decides, with a member's id, which variant she gets."""
    state: Mapped[str] = mapped_column(String(20))
    """`planning`, `planned`, `running`, `paused`, `done`, `stopped` or `stopped_by_itself`."""
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it was paused or stopped."""
    planned_after: Mapped[str | None] = mapped_column(Identifier)
    """Up to which member the plan goes; planning that was cut off goes on from there."""
    plan: Mapped[dict[str, Any]]
    """What the plan counted: people, exclusions, cost."""
    next_at: Mapped[float] = mapped_column(Double, default=0.0)
    """Seconds since 1970: the slot of its next message."""
    spent: Mapped[Decimal]
    """The estimated cost of what is in the outbox or went out."""
    looked_at: Mapped[datetime | None]
    """When it was last looked at whether it has to stop."""
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]


class Recipient(Base):
    """One member's part in a campaign: one row each, with what her message says frozen."""

    __tablename__ = "campaign_recipient"
    __table_args__ = (
        Index("ix_campaign_recipient_next", "campaign_id", "state", "at", "member_id"),
        Index(None, "member_id"),
    )
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), primary_key=True)
    arm: Mapped[str] = mapped_column(String(64))
    """The id of her variant, or `control`."""
    language: Mapped[str] = mapped_column(String(8))
    params: Mapped[dict[str, Any]]
    """What goes into the gaps of her message."""
    price: Mapped[Decimal | None]
    """What her message is expected to cost; empty if no rate is known."""
    state: Mapped[str] = mapped_column(String(8))
    """`planned`, `queued` (it is in the outbox, or went out), `held` (she is of the control group, and her turn has
    come), `skipped` (`reason` says why) or `double` (she was merged with another recipient)."""
    reason: Mapped[str | None] = mapped_column(String(32))
    at: Mapped[datetime]
    """When it is her turn; afterwards, when it was."""
    outbox_id: Mapped[int | None] = mapped_column(BigInteger)
    offer_id: Mapped[str | None] = mapped_column(String(16))
    """The choices under her message: taps on them are its clicks."""
    outcome: Mapped[str | None] = mapped_column(String(12))
    """What had become of the message when she was erased; until then the outbox knows."""
