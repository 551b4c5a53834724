"""History, expiry and suggestions in the chat: one message each, with a way to more, in words and days of hers."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from actions import points as about_points
from actions import rewards as about_rewards
from actions.points import EXPIRIES, HISTORY
from actions.question import Answering, Question
from conversation.messages.layout import lay_out
from conversation.messages.model import Choice, Inquiry, Message
from conversation.saying.sentences import Sentences
from flows.model import Ask
from loyalty.ids import MemberId
from loyalty.orders.bills import Line
from loyalty.orders.purchases import PurchaseReport
from loyalty.programme import LANGUAGES, Language
from tests.store.helpers import Shop, a_key, euros
from tests.store.rewards import a_reward, offers, with_points


@pytest.fixture(scope="session")
def sentences() -> Sentences:
    return Sentences.load(Path(__file__).parents[2] / "data" / "responses")


async def asks(
    shop: Shop, sentences: Sentences, member: MemberId, answering: Answering, language: Language = "en", *,
    entities: dict[str, str] | None = None,
) -> Message:  # fmt: skip
    def ask(session: Session) -> Message:
        inquiry = Inquiry(shop.programme, member, language, "", entities or {}, "wamid.1")
        found = answering(Question(session, inquiry, sentences, "http://localhost", shop.now))
        assert isinstance(found, Message)
        return found

    return await shop.ask(ask)


def onward(message: Message, intent: str) -> dict[str, str] | None:
    """What the button to the next page asks; None if there is none."""
    actions = [choice.action for choice in message.choices]
    pages = [one for one in actions if isinstance(one, Ask) and one.intent == intent]
    return dict(pages[0].entities) if pages else None


async def test_the_history_is_read_page_by_page_each_line_once(shop: Shop, sentences: Sentences) -> None:
    member = await shop.member()
    for number in range(1, 20):
        await shop.buys(member, f"{number}.00")
    lines: list[str] = []
    entities: dict[str, str] | None = {}
    pages = 0
    while entities is not None:
        message = await asks(shop, sentences, member, about_points.history, entities=entities)
        lines += message.text.splitlines()[1:]
        assert lay_out(message.choices, page=0, more="…").style == "buttons"
        entities, pages = onward(message, "points_history"), pages + 1
    assert lines == [f"November 21, 2026: +{number} · purchase" for number in range(19, 0, -1)]
    assert pages == -(-19 // HISTORY)


async def test_a_reward_in_the_history_has_its_name_and_holds_are_left_out(shop: Shop, sentences: Sentences) -> None:
    await offers(shop, a_reward("espresso", 20))
    member = await with_points(shop, 1234)
    await shop.redeems(member, "espresso")
    text = (await asks(shop, sentences, member, about_points.history)).text
    assert text.splitlines()[1:] == [
        "November 21, 2026: −20 · reward (Espresso)", "November 21, 2026: +1,234 · purchase",
    ]  # fmt: skip
    french = (await asks(shop, sentences, member, about_points.history, "fr")).text
    assert "21 novembre 2026 : −20 · " in french
    arabic = (await asks(shop, sentences, member, about_points.history, "ar")).text
    assert "\u2066−20\u2069" in arabic


async def test_who_has_no_history_is_told_where_it_begins(shop: Shop, sentences: Sentences) -> None:
    member = await shop.member()
    message = await asks(shop, sentences, member, about_points.history)
    assert message.text == sentences.say("en", "history.empty")
    message = await asks(shop, sentences, member, about_points.history, entities={"before": "0"})
    assert message.text == sentences.say("en", "history.end")


async def test_expiry_is_told_by_the_day_and_read_on(shop: Shop, sentences: Sentences) -> None:
    member = await shop.member()
    for _ in range(EXPIRIES + 1):
        await shop.buys(member, "5.00")
        await shop.buys(member, "2.00")
        shop.clock.forward(timedelta(days=1))
    message = await asks(shop, sentences, member, about_points.expiry)
    assert len(message.text.splitlines()) == 1 + EXPIRIES
    assert message.text.splitlines()[1].endswith(": 7 points")
    rest = onward(message, "points_expiry")
    assert rest is not None
    last = await asks(shop, sentences, member, about_points.expiry, entities=rest)
    assert len(last.text.splitlines()) == 2
    assert onward(last, "points_expiry") is None


async def test_a_suggestion_knows_what_she_buys_and_is_a_tap_away(shop: Shop, sentences: Sentences) -> None:
    await offers(shop, a_reward("espresso", 20), a_reward("croissant", 30), a_reward("mug", 50))
    member = await shop.member()
    line = Line("Double espresso", 3, Decimal("42.00"), None)
    await shop.report(member, PurchaseReport(a_key(), euros("42.00"), shop.now, (line,)))
    message = await asks(shop, sentences, member, about_rewards.suggest)
    assert message.text.splitlines() == [
        "You have 42 points. This would fit you:",
        "• *Espresso* (20 points): you often buy it, the next one can be free",
        "• *Croissant* (30 points): the most you can get right now",
        "• *Mug*: only 8 points to go!",
    ]
    assert [(choice.title, choice.action) for choice in message.choices] == [
        ("Espresso", Ask("redeem_reward", {"reward": "espresso"})),
        ("Croissant", Ask("redeem_reward", {"reward": "croissant"})),
        ("Rewards", Ask("list_rewards")),
    ]


async def test_points_that_expire_soon_are_a_reason(shop: Shop, sentences: Sentences) -> None:
    await offers(shop, a_reward("espresso", 20))
    member = await with_points(shop, 25)
    shop.clock.forward(timedelta(days=350))
    text = (await asks(shop, sentences, member, about_rewards.suggest)).text
    assert "you don't lose 25 points on November 2" in text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_suggestion_is_said_in_each_language(shop: Shop, sentences: Sentences, language: Language) -> None:
    await offers(shop, a_reward("espresso", 20), a_reward("mug", 5000))
    member = await with_points(shop, 45)
    message = await asks(shop, sentences, member, about_rewards.suggest, language)
    assert len(message.text.splitlines()) == 3
    assert all(isinstance(choice, Choice) and choice.title for choice in message.choices)
