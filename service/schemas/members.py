"""Members, their ledger, and corrections to both."""

from datetime import date, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from loyalty.people.members import Ref
from loyalty.programme import Language
from service.schemas.common import Input, Key


class PointsOut(BaseModel):
    """Points, all whole numbers."""

    available: int
    pending: int
    held: int
    debt: int
    lifetime: int


class TierOut(BaseModel):
    """The member's level; empty where the programme has none."""

    id: str | None
    progress: int | None
    """How much counts now, of what the programme's tiers count."""
    next: str | None
    missing: int | None = None
    """To the next level."""
    kept_until: datetime | None = None
    """While the level is kept though it is no longer reached."""
    benefits: list[str] = []


class ReferralOut(BaseModel):
    """The member's invitations."""

    code: str
    link: str
    joined: int
    converted: int


class VoucherOut(BaseModel):
    """A code for the till."""

    code: str
    reward: str
    status: str
    expires_at: datetime | None


class GoalOut(BaseModel):
    """How far a goal is."""

    id: str
    name: str
    kind: str
    have: int
    need: int
    missing: int
    ends_at: datetime | None
    done: bool
    reached_at: datetime | None


class MemberOut(BaseModel):
    """A member, as `/v1/members/{ref}` shows her."""

    id: str
    programme: str
    phone: str | None
    user_id: str | None
    name: str | None
    language: str
    joined_at: datetime | None
    marketing_opt_in: bool
    points: PointsOut
    tier: TierOut
    referral: ReferralOut
    vouchers: list[VoucherOut]
    badges: list[str]
    challenges: list[GoalOut]
    goals: list[GoalOut]
    """Badges, milestones and streaks."""


class LedgerEntryOut(BaseModel):
    """One transaction of a member's ledger; `points` is what she gained or lost, `changes` by account."""

    id: str
    kind: str
    cause: str
    points: int
    changes: dict[str, int]
    occurred_at: datetime
    posted_at: datetime
    memo: dict[str, Any]


class LedgerPage(BaseModel):
    """Newest first; `next` is the cursor of the following page."""

    entries: list[LedgerEntryOut]
    next: str | None


class Marketing(Input):
    """That somebody agreed to promotional messages or withdrew: in which words, and where they are kept."""

    given: bool
    words: str = Field(max_length=2000)
    evidence: str = Field(min_length=1, max_length=200)


class ConsentIn(Marketing):
    """Consent for a purpose."""

    purpose: str = Field("marketing", pattern=r"^[a-z][a-z0-9_-]{0,31}$")


class Enrolment(Input):
    """Somebody who joins at the till or in the shop."""

    phone: str | None = None
    user_id: str | None = None
    external: str | None = Field(None, description="SOURCE:ID, the id of another system")
    name: str | None = Field(None, max_length=200)
    language: Language | None = None
    birthday: date | None = None
    marketing: Marketing | None = None

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not (self.phone or self.user_id or self.external):
            raise ValueError("name the person by phone, user_id or external")
        return self

    def refs(self) -> tuple[Ref, ...]:
        """Her identities, the one that lasts longest first. Raises `Invalid`."""
        refs = [Ref.user(self.user_id)] if self.user_id else []
        refs += [Ref.phone(self.phone)] if self.phone else []
        refs += [Ref.external(*self.external.partition(":")[::2])] if self.external else []
        return tuple(refs)


class Adjustment(Input):
    """Points given or taken by hand. `reason` is kept for ever: do not name the customer in it."""

    id: Key
    points: int
    author: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=500)
    allow_debt: bool = False


class Adjusted(BaseModel):
    """What a correction did, and the points there are now."""

    id: str
    status: Literal["accepted", "repeated"]
    points: PointsOut


class Merge(Input):
    """The member who turned out to be the same person: her reference."""

    other: str = Field(min_length=1, max_length=250)
    author: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=500)


class BoardPart(Input):
    """Whether a member takes part in leaderboards: what she said, and where that is kept."""

    take_part: bool
    words: str = Field("", max_length=2000)
    evidence: str = Field(min_length=1, max_length=200)


class BoardName(BaseModel):
    """The name she has there, or none."""

    name: str | None
