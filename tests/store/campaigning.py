"""Short words for what the tests of campaigns do again and again."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import desk
from campaigns.counts import Tally
from campaigns.design import Design
from campaigns.feeding import Feeder
from campaigns.planning import Planned, Planner
from conversation.caring import rights
from conversation.leaving.costs import Price, Rate, RateCard
from conversation.leaving.outbox import Outcome, settle
from conversation.register import conversation_of
from conversation.saying.sentences import Sentences
from conversation.tables import OutboxRow, TemplateRow
from loyalty.ids import Cause, MemberId
from loyalty.people.members import set_marketing
from loyalty.rights.erasure import erase
from loyalty.tables import Campaign, Member, Recipient
from tests.store.helpers import a_key
from tests.store.sending import NUMBER, Post

SENTENCES = Sentences.load(Path("data/responses"))
BODY = "We miss you at {programme}! You have {available:points}."
MINUTE = timedelta(minutes=1)


def rates(price: str = "0.06", prefix: str = "39", category: str = "marketing") -> RateCard:

    return RateCard((Rate(prefix, category, Price(Decimal(price), "EUR"), date(2026, 1, 1)),))


def a_design(**said: Any) -> Design:
    """A campaign as its file would say it."""
    usual: dict[str, Any] = {"id": "winter", "programme": "cafe", "rate_per_second": 10}
    if "variants" not in said:
        usual["message"] = {"template": "we_miss_you"}
    return Design.model_validate({**usual, **said})


@dataclass
class Crowd(Post):
    """A business with members, templates and campaigns."""

    async def template(self, name: str = "we_miss_you", body: str = BODY, category: str = "marketing") -> None:
        """A template that WhatsApp approves of, in English and Italian."""

        def work(session: Session) -> None:
            for language in ("en", "it"):
                session.add(
                    TemplateRow(
                        name=name, language=language, declared=category, category=category, status="approved",
                        content={"body": body, "buttons": [{"kind": "quick_reply", "title": "Ok", "asks": "help"}]},
                        created_at=self.shop.now, status_at=self.shop.now, category_at=self.shop.now,
                        updated_at=self.shop.now,
                    )
                )  # fmt: skip

        await self.shop.do(work)

    async def templates(self, **values: Any) -> None:
        """WhatsApp thinks otherwise of all templates."""

        def work(session: Session) -> None:
            for row in session.scalars(select(TemplateRow)):
                for name, value in values.items():
                    setattr(row, name, value)

        await self.shop.do(work)

    async def fan(self, *, heard: timedelta | None = timedelta(days=3), **facts: Any) -> MemberId:
        """Somebody who wants offers."""
        member = await self.member(heard=heard, wants=facts.pop("wants", True))
        if (earned := facts.pop("earned", 0)) > 0:
            await self.shop.in_books(
                member,
                lambda books: books.earn(
                    earned, cause=Cause(a_key()), kind="purchase", origin=Cause(a_key()), occurred_at=self.shop.now,
                    activates_at=self.shop.now, expires_at=None, memo={},
                ),
            )  # fmt: skip
        if facts:
            await self.changes(member, **facts)
        return member

    async def fans(self, number: int) -> list[MemberId]:
        return [await self.fan() for _ in range(number)]

    async def changes(self, member: MemberId, **facts: Any) -> None:
        def work(session: Session) -> None:
            row = session.get_one(Member, member)
            for name, value in facts.items():
                setattr(row, name, value)

        await self.shop.do(work)

    async def opts_out(self, member: MemberId) -> None:
        def work(session: Session) -> None:
            row = session.get_one(Member, member)
            set_marketing(session, row, given=False, words="stop", evidence="chat", now=self.shop.now)

        await self.shop.do(work)

    async def erases(self, member: MemberId) -> None:
        """She wants to be forgotten."""

        def work(session: Session) -> None:
            rights.erase(session, self.shop.programme, member, self.shop.now)
            erase(session, self.shop.programme, member, self.shop.now)

        await self.shop.do(work)

    async def writes(self, member: MemberId) -> None:
        """She writes now: her window is open."""

        def work(session: Session) -> None:
            conversation = conversation_of(session, member, lock=True)
            assert conversation is not None
            conversation.last_heard_at = self.shop.now

        await self.shop.do(work)

    def planner(self, design: Design, *, card: RateCard | None = None, size: int = 3) -> Planner:
        programme = self.shop.programme
        return Planner(self.shop.store, programme, design, card or RateCard(), now=self.shop.now, size=size)

    async def plans(self, design: Design, **options: Any) -> Planned:
        return await self.planner(design, **options).plan()

    async def counts(self, design: Design, **options: Any) -> Tally:
        return await self.planner(design, **options).dry_run()

    async def audience(self, **segment: Any) -> set[str]:
        """The members whom an audience fits, by a plan that is thrown away."""
        design = a_design(id="probe", audience=segment)
        await self.plans(design)
        found = {row.member_id for row in await self.recipients("probe")}
        while await self.shop.do(self.planner(design)._drop):
            pass
        return found

    async def does_to(self, verb: Any, name: str = "winter") -> Any:
        """An operator starts, pauses, resumes or stops it."""

        def work(session: Session) -> Any:
            found = desk.find(session, self.shop.programme.id, name, lock=True)
            return verb(session, found, actor="Mara", now=self.shop.now)

        return await self.shop.do(work)

    async def starts(self, design: Design | None = None, **options: Any) -> None:
        """It is planned and started."""
        design = design or a_design()
        await self.plans(design, **options)
        await self.does_to(desk.start, design.id)

    def feeder(self) -> Feeder:
        programme = self.shop.programme
        return Feeder(self.shop.store, {programme.id: programme}, SENTENCES, NUMBER)

    async def feeds(self) -> str:
        return await self.feeder().run(self.shop.now)

    async def runs(self, by: timedelta = timedelta(seconds=10), steps: int = 1) -> None:
        """Time goes by, and the campaigns go on in it."""
        for _ in range(steps):
            self.shop.clock.forward(by)
            await self.feeds()

    async def sends(self, state: str = "delivered") -> int:
        """What is due in the outbox goes out and arrives."""
        numbers = await self.take()

        def work(session: Session) -> None:
            settle(session, [Outcome(number, f"wamid.{number}") for number in numbers], now=self.shop.now)
            for number in numbers:
                session.get_one(OutboxRow, number, populate_existing=True).state = state

        await self.shop.do(work)
        return len(numbers)

    async def recipients(self, name: str = "winter") -> list[Recipient]:
        query = select(Recipient).join(Campaign, Campaign.id == Recipient.campaign_id).where(Campaign.name == name)
        return await self.shop.ask(lambda session: list(session.scalars(query.order_by(Recipient.member_id))))

    async def parts(self, name: str = "winter") -> Counter[str]:
        """How many recipients are in which state."""
        return Counter(row.reason or row.state for row in await self.recipients(name))

    async def campaign(self, name: str = "winter") -> Campaign:
        return await self.shop.ask(lambda session: desk.find(session, self.shop.programme.id, name))
