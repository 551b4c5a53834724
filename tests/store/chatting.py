"""A member's way through flows, each step in a transaction of its own."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from conversation.flowing.claiming import Claiming
from conversation.flowing.part import At
from conversation.flowing.redeeming import Redeeming
from conversation.flowing.runner import Flowed, FlowRunner
from conversation.flowing.showing import Showing
from conversation.messages.model import Message
from conversation.saying.sentences import Sentences
from flows.model import Event, Saved
from loyalty.ids import MemberId
from loyalty.programme import Language
from loyalty.tables import Member
from tests.store.helpers import Shop

PUBLIC = "https://aurora.example"


class Chat:
    """Flows of one member; where she stands is kept in between."""

    def __init__(
        self, shop: Shop, sentences: Sentences, member: MemberId, language: Language = "en", public_url: str = PUBLIC
    ) -> None:
        self.shop, self.member, self.language = shop, member, language
        self.runner = FlowRunner(sentences, (Redeeming(public_url), Showing(public_url), Claiming()))
        self.saved: Saved | None = None

    async def begins(self, flow: str, **args: str) -> Message:
        """She asks for a flow."""
        return await self._follow(lambda at: self.runner.start(flow, at, args, self.saved), "wamid.start")

    async def does(self, name: str, message_id: str = "wamid.1", **args: str) -> Message:
        """An event of hers happens to the flow she is in."""
        saved = self.saved
        assert saved is not None
        return await self._follow(lambda at: self.runner.step(at, saved, Event(name, args)), message_id)

    async def _follow(self, work: Callable[[At], Flowed], message_id: str) -> Message:
        def do(session: Session) -> Flowed:
            member = session.get_one(Member, self.member)
            return work(At(session, self.shop.programme, member, self.language, self.shop.now, message_id))

        flowed = await self.shop.do(do)
        self.saved = flowed.saved
        return flowed.message
