"""Running campaigns: their messages are put in the outbox at the rate the file says, only a moment ahead.

Each round is one transaction that holds the campaign's row: so one process feeds it at a time, and what was handed over
is marked in the same transaction. A process may be killed anywhere; the next one goes on from what is in the database.
Whether a person may be written to is looked at here, when it is her turn, and once more by the sender.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.design import CONTROL, Design
from campaigns.desk import key_of, stop_by_itself, waiting
from campaigns.stopping import LOOK, reason_to_stop
from campaigns.wording import Voice, write
from conversation.leaving.outbox import MARKETING, enqueue
from conversation.messages.layout import WHATSAPP, Limits
from conversation.register import conversation_of, ensure_conversation
from conversation.saying.promotions import may_promote
from conversation.saying.sentences import Sentences
from conversation.saying.zones import quiet_until
from conversation.tables import Conversation, OutboxRow
from loyalty.ids import MemberId, ProgrammeId
from loyalty.programme import Programme
from loyalty.store import Store
from loyalty.tables import Campaign, Identity, Member, Recipient

AHEAD = 2.0
"""Seconds for which messages are in the outbox already; a pause takes them back."""
ARREARS = 10.0
"""What could not be sent in so many seconds is made up for at once; a longer break is not."""
BATCH = 50
"""People in one transaction."""
CROWDED = 200
"""So many messages of a campaign may wait in the outbox besides those of `AHEAD`: then WhatsApp's limits hold it up."""
LATER = timedelta(hours=1)
"""When somebody is looked at again whose answer does not hang on time alone."""


@dataclass(frozen=True, slots=True)
class Feeder:
    """Feeds the outbox from all campaigns that run."""

    store: Store
    programmes: Mapping[ProgrammeId, Programme]
    sentences: Sentences
    number_id: str
    """The number of a programme whose file names none."""
    limits: Limits = WHATSAPP

    async def run(self, now: datetime) -> str:
        """Put in the outbox what is due as of a moment. Returns how many that were, or nothing."""
        fed = 0
        for number in await self.store.look(running):
            while True:
                done = await self.store.write(partial(self._round, number=number, now=now))
                fed += done.fed
                if not done.more:
                    break
        return f"{fed} messages of campaigns" if fed else ""

    def _round(self, session: Session, number: int, now: datetime) -> "_Done":
        query = select(Campaign).where(Campaign.id == number, Campaign.state == "running")
        found = session.scalars(
            query.with_for_update(skip_locked=True).execution_options(populate_existing=True)
        ).first()  # fmt: skip
        programme = self.programmes.get(ProgrammeId(found.programme_id)) if found is not None else None
        if found is None or programme is None:
            return _Done()
        return _Round(session, found, Voice(programme, self.sentences, self.limits), self.number_id, now).run()


@dataclass(frozen=True, slots=True)
class _Done:
    """What a round did, and whether there is more to do at once."""

    fed: int = 0
    more: bool = False


def running(session: Session) -> list[int]:
    """The campaigns that run."""
    return list(session.scalars(select(Campaign.id).where(Campaign.state == "running").order_by(Campaign.id)))


class _Round:
    """One transaction for one campaign, whose row is locked."""

    def __init__(self, session: Session, campaign: Campaign, voice: Voice, number_id: str, now: datetime) -> None:
        self._session = session
        self._campaign = campaign
        self._voice = voice
        self._number = voice.programme.whatsapp.phone_number_id or number_id
        self._design = Design.model_validate(campaign.document)
        self._now = now

    def run(self) -> _Done:
        campaign, now = self._campaign, self._now
        if campaign.looked_at is None or now - campaign.looked_at >= LOOK:
            campaign.looked_at = now
            self._session.flush()
            if why := reason_to_stop(self._session, campaign, self._design, now=now):
                stop_by_itself(self._session, campaign, why, now=now)
                return _Done()
        slots = self._slots()
        if not slots:
            return _Done()
        people = self._due(len(slots))
        if not people:
            self._perhaps_done()
            return _Done()
        fed = 0
        for recipient in people:
            sent = self._hand_over(recipient, slots[fed])
            if campaign.state != "running":
                break
            fed += sent
        if fed:
            campaign.next_at = slots[0] + fed / self._design.rate_per_second
        campaign.updated_at = now
        self._session.flush()
        return _Done(fed, campaign.state == "running" and len(people) == len(slots))

    def _slots(self) -> list[float]:
        """When the next messages may go, in seconds since 1970; none as long as enough is under way."""
        rate, at = self._design.rate_per_second, self._now.timestamp()
        begins = max(self._campaign.next_at, at - ARREARS) if self._campaign.next_at else at
        if begins > at + AHEAD + 60:  # a clock that was put back does not stop us
            begins = at
        count = min(BATCH, int((at + AHEAD - begins) * rate) + 1) if begins <= at + AHEAD else 0
        if not count:
            return []
        crowd = select(OutboxRow.id).where(
            OutboxRow.state == "waiting", OutboxRow.number_id == self._number, OutboxRow.bulk, OutboxRow.attempts == 0
        )  # fmt: skip
        most = CROWDED + int(rate * AHEAD)
        waiting = self._session.scalar(select(func.count()).select_from(crowd.limit(most).subquery())) or 0
        return [begins + number / rate for number in range(count)] if waiting < most else []

    def _due(self, most: int) -> list[Recipient]:
        query = (
            select(Recipient)
            .where(
                Recipient.campaign_id == self._campaign.id, Recipient.state == "planned",
                Recipient.at <= self._now + timedelta(seconds=AHEAD),
            )
            .order_by(Recipient.at, Recipient.member_id)
            .limit(most)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )  # fmt: skip
        return list(self._session.scalars(query))

    def _perhaps_done(self) -> None:
        left = select(Recipient.member_id).where(
            Recipient.campaign_id == self._campaign.id, Recipient.state == "planned"
        )  # fmt: skip
        if self._session.scalar(left.limit(1)) is None and not waiting(self._session, self._campaign):
            self._campaign.state, self._campaign.ended_at = "done", self._now
            self._campaign.updated_at = self._now
            self._session.flush()

    # ---- one person

    def _hand_over(self, recipient: Recipient, slot: float) -> int:
        """Put her message in the outbox, or note why not. 1 if she is to get one."""
        member = self._session.get(Member, recipient.member_id, populate_existing=True)
        if member is None or member.erased_at is not None:
            return self._skip(recipient, "erased")
        if self._now > self._last(recipient):
            return self._skip(recipient, "too_late")
        conversation = self._conversation(member)
        if conversation is None:
            return self._skip(recipient, "no_way_to_reach")
        why, later = self._held_up(member, conversation)
        if later is not None:
            return self._put_off(recipient, later)
        if why is not None:
            return self._skip(recipient, why)
        if recipient.arm == CONTROL:
            return self._settle(recipient, "held")
        return self._send(recipient, conversation, slot)

    def _send(self, recipient: Recipient, conversation: Conversation, slot: float) -> int:
        if self._too_dear(recipient):
            return 0
        turn = datetime.fromtimestamp(slot, UTC)
        saying = self._design.arms[recipient.arm]
        written = write(
            self._session, conversation, saying, recipient.params, recipient.language, self._voice,
            at=max(turn, self._now), now=self._now,
        )  # fmt: skip
        if isinstance(written, str):
            return self._skip(recipient, written)
        self._session.flush()
        key = f"{key_of(self._campaign)}:{recipient.member_id}"
        enqueue(
            self._session, conversation, written.parts, key=key, now=self._now, not_before=turn,
            fallback=written.fallback, category=self._design.category, bulk=True,
        )  # fmt: skip
        numbers = select(OutboxRow.id).where(
            OutboxRow.programme_id == self._campaign.programme_id, OutboxRow.key == f"{key}/0"
        )  # fmt: skip
        recipient.outbox_id, recipient.offer_id = self._session.scalar(numbers), written.offer
        if recipient.price is not None:
            self._campaign.spent += recipient.price
        self._settle(recipient, "queued")
        return 1

    def _too_dear(self, recipient: Recipient) -> bool:
        limit = self._design.max_cost
        if limit is None or self._campaign.spent + (recipient.price or Decimal(0)) <= limit.amount:
            return False
        stop_by_itself(self._session, self._campaign, f"max_cost {limit.amount} {limit.currency} is reached",
                       now=self._now)  # fmt: skip
        return True

    def _held_up(self, member: Member, conversation: Conversation) -> tuple[str | None, datetime | None]:
        """Why she cannot be written to now, or when to look again."""
        if self._design.category == MARKETING:
            verdict = may_promote(self._session, self._voice.programme, MemberId(member.id), now=self._now)
            if verdict.ok:
                return None, verdict.not_before if verdict.not_before and verdict.not_before > self._now else None
            if verdict.reason == "capped":
                return None, verdict.not_before or self._now + LATER
            return verdict.reason, verdict.not_before
        heard, failed = conversation.last_heard_at, conversation.unreachable_at
        if failed is not None and (heard is None or heard <= failed):
            return "unreachable", None
        return None, quiet_until(self._voice.programme, conversation.phone, self._now)

    def _conversation(self, member: Member) -> Conversation | None:
        """Her conversation; who was imported and has never written gets one by her phone."""
        conversation = conversation_of(self._session, member.id, lock=True)
        if conversation is not None:
            return conversation if conversation.phone or conversation.user_id else None
        query = select(Identity.kind, Identity.value).where(
            Identity.member_id == member.id, Identity.kind.in_(("phone", "user"))
        )  # fmt: skip
        found = self._session.execute(query.order_by(Identity.id.desc()))
        ways: dict[str, str] = {row.kind: row.value for row in found}
        if not ways:
            return None
        return ensure_conversation(
            self._session, member, number_id=self._number, phone=ways.get("phone"), user_id=ways.get("user")
        )

    def _last(self, recipient: Recipient) -> datetime:
        """Until when she may still be written to."""
        schedule = self._design.schedule
        began = self._campaign.started_at or self._now
        if schedule.at is not None:
            began = max(began, schedule.at)
        elif schedule.day is not None:  # her turn is put off at most by the hours the file allows
            began = max(began, datetime(schedule.day.year, schedule.day.month, schedule.day.day, tzinfo=UTC)
                        + timedelta(hours=36))  # fmt: skip
        return began + timedelta(hours=schedule.lasts_hours) + self._length()

    def _length(self) -> timedelta:
        """How long all of it takes at its rate: the last one has as much patience as the first."""
        return timedelta(seconds=self._campaign.plan.get("recipients", 0) / self._design.rate_per_second)

    def _skip(self, recipient: Recipient, why: str) -> int:
        recipient.reason = why
        return self._settle(recipient, "skipped")

    def _put_off(self, recipient: Recipient, until: datetime) -> int:
        if until > self._last(recipient):
            return self._skip(recipient, "too_late")
        recipient.at = until
        self._session.flush()
        return 0

    def _settle(self, recipient: Recipient, state: str) -> int:
        recipient.state, recipient.at = state, self._now
        self._session.flush()
        return 0
