"""A shop whose members are told what happens to them, and what waits in its outbox."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.sending.claims import claim
from connectors.whatsapp.templates.api import Remote
from connectors.whatsapp.templates.submitting import note
from conversation.leaving.outbox import Outcome, settle
from conversation.noticing.listener import Noticing
from conversation.register import conversation_of, ensure_conversation
from conversation.saying.templating import APPROVED
from conversation.saying.zones import quiet_until
from conversation.tables import Conversation, OutboxRow
from loyalty.ids import MemberId
from loyalty.news import LATER, TellingStore, tell_rest
from loyalty.people.members import set_marketing
from loyalty.programme import Notices, Programme
from loyalty.store import Store
from loyalty.tables import Member
from tests.store.helpers import Shop, a_phone
from tests.store.sending import QUICK
from tests.unit.helpers_templates import sentences, shipped

NUMBER = "100000000000001"


@dataclass
class Telling(Shop):
    """A shop that tells; `hushed` is its store without listeners."""

    hushed: Store

    @classmethod
    def of(cls, shop: Shop, **rules: Any) -> Self:
        """A shop as it is, with other rules for notices."""
        programme = shop.programme.model_copy(update={"notices": Notices(**rules)}) if rules else shop.programme
        listener = Noticing({programme.id: programme}, sentences())
        return cls(TellingStore(shop.store, [listener]), programme, shop.clock, shop.store)

    def with_rules(self, **changed: Any) -> Self:
        """The same with some parts of its programme changed."""
        return self.under(self.programme.model_copy(update=changed))

    def under(self, programme: Programme) -> Self:
        """The same under another programme."""
        listener = Noticing({programme.id: programme}, sentences())
        return replace(self, programme=programme, store=TellingStore(self.hushed, [listener]))

    async def chatting(
        self, *, phone: str | None = None, heard: timedelta = timedelta(hours=1), wants: bool = False,
        language: str = "en",
    ) -> MemberId:  # fmt: skip
        """A member whose joining is long told of, and who wrote so long ago."""
        phone = phone or a_phone()
        quiet = replace(self, store=self.hushed)
        member = await Shop.member(quiet, phone=phone)

        def work(session: Session) -> None:
            row = session.get_one(Member, member)
            row.language = language
            conversation = ensure_conversation(session, row, number_id=NUMBER, phone=phone, user_id=None)
            conversation.last_heard_at = self.now - heard
            if wants:
                set_marketing(session, row, given=True, words="yes", evidence="form", now=self.now)

        await self.hushed.write(work)
        await tell_rest(self.hushed, [], now=self.now + LATER)
        return member

    async def approves(self, *names: str) -> None:
        """WhatsApp approves of these templates, of all if none is named."""

        def work(session: Session) -> None:
            for template in shipped():
                if template.name in names or not names:
                    for language, version in template.versions.items():
                        remote = Remote(f"{template.name}/{language}", template.name, language, APPROVED,
                                        template.category)  # fmt: skip
                        note(session, template, version, None, remote, self.now)

        await self.hushed.write(work)

    async def rows(self, member: MemberId | None = None) -> Sequence[OutboxRow]:
        """What is in the outbox, oldest first."""
        query = select(OutboxRow).order_by(OutboxRow.id)
        query = query.where(OutboxRow.member_id == member) if member is not None else query
        return await self.ask(lambda session: session.scalars(query).all())

    async def only(self) -> OutboxRow:
        """The only message there is."""
        (row,) = await self.rows()
        return row

    async def texts(self) -> list[str]:
        """What was said."""
        return [row.message["text"] for row in await self.rows()]

    async def conversation(self, member: MemberId) -> Conversation:
        """Her conversation."""
        found = await self.ask(lambda session: conversation_of(session, member))
        assert found is not None
        return found

    async def sends(self) -> int:
        """What may go now goes out. Returns how many messages that was."""
        count = 0
        while taken := await self.hushed.write(self._send):
            count += taken
        return count

    def _send(self, session: Session) -> int:
        def quiet(_programme: str, phone: str | None, now: datetime) -> datetime | None:
            return quiet_until(self.programme, phone, now)

        taken = claim(session, now=self.now, limit=10, pace=QUICK, quiet=quiet)
        settle(session, [Outcome(one.due.id, f"wamid.{one.due.id}") for one in taken], now=self.now)
        return len(taken)


def titles(row: OutboxRow) -> list[str]:
    """The buttons of a message."""
    return [choice["title"] for choice in row.message.get("choices") or ()]


def template_in(row: OutboxRow) -> str | None:
    """The name of the template that goes out in its place."""
    return row.fallback["template"]["name"] if row.fallback else None
