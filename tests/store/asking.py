"""Asking the bot for levels, badges, challenges and leaderboards, and short words for what it answers."""

from collections.abc import Mapping

import regex
from sqlalchemy.orm import Session

from actions import levels
from actions.question import Answering, Question
from conversation.flowing.part import At
from conversation.flowing.ranking import Ranking
from conversation.flowing.runner import FlowRunner
from conversation.messages.model import Command, Inquiry, Message
from conversation.saying.sentences import Sentences
from flows.model import Ask
from loyalty.ids import MemberId
from loyalty.levels import leaderboards
from loyalty.programme import Language
from loyalty.tables import Member
from tests.store.helpers import Shop

ASKED: Mapping[str, Answering] = {
    "check_tier": levels.tier, "show_badges": levels.badges, "list_challenges": levels.challenges,
    "show_leaderboard": levels.leaderboard,
}  # fmt: skip
RAW = regex.compile(r"\{|\}|None|[a-z]+_[a-z]+|activity:|utter|Decimal|Money")
"""What no customer should ever read."""


async def message(
    shop: Shop, sentences: Sentences, member: MemberId, answering: Answering, language: Language = "en"
) -> Message:
    """The answer, which changes nothing."""

    def ask(session: Session) -> Message:
        inquiry = Inquiry(shop.programme, member, language, "", {}, "wamid.1")
        found = answering(Question(session, inquiry, sentences, "http://localhost", shop.now))
        if isinstance(found, Command):  # a flow, whose first message is the answer
            asker = session.get_one(Member, member)
            at = At(session, shop.programme, asker, language, shop.now, "wamid.1")
            found = FlowRunner(sentences, (Ranking(sentences),)).start(found.args["flow"], at, {}).message
        assert not session.new
        assert not session.dirty
        return found

    said = await shop.ask(ask)
    assert not RAW.search(said.text), said.text
    return said


async def text(
    shop: Shop, sentences: Sentences, member: MemberId, answering: Answering, language: Language = "en"
) -> str:
    return (await message(shop, sentences, member, answering, language)).text


def buttons(said: Message) -> list[str]:
    """The intents that are offered."""
    return [choice.action.intent for choice in said.choices if isinstance(choice.action, Ask)]


async def takes_part(shop: Shop, member: MemberId) -> str:
    """The member asks to be on the leaderboards. Returns her name there."""
    return await shop.do(
        lambda session: leaderboards.opt_in(
            session, shop.programme, member, words="yes", evidence="till", now=shop.now
        )
    )  # fmt: skip


async def board_name(shop: Shop, member: MemberId) -> str:
    """The name of a member who takes part."""
    name = await shop.ask(lambda session: session.get_one(Member, member).board_name)
    assert name is not None
    return name
