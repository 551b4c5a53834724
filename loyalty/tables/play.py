"""Levels, goals, leaderboards, games."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from loyalty.tables.base import Base, Identifier


class Standing(Base):
    """A member's level, as it was worked out last; a recomputation gives the same."""

    __tablename__ = "standing"
    __table_args__ = (
        Index("ix_standing_due", "programme_id", "due_at"),
        Index("ix_standing_rules", "programme_id", "rules"),
    )
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    tier: Mapped[str | None] = mapped_column(String(64))
    value: Mapped[int] = mapped_column(BigInteger)
    since: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    """When time alone changes it."""
    rules: Mapped[str] = mapped_column(Identifier, default="")
    """The rules for levels and goals that she was looked at by (`Programme.goal_rules`); empty: by none yet."""


class Award(Base):
    """A goal that a member reached: once for each period, under the rules of that time."""

    __tablename__ = "award"
    __table_args__ = (UniqueConstraint("member_id", "goal", "period"), Index(None, "programme_id"))
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    goal: Mapped[str] = mapped_column(String(80))
    """`badge:ID`, `milestone:ID`, `challenge:ID`, `streak:ID` or `tier:ID`."""
    period: Mapped[str] = mapped_column(String(40))
    """Which time it was reached: a number, a week, a month."""
    state: Mapped[str] = mapped_column(String(8))
    """`held`, or `undone` by a refund."""
    revision: Mapped[str] = mapped_column(Identifier)
    reached_at: Mapped[datetime]
    changes: Mapped[int]
    """How often it was given and taken back; part of the ledger's causes."""


class Score(Base):
    """A member's place on a leaderboard in a period; kept for those who take part."""

    __tablename__ = "score"
    __table_args__ = (
        Index("ix_score_rank", "programme_id", "board", "period", "value", "member_id"),
        Index(None, "member_id"),
    )
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    board: Mapped[str] = mapped_column(String(64), primary_key=True)
    period: Mapped[str] = mapped_column(String(40), primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class Attempt(Base):
    """One go at a quiz."""

    __tablename__ = "quiz_attempt"
    __table_args__ = (
        UniqueConstraint("member_id", "quiz", "period", "number"),
        Index(None, "member_id", "finished_at"),
        Index("ix_quiz_attempt_due", "programme_id", "finished_at", "ends_at"),
    )
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    quiz: Mapped[str] = mapped_column(String(64))
    period: Mapped[str] = mapped_column(String(40))
    number: Mapped[int]
    revision: Mapped[str] = mapped_column(Identifier)
    answers: Mapped[list[Any]]
    """The answers given so far, counted from 1."""
    right: Mapped[int]
    started_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Spin(Base):
    """One spin of the wheel: bought with a promise (the hash of a seed), drawn once, provable afterwards."""

    __tablename__ = "spin"
    __table_args__ = (
        UniqueConstraint("member_id", "wheel", "period", "number"),
        UniqueConstraint("programme_id", "key"),
    )
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    wheel: Mapped[str] = mapped_column(String(64))
    period: Mapped[str] = mapped_column(String(40))
    number: Mapped[int]
    key: Mapped[str] = mapped_column(String(200))
    revision: Mapped[str] = mapped_column(Identifier)
    commitment: Mapped[str] = mapped_column(String(64))
    seed: Mapped[str] = mapped_column(String(64))
    """Told to nobody before the draw."""
    nonce: Mapped[str | None] = mapped_column(String(64))
    """The member's own part of the draw."""
    place: Mapped[int | None]
    """Of a wheel without chance, which of the member's spins it was: that decides the prize."""
    drawn: Mapped[str | None] = mapped_column(String(64))
    prize: Mapped[str | None] = mapped_column(String(64))
    """What was given: the drawn prize, or the one instead of it."""
    created_at: Mapped[datetime]
    drawn_at: Mapped[datetime | None]


class DialogRun(Base):
    """Answers to a dialog of the programme, once for each time a member may take part."""

    __tablename__ = "dialog_run"
    __table_args__ = (
        UniqueConstraint("member_id", "dialog", "period", "number"),
        UniqueConstraint("programme_id", "key"),
        Index(None, "programme_id", "dialog", "id"),
    )
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    dialog: Mapped[str] = mapped_column(String(64))
    period: Mapped[str] = mapped_column(String(40))
    number: Mapped[int]
    key: Mapped[str] = mapped_column(String(80))
    """Why it was kept, once: the run of the flow."""
    revision: Mapped[str] = mapped_column(Identifier)
    answers: Mapped[dict[str, Any]]
    """By the id of the question; of a choice the id of what was chosen."""
    finished_at: Mapped[datetime]
