"""Samples of what a hook is told: of what really happened lately, about somebody made up; else made up altogether."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.ids import ProgrammeId
from loyalty.news import Kind
from loyalty.tables import News
from service.hooks.payload import HookMember, HookPayload, HookSamples, data_of

MOST = 3
_NOBODY = HookMember(
    id="0" * 32, phone="+390000000000", user_id=None, external=["till:0001"], name="Giulia", language="it"
)
"""A number that nobody can have."""
_DATA: Mapping[Kind, Mapping[str, Any]] = {
    Kind.MEMBER_JOINED: {"points": 20},
    Kind.POINTS_EARNED: {"points": 42, "cause": "purchase:till-7/000123"},
    Kind.POINTS_TAKEN_BACK: {"points": 42, "cause": "refund:till-7/000124"},
    Kind.POINTS_EXPIRING: {"points": 30, "expires_at": "2027-01-31T23:00:00+00:00"},
    Kind.POINTS_EXPIRED: {"points": 30},
    Kind.REWARD_REDEEMED: {"reward": "coffee", "points": 100},
    Kind.VOUCHER_ISSUED: {"reward": "coffee"},
    Kind.VOUCHER_USED: {"reward": "coffee"},
    Kind.VOUCHER_EXPIRING: {"reward": "coffee", "expires_at": "2027-01-31T23:00:00+00:00"},
    Kind.REFERRAL_JOINED: {},
    Kind.REFERRAL_REWARDED: {"points": 100},
    Kind.TIER_REACHED: {"tier": "gold"},
    Kind.TIER_LOST: {"tier": "gold"},
    Kind.BADGE_REACHED: {"goal": "explorer"},
    Kind.MILESTONE_REACHED: {"goal": "tenth_visit"},
    Kind.STREAK_REACHED: {"goal": "every_week"},
    Kind.CHALLENGE_STARTED: {"goal": "autumn"},
    Kind.CHALLENGE_NEARLY_DONE: {"goal": "autumn", "missing": 1},
    Kind.CHALLENGE_DONE: {"goal": "autumn"},
    Kind.BIRTHDAY: {},
    Kind.INACTIVE: {"days": 60},
}


def sample_of(kind: str, programme: str, at: datetime, *, id_: str = "0" * 32) -> HookPayload:
    """A sample of a kind of news that is made up."""
    data = dict(_DATA[Kind(kind)])
    return HookPayload(
        id=id_, type=kind, occurred_at=at, programme=programme, member=_NOBODY, data=data, test=True
    )  # fmt: skip


def samples(session: Session, programme: ProgrammeId, kinds: list[Kind], now: datetime) -> HookSamples:
    """Samples of each kind: up to three of what happened last, about somebody made up, else one that is made up."""
    found: list[HookPayload] = []
    for kind in kinds:
        rows = session.scalars(
            select(News)
            .where(News.programme_id == programme, News.kind == kind.value)
            .order_by(News.id.desc())
            .limit(MOST)
        ).all()
        real = [
            HookPayload(
                id=row.id, type=row.kind, occurred_at=row.at, programme=programme, member=_NOBODY,
                data=data_of(row), test=True,
            )
            for row in rows
        ]  # fmt: skip
        found += real or [sample_of(kind, programme, now)]
    return HookSamples(found)
