"""How each system is doing, for operators."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm import deals, queue
from crm.tables import CrmContact, CrmDeal, CrmSystem

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Overview:
    """A system at a moment."""

    name: str
    contacts: dict[str, int]
    deals: dict[str, int]
    oldest: datetime | None
    """Since when the oldest news waits."""
    pushed_at: datetime | None
    paused_until: datetime | None
    why: str | None
    aside: tuple[tuple[str, str], ...]
    """Contacts that were set aside, by the member's id, with the reason; the first of them."""
    deals_aside: tuple[tuple[str, str], ...]


def overview(session: Session, system: str, now: datetime) -> Overview:
    """How a system is doing."""
    row = session.get(CrmSystem, system)
    hers = CrmContact.system == system
    waiting = select(func.min(CrmContact.dirty_since)).where(hers, CrmContact.state == queue.WAITING)
    query = select(CrmContact.member_id, CrmContact.error).where(hers, CrmContact.state == queue.ASIDE).limit(SHOWN)
    left = select(CrmDeal.deal_id, CrmDeal.error).where(CrmDeal.system == system, CrmDeal.state == deals.ASIDE)
    until = row.paused_until if row is not None else None
    return Overview(
        system, queue.counts(session, system), deals.counts(session, system), session.scalar(waiting),
        session.scalar(select(func.max(CrmContact.pushed_at)).where(hers)),
        until if until is not None and until > now else None, row.why if row is not None else None,
        tuple((member, error or "") for member, error in session.execute(query)),
        tuple((deal, error or "") for deal, error in session.execute(left.limit(SHOWN))),
    )  # fmt: skip


def lines(one: Overview) -> Iterator[str]:
    """The same in words."""
    counts = one.contacts
    yield (
        f"{one.name}: {counts.get(queue.DONE, 0)} up to date, {counts.get(queue.WAITING, 0)} waiting"
        f"{f' since {one.oldest:%Y-%m-%d %H:%M}' if one.oldest else ''}, {counts.get(queue.ASIDE, 0)} set aside, "
        f"last written {f'{one.pushed_at:%Y-%m-%d %H:%M}' if one.pushed_at else 'never'}"
    )
    if one.paused_until is not None:
        yield f"  left alone until {one.paused_until:%Y-%m-%d %H:%M:%S}: {one.why}"
    elif one.why:
        yield f"  it was left alone: {one.why}"
    for member, error in one.aside:
        yield f"  set aside: member {member}: {error}"
    if one.deals:
        told = ", ".join(f"{count} {state}" for state, count in sorted(one.deals.items()))
        yield f"  deals: {told}"
    for deal, error in one.deals_aside:
        yield f"  set aside: deal {deal}: {error}"


def numbers(session: Session, now: datetime) -> tuple[dict[tuple[str, ...], float], dict[tuple[str, ...], float]]:
    """Contacts by system and state, and for how many seconds the oldest news of each system has waited."""
    counted = select(CrmContact.system, CrmContact.state, func.count()).group_by(CrmContact.system, CrmContact.state)
    oldest = (
        select(CrmContact.system, func.min(CrmContact.dirty_since))
        .where(CrmContact.state == queue.WAITING)
        .group_by(CrmContact.system)
    )
    contacts: dict[tuple[str, ...], float] = {
        (system, state): count for system, state, count in session.execute(counted)
    }
    waited: dict[tuple[str, ...], float] = {
        (system,): max((now - at).total_seconds(), 0.0) for system, at in session.execute(oldest) if at is not None
    }
    return contacts, waited
