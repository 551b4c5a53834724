"""The tables of outgoing webhooks: who wants to hear of what, and what each has been told."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from loyalty.tables import Base, Identifier

_WAITING = text("state = 'waiting'")


class Hook(Base):
    """An address that wants to hear of some kinds of news of a programme."""

    __tablename__ = "hook"
    __table_args__ = (Index(None, "programme_id", "state"),)
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    target_url: Mapped[str] = mapped_column(Text)
    kinds: Mapped[list[Any]]
    """Values of `loyalty.news.Kind`; `*` is all of them."""
    secret: Mapped[str] = mapped_column(String(80))
    """What deliveries are signed with. It has to be kept as it is: a signature cannot be made with a hash of it."""
    former_secret: Mapped[str | None] = mapped_column(String(80))
    former_until: Mapped[datetime | None]
    """Until then deliveries are signed with the former secret as well."""
    state: Mapped[str] = mapped_column(String(8))
    """`active`, `paused` (it failed too often; what happens is kept for it) or `ended`."""
    why: Mapped[str | None] = mapped_column(Text)
    """Why it is paused or ended."""
    failures: Mapped[int]
    """How many tries failed since the last one that went well."""
    quiet_until: Mapped[datetime | None]
    """Nothing is sent before: the address asked for it, or keeps failing."""
    expires_at: Mapped[datetime | None]
    created_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    state_at: Mapped[datetime]


class HookDelivery(Base):
    """One piece of news for one hook. Whom it is about is read when it is sent: nothing here says who anybody is."""

    __tablename__ = "hook_delivery"
    __table_args__ = (
        UniqueConstraint("hook_id", "news_id"),
        Index("ix_hook_delivery_due", "next_try_at", "hook_id", sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index(None, "hook_id", "state", "id"),
        Index(None, "news_id"),
    )
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    hook_id: Mapped[str] = mapped_column(ForeignKey("hook.id"))
    news_id: Mapped[str | None] = mapped_column(ForeignKey("news.id"))
    """Empty: a test, with a sample of its kind."""
    kind: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(10))
    """`waiting`, `delivered`, `dead` (given up, can be replayed) or `dropped` (there is nobody to tell any more)."""
    attempts: Mapped[int]
    next_try_at: Mapped[datetime]
    """When it is due. A process that takes it puts this off, so if the process dies another one takes it later."""
    status: Mapped[int | None]
    """What the address answered last."""
    error: Mapped[str | None] = mapped_column(Text)
    correlation: Mapped[str | None] = mapped_column(String(64))
    """The request in which it happened: see `loyalty.correlation`."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
