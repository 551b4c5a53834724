"""Referrals that wait for a person: the queue, decisions and appeals.

Nothing happens by itself when a decision is overdue: what is held stays held, and only shows as overdue.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty import trail
from loyalty.books import ledger
from loyalty.errors import NotFound, Refused
from loyalty.ids import MemberId, ReferralId
from loyalty.programme import Programme
from loyalty.referral.cases import is_history
from loyalty.referral.fraud import Finding
from loyalty.referral.giving import Settled, settle_some
from loyalty.referral.qualifying import State
from loyalty.rules.referral import Verdict
from loyalty.tables import Finding as FindingRow
from loyalty.tables import Referral

Decision = Literal["accept", "reject"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found, and when."""

    finding: Finding
    at: datetime


@dataclass(frozen=True, slots=True)
class Review:
    """A referral as somebody who decides sees it. `verdict` is the checks' own unless `decided_by` says whose."""

    referral: ReferralId
    referrer: MemberId
    friend: MemberId
    state: State
    source: str
    created_at: datetime
    converted_at: datetime | None
    rewarded_at: datetime | None
    verdict: Verdict | None
    decided_by: str | None
    due_at: datetime | None
    overdue: bool
    findings: tuple[Found, ...]


def open_reviews(
    session: Session, programme: Programme, now: datetime, *, limit: int, after: str | None = None
) -> list[Review]:
    """What waits for a decision, oldest first; `after` is the id of the last one of the page before."""
    return list_referrals(session, programme, now, state="held", limit=limit, after=after)


def list_referrals(
    session: Session, programme: Programme, now: datetime, *, state: State | None = None, limit: int,
    after: str | None = None,
) -> list[Review]:  # fmt: skip
    """The programme's referrals (in one state), oldest first; `after` is the id of the last one of the page before."""
    query = select(Referral).where(Referral.programme_id == programme.id)
    if state is not None:
        query = query.where(Referral.state == state)
    if after is not None:
        query = query.where(Referral.id > after)
    return _reviews(session, session.scalars(query.order_by(Referral.id).limit(limit)).all(), now)


def get_review(session: Session, programme: Programme, referral: str, now: datetime) -> Review:
    """One referral. Raises `NotFound`."""
    return _reviews(session, [_get(session, programme, referral)], now)[0]


def decide(
    session: Session, programme: Programme, referral: str, *, decision: Decision, author: str, reason: str,
    now: datetime,
) -> Settled:  # fmt: skip
    """Decide about a referral, and give or take back what follows. The same decision again changes nothing; another
    one, by whomever, overrules it.

    Raises `NotFound`, and `Refused("nothing_to_decide")` where the friend has not qualified yet.
    """
    return _rule(session, programme, referral, decision, "accepted" if decision == "accept" else "rejected",
                 author=author, reason=reason, now=now)  # fmt: skip


def appeal(
    session: Session, programme: Programme, referral: str, *, author: str, reason: str, now: datetime
) -> Settled:
    """Have a rejected referral looked at again: it is held until somebody decides.

    Raises `NotFound`, and `Refused("not_rejected")` where there is nothing to appeal against.
    """
    return _rule(session, programme, referral, "hold", "appealed", author=author, reason=reason, now=now)


def _rule(
    session: Session, programme: Programme, referral: str, verdict: Verdict, deed: str, *, author: str, reason: str,
    now: datetime,
) -> Settled:  # fmt: skip
    row = _lock(session, programme, referral)
    if row.decided_by is not None and row.verdict == verdict:
        return _unchanged(row)
    if verdict == "hold" and row.state != "rejected":
        raise Refused("not_rejected", "only what was rejected can be appealed against")
    if row.verdict is None or is_history(row):
        raise Refused("nothing_to_decide", "the friend has not qualified yet: there is nothing to decide about")
    trail.note(
        session, programme.id, actor=author, action=f"referral.{deed}", subject=f"referral:{row.id}",
        detail={"was": row.verdict, "by": row.decided_by or "checks", "reason": reason}, now=now,
    )  # fmt: skip
    row.verdict, row.decided_by, row.unsettled = verdict, author[:200], True
    row.review_due_at = None
    settled = settle_some(session, programme, [row.id], (row.referrer_id, row.referee_id), now=now)
    return settled[0]


def _lock(session: Session, programme: Programme, referral: str) -> Referral:
    """The referral and both members, locked: as they are then, should somebody have been merged meanwhile."""
    row = _get(session, programme, referral)
    while True:
        members = {MemberId(row.referrer_id), MemberId(row.referee_id)}
        ledger.lock_all(session, members)
        session.refresh(row, with_for_update=True)
        if {row.referrer_id, row.referee_id} <= members:
            return row


def _get(session: Session, programme: Programme, referral: str) -> Referral:
    row = session.get(Referral, referral)
    if row is None or row.programme_id != programme.id:
        raise NotFound("the programme has no such referral", field="referral")
    return row


def _unchanged(row: Referral) -> Settled:
    state = cast(State, row.state)
    return Settled(ReferralId(row.id), MemberId(row.referrer_id), MemberId(row.referee_id), state, state)


def _reviews(session: Session, rows: Iterable[Referral], now: datetime) -> list[Review]:
    rows = list(rows)
    found: dict[str, list[Found]] = {row.id: [] for row in rows}
    query = select(FindingRow).where(FindingRow.referral_id.in_(found)).order_by(FindingRow.id)
    for one in session.scalars(query):
        finding = Finding(one.name, one.reaction, one.explanation, one.facts)  # type: ignore[arg-type]  # a reaction went in
        found[one.referral_id].append(Found(finding, one.at))
    return [_review(row, tuple(found[row.id]), now) for row in rows]


def _review(row: Referral, findings: tuple[Found, ...], now: datetime) -> Review:
    return Review(
        ReferralId(row.id), MemberId(row.referrer_id), MemberId(row.referee_id), cast(State, row.state), row.source,
        row.created_at, row.converted_at, row.rewarded_at, cast(Verdict | None, row.verdict), row.decided_by,
        row.review_due_at, row.review_due_at is not None and row.review_due_at <= now, findings,
    )  # fmt: skip
