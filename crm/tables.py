"""The tables of the room: who is to be told to which system, how each system is doing, deals it told of."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from loyalty.tables import Base, Identifier


class CrmContact(Base):
    """A member in one system: what it knows of her, and whether there is news for it."""

    __tablename__ = "crm_contact"
    __table_args__ = (
        Index("ix_crm_contact_due", "system", "state", "next_try_at"),
        Index("ix_crm_contact_remote", "system", "remote_id"),
        Index(None, "member_id"),
    )
    system: Mapped[str] = mapped_column(String(16), primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    remote_id: Mapped[str | None] = mapped_column(String(64))
    """The contact's id there, once we know it."""
    state: Mapped[str] = mapped_column(String(8))
    """`waiting` (there is news), `done`, or `aside` (refused, a person has to look)."""
    wanted: Mapped[str] = mapped_column(Identifier)
    """The fingerprint of what is to be told."""
    fingerprint: Mapped[str | None] = mapped_column(Identifier)
    """The fingerprint of what was told last."""
    dirty_since: Mapped[datetime | None]
    next_try_at: Mapped[datetime]
    """Of one that is being pushed, when its lease is over: then somebody else may."""
    attempts: Mapped[int]
    """How often it was tried since it went through last."""
    lease: Mapped[str | None] = mapped_column(Identifier)
    """Who pushes it."""
    error: Mapped[str | None] = mapped_column(Text)
    pushed_at: Mapped[datetime | None]


class CrmSystem(Base):
    """How a system is doing, and how far the sweep over everybody is."""

    __tablename__ = "crm_system"
    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    paused_until: Mapped[datetime | None]
    why: Mapped[str | None] = mapped_column(Text)
    failures: Mapped[int]
    """How often in a row it failed."""
    succeeded_at: Mapped[datetime | None]
    swept_at: Mapped[datetime | None]
    """When the last sweep began that was finished."""
    sweep_began_at: Mapped[datetime | None]
    sweep_after: Mapped[str | None] = mapped_column(Identifier)
    """The last member the sweep under way has looked at."""


class CrmCursor(Base):
    """How far a table was read for members whose card may have changed."""

    __tablename__ = "crm_cursor"
    system: Mapped[str] = mapped_column(String(16), primary_key=True)
    source: Mapped[str] = mapped_column(String(32), primary_key=True)
    seen: Mapped[str] = mapped_column(String(32))
    """The highest key that was seen."""


class CrmDeal(Base):
    """A deal that a system told of: kept before the answer, looked at afterwards, a purchase once it is won."""

    __tablename__ = "crm_deal"
    __table_args__ = (Index("ix_crm_deal_due", "system", "state", "next_try_at"),)
    system: Mapped[str] = mapped_column(String(16), primary_key=True)
    deal_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(8))
    """`waiting`, `done` (it is a purchase now), `open` (not won yet) or `aside` (a person has to look)."""
    told: Mapped[int]
    """How often it was told: news that comes while it is looked at is looked at again."""
    first_at: Mapped[datetime]
    next_try_at: Mapped[datetime]
    attempts: Mapped[int]
    lease: Mapped[str | None] = mapped_column(Identifier)
    error: Mapped[str | None] = mapped_column(Text)
    settled_at: Mapped[datetime | None]
