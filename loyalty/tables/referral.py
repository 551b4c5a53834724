"""Referrals, what was found about them, and the signals that findings rest on."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from loyalty.tables.base import Base, Identifier, Serial


class Referral(Base):
    """Who brought whom. One referrer a member, for ever."""

    __tablename__ = "referral"
    __table_args__ = (
        UniqueConstraint("programme_id", "referee_id"),
        Index(None, "referrer_id", "created_at"),
        Index("ix_referral_open", "programme_id", "unsettled"),
        Index("ix_referral_review", "programme_id", "state", "review_due_at"),
        Index("ix_referral_lapse", "programme_id", "state", "ends_at"),
    )
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    referrer_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    referee_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    state: Mapped[str] = mapped_column(String(16))
    """`joined`, `rewarded`, `held` (waits for a person), `rejected`, `lapsed` (the window is over) or `undone` (the
    order was given back)."""
    source: Mapped[str] = mapped_column(String(16))
    """How the code came: `typed`, `link`, `checkout` or `ad`."""
    revision: Mapped[str | None] = mapped_column(Identifier)
    """The rules under which it began and is judged."""
    created_at: Mapped[datetime]
    """When the code was entered; at a checkout, when the order was placed."""
    ends_at: Mapped[datetime | None]
    """Until when an order counts; unknown for what is older than rewards."""
    converted_at: Mapped[datetime | None]
    """When the friend qualified: the time of her order or registration."""
    rewarded_at: Mapped[datetime | None]
    """When it was found to be worth its rewards; empty while it is not."""
    referrer_given: Mapped[bool] = mapped_column(default=False)
    """Whether the referrer has her gift now."""
    friend_given: Mapped[bool] = mapped_column(default=False)
    """Whether the friend has hers."""
    changes: Mapped[int] = mapped_column(default=0)
    """How often gifts were given or taken back; part of the ledger's causes."""
    verdict: Mapped[str | None] = mapped_column(String(16))
    """`accept`, `hold` or `reject`, by the checks or by a person."""
    decided_by: Mapped[str | None] = mapped_column(String(200))
    review_due_at: Mapped[datetime | None]
    unsettled: Mapped[bool] = mapped_column(default=True)
    """True while something happened that its rewards have not been brought in line with."""


class Finding(Base):
    """What a check found about a referral, with what it looked at. Only ever added to."""

    __tablename__ = "finding"
    __table_args__ = (Index(None, "referral_id"),)
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    referral_id: Mapped[str] = mapped_column(ForeignKey("referral.id"))
    name: Mapped[str] = mapped_column(String(32))
    reaction: Mapped[str] = mapped_column(String(8))
    explanation: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class Signal(Base):
    """Something two members may share: a keyed hash of an address, an e-mail, a device, a means of payment."""

    __tablename__ = "signal"
    __table_args__ = (Index("ix_signal_shared", "programme_id", "kind", "hash"),)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    created_at: Mapped[datetime]


class Invite(Base):
    """How often a member's link was opened on a day (in the programme's zone)."""

    __tablename__ = "invite"
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    opened: Mapped[int]
