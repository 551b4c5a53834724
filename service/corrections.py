"""Corrections by hand: points given or taken with a reason, members made one, members enrolled at the till."""

from aiohttp import web

import loyalty.merging.merge
from conversation.caring.rights import follow
from loyalty.books import adjustments
from loyalty.books.overview import points_of
from loyalty.ids import MemberId
from loyalty.people.consents import record_consent
from loyalty.people.members import Person, get_member, join, meet, set_marketing
from service.context import CONTEXT
from service.once import Change, change, read_body
from service.schemas.members import Adjusted, Adjustment, ConsentIn, Enrolment, MemberOut, Merge, PointsOut
from service.views import view_of


async def enrol(request: web.Request) -> web.Response:
    """Make somebody a member, as at the till. Somebody who is a member already stays what she is."""
    body = await read_body(request, Enrolment)
    public_url = request.app[CONTEXT].public_url

    def work(at: Change) -> MemberOut:
        person = Person(body.refs(), body.name, body.language)
        member = meet(at.session, at.programme, person, now=at.now)
        join(at.session, at.programme, member, now=at.now)
        if body.birthday is not None and member.birthday is None:
            member.birthday = body.birthday
        if body.marketing is not None:
            set_marketing(
                at.session, member, given=body.marketing.given, words=body.marketing.words,
                evidence=body.marketing.evidence, now=at.now,
            )  # fmt: skip
        at.session.flush()
        return view_of(at.session, at.programme, member, public_url, at.now)

    return await change(request, work)


async def adjust(request: web.Request) -> web.Response:
    """Give or take points by hand."""
    body, ref = await read_body(request, Adjustment), request.match_info["ref"]

    def work(at: Change) -> Adjusted:
        member = MemberId(get_member(at.session, at.programme.id, ref).id)
        new = adjustments.adjust(
            at.session, at.programme, member, body.points, key=body.id, author=body.author, reason=body.reason,
            allow_debt=body.allow_debt, actor=at.actor, now=at.now,
        )  # fmt: skip
        return Adjusted(
            id=body.id, status="accepted" if new else "repeated",
            points=PointsOut.model_validate(points_of(at.session, member), from_attributes=True),
        )  # fmt: skip

    return await change(request, work)


async def merge(request: web.Request) -> web.Response:
    """Make two members one, who turned out to be the same person."""
    body, ref = await read_body(request, Merge), request.match_info["ref"]
    public_url = request.app[CONTEXT].public_url

    def work(at: Change) -> MemberOut:
        keep = get_member(at.session, at.programme.id, ref)
        other = get_member(at.session, at.programme.id, body.other)
        loyalty.merging.merge.merge(
            at.session, at.programme, MemberId(keep.id), MemberId(other.id), author=f"{at.actor}: {body.author}",
            reason=body.reason, now=at.now,
        )  # fmt: skip
        follow(at.session, at.programme, MemberId(keep.id), MemberId(other.id))
        at.session.refresh(keep)
        return view_of(at.session, at.programme, keep, public_url, at.now)

    return await change(request, work)


async def note_consent(request: web.Request) -> web.Response:
    """Note what a member agreed to or withdrew, with her words and where they are kept."""
    body, ref = await read_body(request, ConsentIn), request.match_info["ref"]
    public_url = request.app[CONTEXT].public_url

    def work(at: Change) -> MemberOut:
        member = get_member(at.session, at.programme.id, ref)
        if body.purpose == "marketing":
            set_marketing(at.session, member, given=body.given, words=body.words, evidence=body.evidence, now=at.now)
        else:
            record_consent(
                at.session, member, purpose=body.purpose, given=body.given, words=body.words, evidence=body.evidence,
                now=at.now,
            )  # fmt: skip
        at.session.flush()
        return view_of(at.session, at.programme, member, public_url, at.now)

    return await change(request, work)
