"""The table of jobs: when each ran and when it is due again."""

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from loyalty.tables import Base, Identifier


class JobRow(Base):
    """A job that one process does at a time. Who holds the lease does it; a lease that nobody renews runs out."""

    __tablename__ = "job"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    next_at: Mapped[datetime]
    lease: Mapped[str | None] = mapped_column(Identifier)
    leased_until: Mapped[datetime | None]
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    """When it last ended well."""
    failures: Mapped[int]
    """How often it failed since."""
    report: Mapped[str | None] = mapped_column(Text)
    """What it did, or what went wrong, in a line."""
