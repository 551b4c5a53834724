"""Programmes and the people in them."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from loyalty.tables.base import Base, Identifier, Serial


class Programme(Base):
    """A business and its rules; the rules themselves are in its file."""

    __tablename__ = "programme"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime]
    goal_rules: Mapped[str | None] = mapped_column(Identifier)
    """The rules for levels and goals for which every member has a standing to be looked at by."""
    birthdays_until: Mapped[date | None]
    """The last day whose birthdays were celebrated."""


class Revision(Base):
    """The rules of a programme as they once were. What was earned under them is judged by them for ever."""

    __tablename__ = "revision"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    document: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Member(Base):
    """A person in one programme. `joined_at` is empty for somebody who has written but not enrolled."""

    __tablename__ = "member"
    __table_args__ = (
        Index("ix_member_board_name", "programme_id", "board_name", unique=True),
        Index(
            "ix_member_merged_into", "merged_into",
            sqlite_where=text("merged_into IS NOT NULL"), postgresql_where=text("merged_into IS NOT NULL"),
        ),
    )  # fmt: skip
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    name: Mapped[str | None] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(8))
    language_chosen: Mapped[bool] = mapped_column(default=False)
    """True once the member asked for the language; until then it follows what she writes."""
    referral_code: Mapped[str] = mapped_column(String(16), unique=True)
    marketing_opt_in: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    joined_at: Mapped[datetime | None]
    birthday: Mapped[date | None]
    """Of who did not tell the year, in the year `loyalty.people.birthdays.NO_YEAR`."""
    birthday_at: Mapped[datetime | None]
    """When she told it herself; until she may change it a year goes by."""
    customer_before: Mapped[bool] = mapped_column(default=False)
    """Known to the business before she came to the programme: nobody can have brought her."""
    board_name: Mapped[str | None] = mapped_column(String(40))
    """The name she has on leaderboards; she takes part only if there is one."""
    merged_into: Mapped[str | None] = mapped_column(ForeignKey("member.id"))
    """The member who turned out to be the same person; this one is no longer used."""
    erased_at: Mapped[datetime | None]


class Identity(Base):
    """One way by which a member is known: WhatsApp's business-scoped user id, a phone, an id of another system."""

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("programme_id", "kind", "value"), Index(None, "member_id"))
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    kind: Mapped[str] = mapped_column(String(16))
    value: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class Consent(Base):
    """What a member agreed to or withdrew: the words, the moment, the evidence. Only ever added to.

    When she is erased, words and evidence are blanked.
    """

    __tablename__ = "consent"
    __table_args__ = (Index(None, "member_id", "id"),)
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    purpose: Mapped[str] = mapped_column(String(32))
    given: Mapped[bool]
    words: Mapped[str] = mapped_column(Text)
    evidence: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]


class Tombstone(Base):
    """That somebody with this identity was erased, or said stop: a keyed hash, so that late news brings nobody back."""

    __tablename__ = "tombstone"
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    opted_out: Mapped[bool]
    erased_at: Mapped[datetime]


class Secret(Base):
    """A random key of this installation, by name: for hashes that nobody outside can compute."""

    __tablename__ = "secret"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[str] = mapped_column(String(64))
