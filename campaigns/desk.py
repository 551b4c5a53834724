"""What an operator does with a campaign: starts it, lets it wait, goes on, ends it, looks at what there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.orm import Session

from campaigns.design import Design
from campaigns.stopping import reason_to_stop
from conversation.alarms import close_alarm, raise_alarm
from conversation.tables import OutboxRow
from loyalty import trail
from loyalty.errors import NotFound, Refused
from loyalty.ids import ProgrammeId
from loyalty.tables import Campaign, Recipient

ALARM = "campaign"
STATES = ("planning", "planned", "running", "paused", "done", "stopped", "stopped_by_itself")
OVER = frozenset({"done", "stopped", "stopped_by_itself"})


@dataclass(frozen=True, slots=True)
class Overview:
    """A campaign in a line."""

    name: str
    programme: str
    state: str
    reason: str | None
    recipients: dict[str, int]
    """How many are `planned`, `queued`, `held`, `skipped`."""
    begins: datetime | None
    """When the next of those planned is due."""
    started_at: datetime | None
    ended_at: datetime | None
    spent: Decimal


def find(session: Session, programme: ProgrammeId | None, name: str, *, lock: bool = False) -> Campaign:
    """A campaign by its name. Raises `NotFound`, also where two programmes have one of that name and none is named."""
    query = select(Campaign).where(Campaign.name == name)
    if programme is not None:
        query = query.where(Campaign.programme_id == programme)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    rows = session.scalars(query).all()
    if len(rows) == 1:
        return rows[0]
    if rows:
        raise NotFound(f"several programmes have a campaign {name}; say which with --programme", field="programme")
    raise NotFound(f"there is no campaign {name[:64]!r}; `passaparola campaign list` shows all", field="id")


def start(session: Session, campaign: Campaign, *, actor: str, now: datetime) -> bool:
    """Let it begin, now or at its time. `campaign` is locked. True if this call did it; raises `Refused`."""
    if campaign.state == "running":
        return False
    if campaign.state in OVER:
        raise Refused("over", f"{campaign.name} is over ({campaign.state}); plan another with an id of its own")
    if campaign.state == "planning":
        raise Refused("planning", f"the plan of {campaign.name} is not finished; run `passaparola campaign plan` again")
    return _run(session, campaign, "campaign.started", actor, now)


def resume(session: Session, campaign: Campaign, *, actor: str, now: datetime) -> bool:
    """Let one that was paused, or that stopped by itself, go on. True if this call did it; raises `Refused`."""
    if campaign.state == "running":
        return False
    if campaign.state not in {"paused", "stopped_by_itself"}:
        raise Refused("state", f"{campaign.name} is {campaign.state}, it cannot go on")
    return _run(session, campaign, "campaign.resumed", actor, now)


def pause(session: Session, campaign: Campaign, *, actor: str, now: datetime) -> bool:
    """Send no more for now; what is in the outbox and not on its way comes back. True if this call did it."""
    if campaign.state == "paused":
        return False
    if campaign.state != "running":
        raise Refused("state", f"{campaign.name} is {campaign.state}, it does not run")
    halt(session, campaign, "paused", f"paused by {actor}", now=now)
    _note(session, campaign, "campaign.paused", actor, now)
    return True


def stop(session: Session, campaign: Campaign, *, actor: str, now: datetime) -> bool:
    """End it for good. True if this call did it."""
    if campaign.state in {"stopped", "done"}:
        return False
    halt(session, campaign, "stopped", f"stopped by {actor}", now=now)
    close_alarm(session, ALARM, subject=campaign.name, now=now)
    _note(session, campaign, "campaign.stopped", actor, now)
    return True


def stop_by_itself(session: Session, campaign: Campaign, why: str, *, now: datetime) -> None:
    """It must not go on: a person is told."""
    halt(session, campaign, "stopped_by_itself", why, now=now)
    said = f"the campaign stopped by itself: {why}; `passaparola campaign resume {campaign.name}` lets it go on"
    raise_alarm(session, ALARM, said, subject=campaign.name, now=now)


def halt(session: Session, campaign: Campaign, state: str, why: str, *, now: datetime) -> None:
    """Bring it to a state in which nothing is sent, and take back what is not on its way yet."""
    campaign.state, campaign.reason, campaign.updated_at = state, why, now
    if state in OVER:
        campaign.ended_at = now
    session.flush()
    take_back(session, campaign)


def take_back(session: Session, campaign: Campaign) -> int:
    """Take messages out of the outbox that no sender has touched; their people are planned again. Returns how many."""
    query = select(OutboxRow.id).where(_untouched(campaign)).order_by(OutboxRow.id)
    numbers = list(session.scalars(query.with_for_update(skip_locked=True)))
    for first in range(0, len(numbers), 500):
        some = numbers[first : first + 500]
        hers: ColumnElement[bool] = (Recipient.campaign_id == campaign.id) & Recipient.outbox_id.in_(some)
        session.execute(
            update(Recipient)
            .where(hers)
            .values(state="planned", outbox_id=None, offer_id=None)
            .execution_options(synchronize_session=False)
        )
        session.execute(delete(OutboxRow).where(OutboxRow.id.in_(some)).execution_options(synchronize_session=False))
    if numbers:
        prices = select(Recipient.price).where(Recipient.campaign_id == campaign.id, Recipient.state == "queued")
        campaign.spent = sum((price for price in session.scalars(prices) if price is not None), Decimal(0))
        session.flush()
    return len(numbers)


def waiting(session: Session, campaign: Campaign) -> bool:
    """Whether messages of it are in the outbox that no sender has touched."""
    return session.scalar(select(OutboxRow.id).where(_untouched(campaign)).limit(1)) is not None


def _untouched(campaign: Campaign) -> ColumnElement[bool]:
    return and_(
        OutboxRow.state == "waiting", OutboxRow.attempts == 0, OutboxRow.programme_id == campaign.programme_id,
        OutboxRow.key.startswith(f"{key_of(campaign)}:", autoescape=True),
    )  # fmt: skip


def key_of(campaign: Campaign) -> str:
    """How the keys of its messages in the outbox begin."""
    return f"campaign:{campaign.name}"


def overviews(session: Session, programme: ProgrammeId | None = None) -> Sequence[Overview]:
    """All campaigns, newest first."""
    query = select(Campaign).order_by(Campaign.id.desc())
    if programme is not None:
        query = query.where(Campaign.programme_id == programme)
    return [overview(session, row) for row in session.scalars(query)]


def overview(session: Session, campaign: Campaign) -> Overview:
    """How a campaign stands."""
    counted = session.execute(
        select(Recipient.state, func.count())
        .where(Recipient.campaign_id == campaign.id)
        .group_by(Recipient.state)
    ).all()  # fmt: skip
    begins = session.scalar(
        select(func.min(Recipient.at)).where(Recipient.campaign_id == campaign.id, Recipient.state == "planned")
    )
    return Overview(
        campaign.name, campaign.programme_id, campaign.state, campaign.reason, {row[0]: row[1] for row in counted},
        begins, campaign.started_at, campaign.ended_at, campaign.spent,
    )  # fmt: skip


def _run(session: Session, campaign: Campaign, action: str, actor: str, now: datetime) -> bool:
    design = Design.model_validate(campaign.document)
    why = reason_to_stop(session, campaign, design, now=now) if campaign.state != "stopped_by_itself" else None
    if why is not None:
        raise Refused("stops", f"{campaign.name} would stop at once: {why}")
    if campaign.started_at is None:
        limit = design.max_cost
        planned = campaign.plan.get("costs", {})
        total = sum((Decimal(one.get(limit.currency, "0")) for one in planned.values()), Decimal(0)) if limit else None
        if limit is not None and total is not None and total > limit.amount:
            said = f"the plan comes to {total} {limit.currency}, max_cost is {limit.amount}; narrow the audience"
            raise Refused("max_cost", said)
        campaign.started_at = now
    campaign.state, campaign.reason, campaign.ended_at, campaign.updated_at = "running", None, None, now
    campaign.looked_at = now
    campaign.next_at = 0.0  # the first round gives the first slot: what it takes to come is not made up for
    close_alarm(session, ALARM, subject=campaign.name, now=now)
    _note(session, campaign, action, actor, now)
    session.flush()
    return True


def _note(session: Session, campaign: Campaign, action: str, actor: str, now: datetime) -> None:
    trail.note(
        session, ProgrammeId(campaign.programme_id), actor=actor, action=action, subject=campaign.name, detail={},
        now=now,
    )  # fmt: skip
