"""Campaigns, and tags that single members out."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from service.schemas.common import Input


class CampaignOut(BaseModel):
    """A campaign in a line. `recipients` counts those planned, queued (in the outbox, or sent), held and skipped."""

    id: str
    state: str
    reason: str | None
    recipients: dict[str, int]
    begins: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    spent: str


class CampaignsOut(BaseModel):
    """All campaigns of a programme, newest first."""

    campaigns: list[CampaignOut]


class CampaignReport(BaseModel):
    """What came of a campaign: by variant, with intervals, and the verdict if one is due (docs/campaigns.md)."""

    campaign: CampaignOut
    metric: str
    within_days: int
    sample: int | None
    arms: list[dict[str, Any]]
    split: float | None
    verdict: dict[str, Any]
    billed: dict[str, str]


class Operator(Input):
    """Who asks for it."""

    author: str = Field(min_length=1, max_length=100)


class TagsIn(Input):
    """Tags to give and to take away: small letters, digits, - and _."""

    add: list[str] = Field(default_factory=list, max_length=50)
    remove: list[str] = Field(default_factory=list, max_length=50)


class TagsOut(BaseModel):
    """The tags a member has."""

    member: str
    tags: list[str]
