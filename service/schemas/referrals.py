"""Referrals, the review queue, leaderboards."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from service.schemas.common import Input


class FindingOut(BaseModel):
    """What a check found."""

    name: str
    reaction: str
    explanation: str
    facts: dict[str, object]
    at: datetime


class ReferralRow(BaseModel):
    """A referral: who brought whom, and how it stands."""

    id: str
    referrer: str
    friend: str
    state: str
    source: str
    created_at: datetime
    converted_at: datetime | None
    rewarded_at: datetime | None
    verdict: str | None
    decided_by: str | None
    review_due_at: datetime | None
    overdue: bool
    findings: list[FindingOut]


class ReferralPage(BaseModel):
    """Oldest first; `next` is the cursor of the following page."""

    referrals: list[ReferralRow]
    next: str | None


class Decision(Input):
    """What a person decided about a referral. `reason` is kept for ever: do not name customers in it."""

    decision: Literal["accept", "reject"]
    author: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=500)


class Appeal(Input):
    """Why a rejected referral should be looked at again."""

    author: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=500)


class ShareOut(BaseModel):
    """What a member passes on to friends."""

    code: str
    link: str
    message: str
    qr_svg: str


class CohortOut(BaseModel):
    """The members who joined in one week (all weeks, if none is named), and what their invitations came to.

    `conversion` is converted friends for each invitation, `k_factor` invitations for each member times conversion,
    within 28 days of joining; `complete` says whether these are over.
    """

    week: date | None
    complete: bool
    members: int
    invited: int
    joined: int
    converted: int
    rewarded: int
    conversion: float
    k_factor: float


class NumbersOut(BaseModel):
    """How the referral programme does, by weekly cohort of inviting members."""

    cohorts: list[CohortOut]
    total: CohortOut


class PlaceOut(BaseModel):
    """A place on a leaderboard: an invented name, never a person."""

    rank: int
    name: str
    value: int


class BoardOut(BaseModel):
    """A leaderboard in a period."""

    board: str
    period: str
    begins_at: datetime | None
    ends_at: datetime | None
    places: list[PlaceOut]
