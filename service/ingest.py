"""What an event does, whoever brought it: `/v1/events`, a parked event tried again, a shop's webhook.

Members hear of it by the news it makes (`loyalty.news`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from loyalty.errors import Refused
from loyalty.ids import MemberId
from loyalty.money import Money
from loyalty.orders.bills import ChangeKind
from loyalty.orders.purchases import (
    OrderChange,
    Outcome,
    PurchaseReport,
    record_activity,
    record_change,
    record_purchase,
)
from loyalty.orders.subscriptions import record_subscription
from loyalty.people.members import get_member
from loyalty.programme import Programme
from loyalty.referral import referrals, signals
from loyalty.tables import Member
from service.schemas.common import Line
from service.schemas.events import (
    ActivityEvent,
    CancellationEvent,
    EditEvent,
    Event,
    EventResult,
    PurchaseEvent,
    RefundEvent,
    SubscriptionEvent,
)

AnyEvent = PurchaseEvent | RefundEvent | CancellationEvent | EditEvent | ActivityEvent | SubscriptionEvent
_EVENT: TypeAdapter[AnyEvent] = TypeAdapter(Event)


def read_event(body: object) -> AnyEvent:
    """An event, from JSON that was parsed already. Raises pydantic's `ValidationError`."""
    return _EVENT.validate_python(body)


@dataclass(frozen=True, slots=True)
class Ingest:
    """Takes events in, each within the transaction of a session."""

    def apply(self, session: Session, programme: Programme, event: AnyEvent, now: datetime) -> EventResult:
        """Carry an event out, once by its id. Raises `LoyaltyError` where it cannot be taken."""
        at = event.occurred_at or now
        match event:
            case PurchaseEvent():
                outcome = self._purchase(session, programme, event, at, now)
            case RefundEvent() | EditEvent():
                total = Money.parse(event.amount, event.currency)
                outcome = self._change(session, programme, event, total, event.lines, at, now)
            case CancellationEvent():
                nothing = Money.parse("0", programme.currency)
                outcome = self._change(session, programme, event, nothing, (), at, now)
            case ActivityEvent():
                outcome = self._activity(session, programme, event, at, now)
            case SubscriptionEvent():
                outcome = self._subscription(session, programme, event, at, now)
        status = "repeated" if outcome.repeated else "accepted"
        return EventResult(id=event.id, type=event.type, status=status, member=outcome.member, points=outcome.points)

    def _purchase(
        self, session: Session, programme: Programme, event: PurchaseEvent, at: datetime, now: datetime
    ) -> Outcome:
        member = get_member(session, programme.id, event.member.ref())
        self._remember(session, programme, member, event.signals.known(), min(at, now))
        if event.referral_code:
            self._checkout_code(session, programme, member, event.referral_code, at, now)
        lines = tuple(line.line() for line in event.lines)
        report = PurchaseReport(event.id, Money.parse(event.amount, event.currency), at, lines)
        return record_purchase(session, programme, member, report, now=now)

    def _change(
        self, session: Session, programme: Programme, event: RefundEvent | CancellationEvent | EditEvent, total: Money,
        lines: tuple[Line, ...], at: datetime, now: datetime,
    ) -> Outcome:  # fmt: skip
        kind: ChangeKind = event.type
        change = OrderChange(kind, event.id, event.purchase_id, total, at, tuple(line.line() for line in lines))
        return record_change(session, programme, change, now=now)

    def _activity(
        self, session: Session, programme: Programme, event: ActivityEvent, at: datetime, now: datetime
    ) -> Outcome:
        member = get_member(session, programme.id, event.member.ref())
        return record_activity(
            session, programme, member, key=event.id, activity=event.activity, occurred_at=at, now=now
        )

    def _subscription(
        self, session: Session, programme: Programme, event: SubscriptionEvent, at: datetime, now: datetime
    ) -> Outcome:
        member = get_member(session, programme.id, event.member.ref())
        new = record_subscription(
            session, programme, MemberId(member.id), key=event.id, started_at=event.started_at,
            ended_at=event.ended_at, told_at=at, now=now,
        )  # fmt: skip
        return Outcome(MemberId(member.id), 0, repeated=not new)

    def _remember(
        self, session: Session, programme: Programme, member: Member, known: Mapping[str, str], seen_at: datetime
    ) -> None:
        for kind, value in known.items():
            signals.remember(session, programme, MemberId(member.id), kind, value, now=seen_at)

    def _checkout_code(
        self, session: Session, programme: Programme, member: Member, typed: str, at: datetime, now: datetime
    ) -> None:
        """A code at the checkout counts from when the order was placed, which may be told later. One that does not
        count is no reason to refuse the order."""
        try:
            referrals.enter_code(session, programme, member, typed, source="checkout", now=now, at=at)
        except Refused:
            return
