"""Vouchers in the chat: shown with a picture, said when they are used or over, and never somebody else's."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from conversation.leaving.handouts import find_file
from conversation.saying.sentences import Sentences
from conversation.tables import Handout
from flows.model import Ask
from loyalty.codes import show_code
from loyalty.ids import MemberId
from loyalty.programme import LANGUAGES, Language
from loyalty.rules.parts import Gift
from tests.store.chatting import Chat
from tests.store.helpers import Shop, a_key
from tests.store.rewards import a_reward, consumes, gives, offers, vouchers_of, with_points


@pytest.fixture(scope="session")
def sentences() -> Sentences:
    return Sentences.load(Path(__file__).parents[2] / "data" / "responses")


@pytest.fixture
async def menu(shop: Shop) -> Shop:
    await offers(
        shop,
        a_reward("espresso", 20),
        a_reward("five-off", 30, kind="amount", value="5", minimum="10"),
        a_reward("tenth", 10, kind="percentage", value="10", uses=3),
        a_reward("cake", 5, gift_only=True, voucher_days=10),
    )
    return shop


async def of(shop: Shop, member: MemberId, reward: str) -> tuple[str, str]:
    """The id and the code of a voucher she can use."""
    return next((one.id, one.code) for one in await vouchers_of(shop, member) if one.reward_id == reward)


async def test_the_only_one_is_shown_with_a_picture_of_its_code(menu: Shop, sentences: Sentences) -> None:
    member = await with_points(menu, 50)
    issued = await menu.redeems(member, "espresso")
    said = await Chat(menu, sentences, member).begins("vouchers")
    assert said.text.startswith(f"*Espresso*\nYour code: *{show_code(issued.code)}*")
    assert said.text.endswith("by December 21, 2026.")
    assert said.image is not None
    token = said.image.split("/")[-2]
    file = await menu.ask(lambda session: find_file(session, token, now=menu.now))
    assert file is not None
    assert file.content.startswith(b"\x89PNG")
    assert issued.code.lower() not in said.image.lower(), "an address tells nothing"


async def test_where_nobody_could_fetch_a_picture_the_code_goes_as_words(menu: Shop, sentences: Sentences) -> None:
    member = await with_points(menu, 50)
    await menu.redeems(member, "espresso")
    said = await Chat(menu, sentences, member, public_url="http://127.0.0.1:8080").begins("vouchers")
    assert said.image is None
    assert "Your code" in said.text
    assert await menu.ask(lambda session: session.scalars(select(Handout)).all()) == []


async def test_the_soonest_to_expire_comes_first_and_gifts_are_there(menu: Shop, sentences: Sentences) -> None:
    member = await with_points(menu, 50)
    await menu.redeems(member, "espresso")
    await gives(menu, member, Gift(reward="cake"))
    await gives(menu, member, Gift(reward="cake"), origin="goal:2", activates_at=menu.now + timedelta(days=2))
    chat = Chat(menu, sentences, member)
    said = await chat.begins("vouchers")
    assert [choice.title for choice in said.choices] == ["Cake", "Espresso", "Cake"]
    assert (said.choices[2].detail or "").startswith("from November 23, 2026")
    assert chat.saved is None
    action = said.choices[0].action
    assert isinstance(action, Ask)
    assert (await chat.begins("vouchers", **action.entities)).text.startswith("*Cake*")
    assert (await chat.begins("vouchers", reward="espresso")).text.startswith("*Espresso*\nYour code")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_one_that_was_used_or_is_over_says_so(menu: Shop, sentences: Sentences, language: Language) -> None:
    member = await with_points(menu, 100)
    for reward in ("espresso", "tenth"):
        await menu.redeems(member, reward)
    (espresso, code), (tenth, _) = await of(menu, member, "espresso"), await of(menu, member, "tenth")
    chat = Chat(menu, sentences, member, language)
    await consumes(menu, code)
    used = (await chat.begins("vouchers", voucher=espresso)).text
    menu.clock.forward(timedelta(days=40))
    over = (await chat.begins("vouchers", voucher=tenth)).text
    none = (await chat.begins("vouchers")).text
    said = {"reward": "Espresso", "contact": ""}
    assert used == sentences.say(language, "vouchers.used", day="2026-11-21", **said)
    assert over == sentences.say(language, "vouchers.expired", day="2026-12-21", reward="Tenth")
    assert none.endswith(sentences.say(language, "vouchers.over", used=1, expired=1))


async def test_what_it_is_good_for_is_said(menu: Shop, sentences: Sentences) -> None:
    member = await with_points(menu, 100)
    for reward in ("five-off", "tenth"):
        await menu.redeems(member, reward)
    (five, _), (tenth, code) = await of(menu, member, "five-off"), await of(menu, member, "tenth")
    chat = Chat(menu, sentences, member)
    assert "€5.00 off a bill of €10.00 or more" in (await chat.begins("vouchers", voucher=five)).text
    await consumes(menu, code, key=a_key())
    text = (await chat.begins("vouchers", voucher=tenth)).text
    assert "10% off your bill" in text
    assert "It can be used 2 more times." in text


async def test_of_somebody_elses_nothing_is_told(menu: Shop, sentences: Sentences) -> None:
    member, other = await with_points(menu, 50), await with_points(menu, 50)
    await menu.redeems(other, "espresso")
    id_, code = await of(menu, other, "espresso")
    said = await Chat(menu, sentences, member).begins("vouchers", voucher=id_)
    assert said.text == sentences.say("en", "vouchers.unknown")
    assert show_code(code) not in said.text


async def test_somebody_who_never_joined_is_asked_to(menu: Shop, sentences: Sentences) -> None:
    member = await menu.member(joined=False)
    said = await Chat(menu, sentences, member).begins("vouchers")
    assert said.text == sentences.say("en", "join.first")


async def test_a_redeemed_reward_comes_with_its_picture_and_a_retry_gives_one(menu: Shop, sentences: Sentences) -> None:
    member = await with_points(menu, 50)
    chat = Chat(menu, sentences, member)
    await chat.begins("redemption", reward="espresso")
    stood = chat.saved
    first = await chat.does("confirm")
    chat.saved = stood
    second = await chat.does("confirm")
    assert first.text == second.text
    assert first.image is not None
    assert (await menu.points(member)).available == 30
