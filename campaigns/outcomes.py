"""What came of a campaign for each recipient: read by the thousand, folded into figures, so that memory stays flat.

Everybody whose turn came is counted, whether or not WhatsApp delivered her message: what happens to messages is part
of what a variant does, and the control group has no messages to be delivered.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Float, cast, func, select, tuple_
from sqlalchemy.orm import Session

from campaigns.design import Design
from conversation.choosing.offers import read_token
from conversation.leaving.outbox import MARKETING
from conversation.tables import InboxRow, OutboxRow
from loyalty.people.identities import spellings
from loyalty.tables import Campaign, Consent, Purchase, Recipient, Redemption

CHUNK = 2000
REACHED = {"sent": 1, "unsure": 0, "delivered": 2, "read": 3}
_KNOWN = ("done", "seen", "new", "failed")


@dataclass(slots=True)
class Figures:
    """What came of one variant, or of the control group."""

    assigned: int = 0
    """Those whose turn came: they have a message in the outbox, or are held in the control group."""
    sent: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0
    withheld: int = 0
    """Not sent, because consent or window were gone when it was to go out."""
    waiting: int = 0
    unsure: int = 0
    replied: int = 0
    clicked: int = 0
    ordered: int = 0
    redeemed: int = 0
    opted_out: int = 0
    tested: int = 0
    """How many of the sample fixed beforehand are here, with their time over."""
    tested_hits: int = 0
    immature: int = 0
    """Those of the sample whose time is not over."""
    billed: dict[str, Decimal] = field(default_factory=dict)

    def hits(self, metric: str) -> int:
        """How many did what counts as success."""
        counted = {"order": self.ordered, "redemption": self.redeemed, "reply": self.replied, "click": self.clicked}
        return counted[metric]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a chunk of recipients."""

    messages: Mapping[int, Any]
    heard: Mapping[str, Sequence[tuple[datetime, str | None]]]
    """By contact: when somebody wrote, and the offer she tapped on."""
    orders: Mapping[str, Sequence[datetime]]
    redemptions: Mapping[str, Sequence[datetime]]
    stops: Mapping[str, Sequence[datetime]]


def figures(session: Session, campaign: Campaign, design: Design, *, sample: int | None, now: datetime) -> dict[
    str, Figures
]:  # fmt: skip
    """What came of each arm. `sample`: so many of each, the first by their turn, are what the test is about."""
    found: dict[str, Figures] = {}
    for rows in _chunks(session, campaign):
        facts = _facts(session, campaign, rows, design.window)
        for row in rows:
            arm = found.setdefault(row.arm, Figures())
            did = _count(arm, row, facts, design)
            if sample is not None and arm.tested + arm.immature < sample:
                if now < row.at + design.window:
                    arm.immature += 1
                else:
                    arm.tested += 1
                    arm.tested_hits += did
    return found


def skipped(session: Session, campaign: Campaign) -> Iterator[tuple[str, str, int]]:
    """Who was left out at her turn: variant, reason, how many."""
    query = select(Recipient.arm, Recipient.reason, func.count()).where(
        Recipient.campaign_id == campaign.id, Recipient.state == "skipped"
    )
    for arm, reason, count in session.execute(query.group_by(Recipient.arm, Recipient.reason)):
        yield arm, reason or "", count


def _chunks(session: Session, campaign: Campaign) -> Iterator[Sequence[Any]]:
    """Those whose turn came, in the order of it, the variants first."""
    columns = (
        Recipient.member_id, Recipient.arm, Recipient.state, Recipient.at, Recipient.outbox_id, Recipient.offer_id,
        Recipient.outcome,
    )  # fmt: skip
    for state in ("queued", "held"):
        mine = select(*columns).where(Recipient.campaign_id == campaign.id, Recipient.state == state)
        after: tuple[datetime, str] | None = None
        while True:
            query = mine if after is None else mine.where(tuple_(Recipient.at, Recipient.member_id) > after)
            rows = session.execute(query.order_by(Recipient.at, Recipient.member_id).limit(CHUNK)).all()
            if not rows:
                break
            yield rows
            after = (rows[-1].at, rows[-1].member_id)


def _count(arm: Figures, row: Any, facts: _Facts, design: Design) -> bool:
    """Count one recipient. True if she did what counts as success."""
    until = row.at + design.window
    message = facts.messages.get(row.outbox_id) if row.outbox_id is not None else None
    arm.assigned += 1
    _message(arm, message.state if message is not None else row.outcome)
    if message is not None and message.cost is not None:
        arm.billed[message.currency] = arm.billed.get(message.currency, Decimal(0)) + message.cost
    said = [
        (at, offer)
        for contact in _contacts(message)
        for at, offer in facts.heard.get(contact, ())
        if row.at <= at <= until
    ]
    did = {
        "reply": bool(said),
        "click": row.offer_id is not None and any(offer == row.offer_id for _, offer in said),
        "order": any(row.at <= at <= until for at in facts.orders.get(row.member_id, ())),
        "redemption": any(row.at <= at <= until for at in facts.redemptions.get(row.member_id, ())),
    }
    arm.replied += did["reply"]
    arm.clicked += did["click"]
    arm.ordered += did["order"]
    arm.redeemed += did["redemption"]
    arm.opted_out += any(row.at <= at <= until for at in facts.stops.get(row.member_id, ()))
    return did[design.measure.metric]


def _message(arm: Figures, state: str | None) -> None:
    level = REACHED.get(state or "", 0)
    arm.sent += level >= 1
    arm.delivered += level >= 2
    arm.read += level >= 3
    arm.failed += state in {"failed", "dropped"}
    arm.withheld += state == "withheld"
    arm.waiting += state in {"waiting", "sending"}
    arm.unsure += state == "unsure"


def _contacts(message: Any) -> set[str]:
    """By what the inbox knows who got a message."""
    if message is None:
        return set()
    return {*(spellings(message.phone) if message.phone else ()), *([message.user_id] if message.user_id else ())}


def _facts(session: Session, campaign: Campaign, rows: Sequence[Any], window: timedelta) -> _Facts:
    members = [row.member_id for row in rows]
    first, last = min(row.at for row in rows), max(row.at for row in rows) + window
    columns = (OutboxRow.id, OutboxRow.state, OutboxRow.phone, OutboxRow.user_id, OutboxRow.cost, OutboxRow.currency)
    numbers = [row.outbox_id for row in rows if row.outbox_id is not None]
    messages = {row.id: row for row in session.execute(select(*columns).where(OutboxRow.id.in_(numbers)))}
    contacts = sorted({contact for message in messages.values() for contact in _contacts(message)})
    heard: dict[str, list[tuple[datetime, str | None]]] = {}
    for begin in range(0, len(contacts), 5000):
        written = select(InboxRow.contact, InboxRow.sent_at, InboxRow.body).where(
            InboxRow.state.in_(_KNOWN), InboxRow.contact.in_(contacts[begin : begin + 5000]),
            InboxRow.sent_at >= first, InboxRow.sent_at <= last,
        )  # fmt: skip
        for contact, at, body in session.execute(written):
            heard.setdefault(contact, []).append((at, _tapped(body)))
    orders = select(Purchase.member_id, Purchase.occurred_at).where(
        Purchase.member_id.in_(members), Purchase.occurred_at >= first, Purchase.occurred_at <= last,
        cast(Purchase.paid, Float) > 0,
    )  # fmt: skip
    redeemed = select(Redemption.member_id, Redemption.created_at).where(
        Redemption.member_id.in_(members), Redemption.created_at >= first, Redemption.created_at <= last,
        Redemption.state == "confirmed",
    )  # fmt: skip
    stops = select(Consent.member_id, Consent.at).where(
        Consent.member_id.in_(members), Consent.purpose == MARKETING, Consent.given.is_(False),
        Consent.at >= first, Consent.at <= last,
    )  # fmt: skip
    return _Facts(messages, heard, *(_by_member(session.execute(query)) for query in (orders, redeemed, stops)))


def _by_member(rows: Any) -> dict[str, list[datetime]]:
    found: dict[str, list[datetime]] = {}
    for member, at in rows:
        found.setdefault(member, []).append(at)
    return found


def _tapped(body: Mapping[str, Any]) -> str | None:
    """The offer of the choice that a message taps; None if it is no tap on one of ours."""
    content = body.get("content", body)
    token = read_token(str(content.get("tap", ""))) if isinstance(content, Mapping) else None
    return token[0] if token is not None else None
