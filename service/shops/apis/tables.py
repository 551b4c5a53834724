"""The tables of shops that are asked: how far each was, and the discount codes made in them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from loyalty.tables import Base, Identifier

_TO_DO = text("state IN ('wanted', 'ending')")


class ShopWatch(Base):
    """How a shop is doing that is asked for its orders."""

    __tablename__ = "shop_watch"
    source: Mapped[str] = mapped_column(String(16), primary_key=True)
    shop: Mapped[str] = mapped_column(String(200), primary_key=True)
    watermark: Mapped[datetime | None]
    """Every change of an order up to then is in the inbox, or was."""
    next_at: Mapped[datetime | None]
    """When it is asked again; at once if empty."""
    polled_at: Mapped[datetime | None]
    """When it was last asked with success."""
    checked_at: Mapped[datetime | None]
    """When its webhooks were last looked at."""
    topics: Mapped[list[str]] = mapped_column(JSON)
    """Topics of webhooks of ours that were seen: one that is not there any more was lost."""
    paused_until: Mapped[datetime | None]
    why: Mapped[str | None] = mapped_column(Text)
    failures: Mapped[int]
    """How often in a row it failed."""
    found: Mapped[int]
    """Changes of orders that no webhook had told, all in all."""
    unheard: Mapped[int]
    """The same, since a webhook last told of a change."""
    unheard_since: Mapped[datetime | None]


class ShopCode(Base):
    """A voucher's code as a shop has it, or is to have it."""

    __tablename__ = "shop_code"
    __table_args__ = (
        UniqueConstraint("voucher_id", "source", "shop"),
        Index("ix_shop_code_to_do", "next_try_at", sqlite_where=_TO_DO, postgresql_where=_TO_DO),
        Index(None, "expires_at"),
    )
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    voucher_id: Mapped[str] = mapped_column(ForeignKey("voucher.id"))
    source: Mapped[str] = mapped_column(String(16))
    shop: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(8))
    """`wanted`, `made`, `ending`, `ended`, or `failed`: the shop says no, a person has to look."""
    terms: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What it takes off, as the programme said when the voucher was issued."""
    starts_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    """When the shop itself stops taking it."""
    attempts: Mapped[int]
    """Counts every try, so that one who was too slow does not undo what another did."""
    next_try_at: Mapped[datetime]
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
