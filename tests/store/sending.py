"""Short words for what the tests of the outbox and its sender do again and again."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from connectors.sending.claims import Claimed, claim
from connectors.sending.pacing import Pace
from conversation.arriving.incoming import Receipt
from conversation.arriving.receipts import apply_receipts
from conversation.leaving import outbox
from conversation.leaving.outbox import Outcome
from conversation.leaving.refusals import Do, Refusal
from conversation.register import conversation_of, ensure_conversation
from conversation.tables import Alarm, Conversation, OutboxRow
from loyalty.ids import MemberId
from loyalty.people.members import set_marketing
from loyalty.tables import Member
from tests.store.helpers import Shop, a_phone

NUMBER = "100000000000001"
TEMPLATE = {"style": "template", "template": {"name": "points_news", "language": "it", "parameters": ["5"]}}
OFFER = {
    "style": "template",
    "template": {"name": "offer", "language": "it", "parameters": [], "category": "marketing"},
}
QUICK = Pace(1000, pair_seconds=0, portfolio=None)


def text(words: str) -> dict[str, Any]:
    """A message of the outbox."""
    return {"style": "text", "text": words}


async def empty_post(shop: Shop) -> "Post":
    """An outbox whose messages are numbered from 1."""

    def begin(session: Session) -> None:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(sql("SELECT setval('outbox_id_seq', 1, false)"))

    await shop.do(begin)
    return Post(shop)


@dataclass
class Post:
    """An outbox, seen from both ends: what is put in, what a sender takes and what receipts tell."""

    shop: Shop
    keys: "count[int]" = field(default_factory=count)

    async def member(self, *, heard: timedelta | None = timedelta(0), wants: bool = False) -> MemberId:
        """Somebody who wrote so long ago (None: never), and perhaps wants promotional messages."""
        phone = a_phone()
        member = await self.shop.member(phone=phone)

        def work(session: Session) -> None:
            row = session.get_one(Member, member)
            conversation = ensure_conversation(session, row, number_id=NUMBER, phone=phone, user_id=None)
            conversation.last_heard_at = None if heard is None else self.shop.now - heard
            if wants:
                set_marketing(session, row, given=True, words="yes", evidence="form", now=self.shop.now)

        await self.shop.do(work)
        return member

    async def put(self, member: MemberId, *parts: dict[str, Any], **options: Any) -> bool:
        """Messages for her."""

        def work(session: Session) -> bool:
            conversation = conversation_of(session, member, lock=True)
            assert conversation is not None
            key = options.pop("key", None) or f"test:{next(self.keys)}"
            return outbox.enqueue(session, conversation, parts or (text("hi"),), key=key, now=self.shop.now, **options)

        return await self.shop.do(work)

    async def claim(self, limit: int = 100, pace: Pace = QUICK, *, at: float = 0.0) -> list[Claimed]:
        now = self.shop.now
        return await self.shop.do(lambda session: claim(session, now=now, limit=limit, pace=pace, at=at))

    async def take(self, limit: int = 100, pace: Pace = QUICK) -> list[int]:
        """The ids of what is claimed."""
        return [one.due.id for one in await self.claim(limit, pace)]

    async def sent(self, *numbers: int) -> None:
        """WhatsApp took these."""
        outcomes = [Outcome(number, f"wamid.{number}") for number in numbers]
        await self.shop.do(lambda session: outbox.settle(session, outcomes, now=self.shop.now))

    async def refused(self, number: int, do: Do, code: int | None = None) -> None:
        """WhatsApp refused it."""
        outcomes = [Outcome(number, None, Refusal(do, code, "no"))]
        await self.shop.do(lambda session: outbox.settle(session, outcomes, now=self.shop.now))

    async def refuses(self, do: Do, code: int) -> None:
        """WhatsApp refuses the only message that is due."""
        (number,) = await self.take()
        await self.refused(number, do, code)

    async def told(self, receipts: Sequence[Receipt], **options: Any) -> None:
        """Receipts come in."""
        await self.shop.do(lambda session: apply_receipts(session, receipts, now=self.shop.now, **options))

    async def rows(self) -> list[OutboxRow]:
        return await self.shop.ask(lambda session: list(session.scalars(select(OutboxRow).order_by(OutboxRow.id))))

    async def row(self, number: int) -> OutboxRow:
        return await self.shop.ask(lambda session: session.get_one(OutboxRow, number))

    async def state(self, number: int) -> str:
        return (await self.row(number)).state

    async def states(self) -> Counter[str]:
        return Counter(row.state for row in await self.rows())

    async def alarms(self) -> list[tuple[str, str, int]]:
        """Kind, subject and count of those that are open."""
        query = select(Alarm).where(Alarm.closed_at.is_(None)).order_by(Alarm.id)
        return await self.shop.ask(
            lambda session: [(row.kind, row.subject, row.count) for row in session.scalars(query)]
        )

    async def conversation(self, member: MemberId) -> Conversation:
        found = await self.shop.ask(lambda session: conversation_of(session, member))
        assert found is not None
        return found
