"""News: what happened to a member that she herself, a shop's tools or a CRM may want to hear of."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from loyalty.tables.base import Base, Identifier


class News(Base):
    """One thing that happened, written down in the transaction in which it did. See `loyalty.news`."""

    __tablename__ = "news"
    __table_args__ = (
        UniqueConstraint("programme_id", "key"),
        Index(None, "member_id"),
        Index("ix_news_untold", "id", sqlite_where=text("told_at IS NULL"), postgresql_where=text("told_at IS NULL")),
    )
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    kind: Mapped[str] = mapped_column(String(32))
    key: Mapped[str] = mapped_column(String(250))
    """The business key of what happened: told again, it is no news."""
    about: Mapped[dict[str, Any]]
    """What is to be said of it, by ids and numbers: no names, no phone numbers."""
    at: Mapped[datetime]
    created_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    """When everybody who listens had been told; empty until then."""
    attempts: Mapped[int]
    error: Mapped[str | None] = mapped_column(Text)
