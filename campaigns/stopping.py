"""When a campaign stops by itself: WhatsApp or those who got it are displeased, or it may no longer go on as it is.

The shares are of its newest messages, so that what goes wrong now is seen now.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.design import Design
from campaigns.wording import category_now
from conversation.leaving import brakes
from conversation.leaving.outbox import MARKETING
from conversation.saying.templating import APPROVED
from conversation.tables import Conversation, OutboxRow, TemplateRow
from loyalty.tables import Campaign, Consent, Recipient

NEWEST, LEAST = 1000, 50
"""Of so many messages the shares are taken, and from how many on they say something."""
LOOK = timedelta(seconds=5)
HELD_BACK = 131049
"""Meta chose not to deliver: the person has had enough marketing, or the country is closed to it."""
_SETTLED = ("sent", "delivered", "read", "failed")


@dataclass(frozen=True, slots=True)
class Health:
    """How its newest messages fared."""

    messages: int
    """Those of which something is known."""
    failed: int
    held_back: int
    opted_out: int


def reason_to_stop(session: Session, campaign: Campaign, design: Design, *, now: datetime) -> str | None:
    """Why it must not go on, in words for an operator; None if it may."""
    return _template(session, design) or _paused(session, campaign, now) or _fares(design, health(session, campaign))


def health(session: Session, campaign: Campaign) -> Health:
    """How its newest messages fared."""
    newest = (
        select(Recipient.member_id, Recipient.outbox_id, Recipient.at)
        .where(Recipient.campaign_id == campaign.id, Recipient.state == "queued")
        .order_by(Recipient.at.desc())
        .limit(NEWEST)
        .subquery()
    )
    rows = session.execute(
        select(OutboxRow.state, OutboxRow.error_code, func.count())
        .join(newest, newest.c.outbox_id == OutboxRow.id)
        .group_by(OutboxRow.state, OutboxRow.error_code)
    ).all()
    held_back = sum(count for _, code, count in rows if code == HELD_BACK)
    failed = sum(count for state, code, count in rows if state == "failed" and code != HELD_BACK)
    known = held_back + sum(count for state, code, count in rows if state in _SETTLED and code != HELD_BACK)
    gone = session.scalar(
        select(func.count(func.distinct(newest.c.member_id))).where(
            Consent.member_id == newest.c.member_id, Consent.purpose == MARKETING, Consent.given.is_(False),
            Consent.at >= newest.c.at,
        )
    )  # fmt: skip
    return Health(known, failed, held_back, int(gone or 0))


def _fares(design: Design, found: Health) -> str | None:
    if found.messages < LEAST:
        return None
    stop = design.stop
    for count, share, said in (
        (found.failed, stop.failed, "failed"),
        (found.held_back, stop.held_back, f"were held back by WhatsApp ({HELD_BACK})"),
        (found.opted_out, stop.opted_out, "led to no more offers being wanted"),
    ):
        if count > share * found.messages:
            return f"{count} of the last {found.messages} messages {said}; the file allows {share:.1%}"
    return None


def _template(session: Session, design: Design) -> str | None:
    for saying in design.arms.values():
        if saying.template is None:
            continue
        rows = session.scalars(select(TemplateRow).where(TemplateRow.name == saying.template)).all()
        if not any(row.status == APPROVED for row in rows):
            return f"the template {saying.template} is no longer approved"
        if bad := sorted(row.language for row in rows if row.status in {"paused", "disabled"}):
            return f"WhatsApp paused or disabled the template {saying.template} in {', '.join(bad)}"
        if red := sorted(row.language for row in rows if row.quality == "red"):
            return f"the quality of the template {saying.template} is red in {', '.join(red)}"
        if design.category == "utility" and category_now(session, saying) == MARKETING:
            return f"WhatsApp counts the template {saying.template} as marketing now"
    return None


def _paused(session: Session, campaign: Campaign, now: datetime) -> str | None:
    """Whether WhatsApp stopped the number or its campaigns (spam rate limit 131048, account alarms)."""
    held = brakes.paused(session)
    numbers = [key for key in held if key.startswith(("number:", "marketing:"))]
    if not numbers:
        return None
    query = select(Conversation.number_id).where(Conversation.programme_id == campaign.programme_id).distinct()
    for number in session.scalars(query):
        if brakes.number_key(number) in held:
            return f"the number {number} is paused; `passaparola outbox list` says why"
        if brakes.marketing_key(number) in held:
            return f"WhatsApp stopped campaigns of the number {number}; `passaparola outbox list` says why"
    return None
