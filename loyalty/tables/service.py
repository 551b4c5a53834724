"""Keys, answers given before, and the trail of who did what."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from loyalty.tables.base import Base, Identifier


class IdempotencyKey(Base):
    """An answer given before, so that the same request gets it again and nothing happens twice."""

    __tablename__ = "idempotency_key"
    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    answer: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class ApiKey(Base):
    """A key of `/v1` with scopes. Only its hash is kept."""

    __tablename__ = "api_key"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    programme_id: Mapped[str | None] = mapped_column(ForeignKey("programme.id"))
    """The only programme it is good for; all if empty."""
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Trail(Base):
    """Who did what, when: every change that a person or a key asked for. Only ever added to."""

    __tablename__ = "trail"
    __table_args__ = (Index(None, "programme_id", "id"), Index(None, "subject"))
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str | None] = mapped_column(ForeignKey("programme.id"))
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str | None] = mapped_column(String(250))
    detail: Mapped[dict[str, Any]]
    at: Mapped[datetime]
