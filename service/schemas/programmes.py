"""Programmes and dry runs."""

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, Field

from service.schemas.common import Amount, Currency, Input, Line, MemberRef


class ProgrammeOut(BaseModel):
    """A programme in force."""

    id: str
    name: str
    currency: str
    timezone: str
    languages: list[str]
    revision: str
    rules: dict[str, object] | None = None
    """All that its file says, where one programme is asked for."""


class ProgrammesOut(BaseModel):
    """What is in force, and what is wrong with files that could not be taken."""

    programmes: list[ProgrammeOut]
    problems: list[str]


class RevisionOut(BaseModel):
    """The rules of a programme as they were from some moment on."""

    id: str
    since: datetime
    now: bool


class RevisionsOut(BaseModel):
    """Newest first."""

    revisions: list[RevisionOut]


class DryRun(Input):
    """An order that has not happened."""

    member: MemberRef | None = None
    """Somebody new, if left out."""
    amount: Amount
    currency: Currency
    occurred_at: AwareDatetime | None = None
    lines: tuple[Line, ...] = Field((), max_length=500)


class AppliedOut(BaseModel):
    """A rule that was looked at: what it adds, and why (or why not)."""

    rule: str
    points: str
    why: str


class DryRunOut(BaseModel):
    """What the order would earn."""

    points: int
    revision: str
    rules: list[AppliedOut]
