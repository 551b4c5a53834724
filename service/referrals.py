"""Referrals over `/v1`: who brought whom, what waits for a decision, how the programme does."""

from datetime import datetime
from typing import cast, get_args

from aiohttp import web
from sqlalchemy.orm import Session

from loyalty.errors import Invalid
from loyalty.people.members import get_member
from loyalty.programme import Language, Programme
from loyalty.referral import numbers, reviews
from loyalty.referral.numbers import Cohort, Numbers
from loyalty.referral.qualifying import State
from loyalty.referral.reviews import Review
from loyalty.referral.sharing import share
from service.context import CONTEXT
from service.once import Change, change, read_body, view
from service.paging import limit_of
from service.schemas.referrals import (
    Appeal,
    CohortOut,
    Decision,
    FindingOut,
    NumbersOut,
    ReferralPage,
    ReferralRow,
    ShareOut,
)

WEEKS = 12
STATES: tuple[State, ...] = get_args(State)


async def get_referrals(request: web.Request) -> web.Response:
    """The programme's referrals, of one state if it is named, oldest first."""
    named = request.query.get("state")
    state = next((one for one in STATES if one == named), None)
    if named is not None and state is None:
        raise Invalid(f"state is one of {', '.join(STATES)}", field="state")
    limit, cursor = limit_of(request), request.query.get("cursor")

    def page(session: Session, programme: Programme, now: datetime) -> ReferralPage:
        found = reviews.list_referrals(session, programme, now, state=state, limit=limit + 1, after=cursor)
        return _page(found, limit)

    return await view(request, page)


async def get_reviews(request: web.Request) -> web.Response:
    """What waits for a decision, oldest first. What is overdue stays held until somebody decides."""
    limit, cursor = limit_of(request), request.query.get("cursor")

    def page(session: Session, programme: Programme, now: datetime) -> ReferralPage:
        return _page(reviews.open_reviews(session, programme, now, limit=limit + 1, after=cursor), limit)

    return await view(request, page)


async def decide(request: web.Request) -> web.Response:
    """Accept or reject a referral; a later decision overrules an earlier one."""
    body, id_ = await read_body(request, Decision), request.match_info["id"]

    def work(at: Change) -> ReferralRow:
        reviews.decide(
            at.session, at.programme, id_, decision=body.decision, author=f"{at.actor}: {body.author}",
            reason=body.reason, now=at.now,
        )  # fmt: skip
        return _row(reviews.get_review(at.session, at.programme, id_, at.now))

    return await change(request, work)


async def appeal(request: web.Request) -> web.Response:
    """Have a rejected referral looked at again."""
    body, id_ = await read_body(request, Appeal), request.match_info["id"]

    def work(at: Change) -> ReferralRow:
        author = f"{at.actor}: {body.author}"
        reviews.appeal(at.session, at.programme, id_, author=author, reason=body.reason, now=at.now)
        return _row(reviews.get_review(at.session, at.programme, id_, at.now))

    return await change(request, work)


async def get_numbers(request: web.Request) -> web.Response:
    """What invitations came to, by the week in which the inviting members joined."""

    def look(session: Session, programme: Programme, now: datetime) -> NumbersOut:
        found = numbers.cohorts(session, programme, weeks=WEEKS, now=now)
        return NumbersOut(
            cohorts=[_cohort(cohort) for cohort in found],
            total=_numbers(numbers.total(found), None, complete=False),
        )

    return await view(request, look)


async def get_share(request: web.Request) -> web.Response:
    """What a member passes on: code, link, message, and the link as a QR code."""
    ref, public_url = request.match_info["ref"], request.app[CONTEXT].public_url

    def look(session: Session, programme: Programme, _now: datetime) -> ShareOut:
        member = get_member(session, programme.id, ref)
        found = share(programme, member, public_url, cast(Language, member.language))
        return ShareOut(code=found.code, link=found.link, message=found.message, qr_svg=found.svg())

    return await view(request, look)


def _page(found: list[Review], limit: int) -> ReferralPage:
    return ReferralPage(
        referrals=[_row(review) for review in found[:limit]],
        next=found[limit - 1].referral if len(found) > limit else None,
    )


def _row(review: Review) -> ReferralRow:
    return ReferralRow(
        id=review.referral, referrer=review.referrer, friend=review.friend, state=review.state, source=review.source,
        created_at=review.created_at, converted_at=review.converted_at, rewarded_at=review.rewarded_at,
        verdict=review.verdict, decided_by=review.decided_by, review_due_at=review.due_at, overdue=review.overdue,
        findings=[
            FindingOut(
                name=one.finding.name, reaction=one.finding.reaction, explanation=one.finding.explanation,
                facts=dict(one.finding.facts), at=one.at,
            )
            for one in review.findings
        ],
    )  # fmt: skip


def _cohort(cohort: Cohort) -> CohortOut:
    return _numbers(cohort.numbers, cohort, complete=cohort.complete)


def _numbers(numbers: Numbers, cohort: Cohort | None, *, complete: bool) -> CohortOut:
    return CohortOut(
        week=cohort.week if cohort else None, complete=complete, members=numbers.members, invited=numbers.invited,
        joined=numbers.joined, converted=numbers.converted, rewarded=numbers.rewarded,
        conversion=round(numbers.conversion, 4), k_factor=round(numbers.k_factor, 4),
    )  # fmt: skip
