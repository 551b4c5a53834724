"""Claims: points a member misses. She tells of a purchase, a person decides, and what follows is posted once.

What is accepted becomes an order (of the shop's own number, so that the same order reported later brings nothing
more) or, where no order is to be made of it, a correction by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, get_args

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from loyalty import trail
from loyalty.books import adjustments
from loyalty.errors import NotFound, Refused
from loyalty.ids import MemberId, new_id
from loyalty.money import Money
from loyalty.orders.purchases import PurchaseReport, record_purchase
from loyalty.people.members import lock_kept
from loyalty.people.owned import lock_owner
from loyalty.programme import Programme
from loyalty.store.sql import insert_once
from loyalty.tables import Claim, Member

State = Literal["open", "accepted", "rejected"]
Why = Literal["already_credited", "not_found", "unreadable", "too_old", "not_counted"]
"""What a member is told of a rejection."""
STATES: tuple[State, ...] = get_args(State)
MOST_OPEN = 3
"""So many claims of one member may wait."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A picture of a receipt: the channel's id of it, its kind, the hash of what is in it."""

    id: str
    mime_type: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a member tells of a purchase; when and where in her own words."""

    when: str | None = None
    where: str | None = None
    amount: Decimal | None = None
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An order to be made of a claim. `key` is the shop's own number of it, if that is known."""

    total: Money
    occurred_at: datetime | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A claim as it stands after a decision. `new` says that this decision changed something."""

    claim: Claim
    new: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A claim as somebody who decides sees it; `same_receipt` are other claims with the very same picture."""

    claim: Claim
    same_receipt: tuple[str, ...]


def file_claim(
    session: Session, programme: Programme, member: MemberId, told: Told, *, key: str, now: datetime
) -> Claim:
    """Put a claim in the queue. The same `key` (the caller's) is the same claim.

    Raises `Refused` with reason `not_joined`, `nothing` (neither an amount nor a receipt was told), `too_many` (so many
    wait already) or `same_receipt` (she claimed this very picture before, and that was not rejected).
    """
    row = lock_kept(session, member)  # whoever files twice at once is counted
    known = session.scalar(select(Claim).where(Claim.programme_id == programme.id, Claim.key == key))
    if known is not None:
        return known
    if row.joined_at is None:
        raise Refused("not_joined", "only members collect points")
    if told.amount is None and told.receipt is None:
        raise Refused("nothing", "a claim needs the amount or the receipt")
    if open_claims(session, MemberId(row.id)) >= MOST_OPEN:
        raise Refused("too_many", f"{MOST_OPEN} claims of this member wait already")
    receipt = told.receipt
    if receipt is not None and _claimed_by_her(session, MemberId(row.id), receipt):
        raise Refused("same_receipt", "this receipt was claimed before")
    values = {
        "id": new_id(), "programme_id": programme.id, "member_id": row.id, "key": key,
        "told_when": _short(told.when), "told_where": _short(told.where), "amount": told.amount,
        "media_id": receipt.id[:200] if receipt else None,
        "media_type": (receipt.mime_type or "")[:100] or None if receipt else None,
        "media_sha256": (receipt.sha256 or "")[:100] or None if receipt else None,
        "state": "open", "created_at": now, "points": 0,
    }  # fmt: skip
    insert_once(session, Claim, values)
    return session.scalars(select(Claim).where(Claim.programme_id == programme.id, Claim.key == key)).one()


def open_claims(session: Session, member: MemberId) -> int:
    """How many claims of a member wait."""
    count = select(func.count()).select_from(Claim).where(Claim.member_id == member, Claim.state == "open")
    return int(session.scalar(count) or 0)


def list_claims(
    session: Session, programme: Programme, *, state: State | None, limit: int, after: str | None = None
) -> list[Listed]:
    """The programme's claims (in one state), oldest first; `after` is the id of the last one of the page before."""
    query = select(Claim).where(Claim.programme_id == programme.id)
    if state is not None:
        query = query.where(Claim.state == state)
    if after is not None:
        query = query.where(Claim.id > after)
    rows = session.scalars(query.order_by(Claim.id).limit(limit)).all()
    return _listed(session, programme, rows)


def accept(
    session: Session, programme: Programme, claim: str, credit: Order | int, *, author: str, reason: str, actor: str,
    now: datetime,
) -> Decided:  # fmt: skip
    """Accept a claim, open or rejected before: as an order, or for so many points. Accepted again, it stays as it was.

    Raises `NotFound`; `Conflict` if the order is known with other content or as somebody else's; `Invalid`. An order
    that the member has already brings nothing more.
    """
    row = _lock(session, programme, claim, now)
    if row.state == "accepted":
        return Decided(row, new=False)
    was = row.state
    if isinstance(credit, Order):
        row.purchase_key = credit.key or f"claim:{row.id}"
        report = PurchaseReport(row.purchase_key, credit.total, credit.occurred_at or row.created_at)
        member = session.get_one(Member, row.member_id)
        outcome = record_purchase(session, programme, member, report, now=now)
        row.points = 0 if outcome.repeated else outcome.points
    else:
        adjustments.adjust(
            session, programme, MemberId(row.member_id), credit, key=f"claim:{row.id}", author=author, reason=reason,
            actor=actor, now=now,
        )  # fmt: skip
        row.points = credit
    _decide(session, row, "accepted", author=f"{actor}: {author}", now=now)
    row.why = None
    detail = {"claim": row.id, "was": was, "points": row.points, "purchase": row.purchase_key, "reason": reason}
    _note(session, programme, row, "claim.accepted", detail, now)
    return Decided(row, new=True)


def reject(
    session: Session, programme: Programme, claim: str, why: Why, *, author: str, reason: str, actor: str, now: datetime
) -> Decided:
    """Reject an open claim. Rejected again, it stays as it was.

    Raises `NotFound`, and `Refused("accepted")`: what was credited is taken back by an adjustment or a cancellation.
    """
    row = _lock(session, programme, claim, now)
    if row.state == "rejected":
        return Decided(row, new=False)
    if row.state == "accepted":
        raise Refused("accepted", "the claim was accepted; take the points back by an adjustment or a cancellation")
    _decide(session, row, "rejected", author=f"{actor}: {author}", now=now)
    row.why = why
    _note(session, programme, row, "claim.rejected", {"claim": row.id, "why": why, "reason": reason}, now)
    return Decided(row, new=True)


def _lock(session: Session, programme: Programme, claim: str, now: datetime) -> Claim:
    """The claim and its member, locked in the order in which everything locks: the member first."""
    row = session.get(Claim, claim)
    if row is None or row.programme_id != programme.id:
        raise NotFound("the programme has no such claim", field="claim")
    lock_owner(session, programme.id, row, now=now)
    session.refresh(row, with_for_update=True)
    return row


def _decide(session: Session, row: Claim, state: State, *, author: str, now: datetime) -> None:
    row.state, row.decided_at, row.decided_by = state, now, author[:200]
    session.flush()


def _note(
    session: Session, programme: Programme, row: Claim, action: str, detail: dict[str, object], now: datetime
) -> None:
    actor = row.decided_by or ""
    trail.note(session, programme.id, actor=actor, action=action, subject=row.member_id, detail=detail, now=now)


def _claimed_by_her(session: Session, member: MemberId, receipt: Receipt) -> bool:
    if receipt.sha256 is None:
        return False
    hers = (Claim.member_id == member) & (Claim.media_sha256 == receipt.sha256) & (Claim.state != "rejected")
    return session.scalar(select(Claim.id).where(hers).limit(1)) is not None


def _listed(session: Session, programme: Programme, rows: Sequence[Claim]) -> list[Listed]:
    hashes = {row.media_sha256 for row in rows if row.media_sha256 is not None}
    found: dict[str, list[str]] = {}
    if hashes:
        same = select(Claim.media_sha256, Claim.id).where(
            Claim.programme_id == programme.id, Claim.media_sha256.in_(hashes)
        )
        for sha256, id_ in session.execute(same.order_by(Claim.id)):
            found.setdefault(str(sha256), []).append(id_)
    return [
        Listed(row, tuple(other for other in found.get(row.media_sha256 or "", ()) if other != row.id)) for row in rows
    ]


def _short(words: str | None) -> str | None:
    return " ".join(words.split())[:200] or None if words else None
