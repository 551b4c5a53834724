"""What the chat says of rewards: only those on offer are listed, and each refusal has its sentence in each language."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from actions import points as about_points
from actions import rewards as about_rewards
from actions.question import Answering, Question
from conversation.flowing.part import At
from conversation.flowing.redeeming import Redeeming
from conversation.flowing.runner import Flowed, FlowRunner
from conversation.messages.model import Inquiry, Message
from conversation.saying.sentences import Sentences
from flows.model import Event, Saved
from loyalty.ids import MemberId
from loyalty.programme import LANGUAGES, Language
from loyalty.tables import Member
from tests.store.helpers import Shop
from tests.store.rewards import LEVELS, a_reward, offers, promotes, with_points


@pytest.fixture(scope="session")
def sentences() -> Sentences:
    return Sentences.load(Path(__file__).parents[2] / "data" / "responses")


@pytest.fixture
async def menu(shop: Shop) -> Shop:
    """A shop with a reward of each kind."""
    await offers(
        shop,
        a_reward("espresso", 20),
        a_reward("mug", 40, stock=1),
        a_reward("daily", 10, per_member={"every": "day"}),
        a_reward("once", 15, per_member={}),
        a_reward("watch", 25, tiers=["gold"]),
        a_reward("cake", 5, gift_only=True),
        a_reward("summer", 6, dates={"until": "2026-09-30"}),
        a_reward("winter", 7, dates={"from": "2026-12-01"}),
        tiers=LEVELS,
    )
    return shop


class Chat:
    """A member's way through the redemption flow."""

    def __init__(self, shop: Shop, sentences: Sentences, member: MemberId, language: Language = "en") -> None:
        self.shop, self.member, self.language = shop, member, language
        self.runner = FlowRunner(sentences, (Redeeming(),))
        self.saved: Saved | None = None

    async def asks(self, reward: str = "") -> Message:
        return await self._follow(lambda at: self.runner.start("redemption", at, {"reward": reward}))

    async def taps(self, event: Event) -> Message:
        saved = self.saved
        assert saved is not None
        return await self._follow(lambda at: self.runner.step(at, saved, event))

    async def _follow(self, work: Callable[[At], Flowed]) -> Message:
        def do(session: Session) -> Flowed:
            member = session.get_one(Member, self.member)
            return work(At(session, self.shop.programme, member, self.language, self.shop.now))

        flowed = await self.shop.do(do)
        self.saved = flowed.saved
        return flowed.message


def titles(message: Message) -> list[str]:
    return [choice.title for choice in message.choices]


async def test_only_what_is_offered_to_her_is_listed(menu: Shop, sentences: Sentences) -> None:
    member = await with_points(menu, 50)
    chat = Chat(menu, sentences, member)
    assert titles(await chat.asks()) == ["Daily", "Once", "Espresso", "Mug"]
    await promotes(menu, member, "gold")
    assert titles(await chat.asks()) == ["Daily", "Once", "Espresso", "Watch", "Mug"]
    menu.clock.forward(timedelta(days=14))
    assert titles(await chat.asks())[0] == "Winter"


@pytest.mark.parametrize(
    ("reward", "said"),
    [
        ("watch", "That reward is for members of level Gold."),
        ("winter", "That reward is on offer from December 1, 2026."),
        ("summer", "That reward is not on offer today."),
        ("cake", "That reward is no longer on offer."),
        ("mug", "That reward has just run out. Would you like another one?"),
        ("daily", "You've had that reward as often as possible for now. You can have it again from November 22, 2026."),
        ("once", "You've already had that reward as often as it can be had."),
    ],
)
async def test_a_reward_she_cannot_have_is_explained_when_she_names_it(
    menu: Shop, sentences: Sentences, reward: str, said: str
) -> None:
    member, other = await with_points(menu, 100), await with_points(menu, 100)
    await menu.redeems(other, "mug")
    for had in ("daily", "once"):
        await menu.redeems(member, had)
    message = await Chat(menu, sentences, member).asks(reward)
    assert message.text.partition("\n")[0] == said
    assert "Espresso" in titles(message)


async def test_what_changes_between_the_question_and_the_yes_is_explained(menu: Shop, sentences: Sentences) -> None:
    member, other = await with_points(menu, 100), await with_points(menu, 100)
    chat = Chat(menu, sentences, member)
    await chat.asks("mug")
    await menu.redeems(other, "mug")
    message = await chat.taps(Event("confirm"))
    assert message.text.startswith("That reward has just run out.")
    assert chat.saved is not None
    assert chat.saved.state == "choosing"
    assert (await menu.points(member)).available == 100


@pytest.mark.parametrize("language", LANGUAGES)
async def test_each_refusal_has_a_sentence_of_its_own_in_each_language(
    menu: Shop, sentences: Sentences, language: Language
) -> None:
    member, other = await with_points(menu, 100), await with_points(menu, 100)
    await menu.redeems(other, "mug")
    for had in ("daily", "once"):
        await menu.redeems(member, had)
    chat = Chat(menu, sentences, member, language)
    named = ("watch", "winter", "summer", "cake", "mug", "daily", "once")
    said = [(await chat.asks(reward)).text.partition("\n")[0] for reward in named]
    assert len(set(said)) == len(named)


async def test_a_reward_that_can_be_had_is_given(menu: Shop, sentences: Sentences) -> None:
    member = await with_points(menu, 100)
    chat = Chat(menu, sentences, member)
    await chat.asks("mug")
    assert "*Mug*" in (await chat.taps(Event("confirm"))).text
    assert (await menu.points(member)).available == 60


# ---- questions


async def answer(shop: Shop, sentences: Sentences, member: MemberId, answering: Answering) -> str:
    def ask(session: Session) -> str:
        inquiry = Inquiry(shop.programme, member, "en", "", {}, "wamid.1")
        found = answering(Question(session, inquiry, sentences, "http://localhost", shop.now))
        assert isinstance(found, Message)
        return found.text

    return await shop.ask(ask)


async def test_somebody_new_reads_what_everybody_can_have(menu: Shop, sentences: Sentences) -> None:
    member = await menu.member(joined=False)
    text = await answer(menu, sentences, member, about_rewards.choose)
    assert [line for line in text.splitlines() if line.startswith("•")] == [
        "• Daily: 10 points", "• Once: 15 points", "• Espresso: 20 points", "• Mug: 40 points",
    ]  # fmt: skip


async def test_the_next_reward_is_one_of_her_level(menu: Shop, sentences: Sentences) -> None:
    member = await with_points(menu, 22)
    assert "Mug" in await answer(menu, sentences, member, about_points.balance)
    await promotes(menu, member, "gold")
    assert "Watch" in await answer(menu, sentences, member, about_points.balance)


async def test_what_is_suggested_can_be_had(menu: Shop, sentences: Sentences) -> None:
    member, other = await with_points(menu, 45), await with_points(menu, 100)
    assert "Mug" in await answer(menu, sentences, member, about_rewards.suggest)
    await menu.redeems(other, "mug")
    assert "Espresso" in await answer(menu, sentences, member, about_rewards.suggest)
    await promotes(menu, member, "gold")
    assert "Watch" in await answer(menu, sentences, member, about_rewards.suggest)
    poor = await with_points(menu, 4)
    assert "*Daily* is the closest: 6 points to go" in await answer(menu, sentences, poor, about_rewards.suggest)


async def test_where_nothing_can_be_chosen_that_is_said(shop: Shop, sentences: Sentences) -> None:
    await offers(shop, a_reward("watch", tiers=["gold"]), tiers=LEVELS)
    member = await with_points(shop, 50)
    nothing = "There is no reward to choose right now."
    assert await answer(shop, sentences, member, about_rewards.suggest) == nothing
    assert (await Chat(shop, sentences, member).asks()).text == nothing
    assert "any reward" not in await answer(shop, sentences, member, about_points.balance)
