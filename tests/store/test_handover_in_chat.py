"""A person takes over: she is queued, the bot keeps quiet, what she writes is kept, and she comes back to the bot."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from conversation import alarms
from conversation.arriving.incoming import Text
from conversation.caring import handovers, rights
from conversation.caring.handovers import Said
from conversation.tables import Handover, InboxRow
from loyalty.clock import FixedClock
from loyalty.errors import Refused
from loyalty.ids import MemberId
from loyalty.people.identities import Ref
from loyalty.people.members import find_member, get_member
from loyalty.programme import Programme
from loyalty.rules.people import Shift, Staff
from loyalty.store import Store
from tests.store.helpers import Shop, variant
from tests.store.talking import Customer

MEANINGS = {
    "a person please": "talk_to_human", "points?": "check_points", "join": "join_program", "no": "deny",
    "espresso": "redeem_reward", "hello": "greet",
}  # fmt: skip


def with_staff(shop: Shop, **told: object) -> Shop:
    programme = shop.programme.model_copy(update={"staff": Staff.model_validate(told), "language": "en"})
    return Shop(shop.store, programme, shop.clock)


@pytest.fixture
def shop(store: Store, cafe: Programme, clock: FixedClock) -> Shop:
    return with_staff(Shop(store, variant(cafe, joining=100), clock))


@pytest.fixture
async def anna(shop: Shop) -> Customer:
    return await joined(shop)


async def joined(shop: Shop) -> Customer:
    anna = Customer(shop, MEANINGS)
    await anna.types("join")
    for title in ("Skip", "No, thanks"):
        await anna.taps(title)
    return anna


async def queue(shop: Shop) -> list[Handover]:
    return await shop.ask(
        lambda session: handovers.listed(session, shop.programme.id, states=("waiting", "taken"), limit=10, after=None)
    )


async def alarm(shop: Shop) -> int:
    return (await shop.ask(alarms.count_open)).get(handovers.ALARM, 0)


async def history(shop: Shop, id_: str) -> list[Said]:
    return await shop.ask(lambda session: handovers.history(session, session.get_one(Handover, id_)))


async def test_who_asks_for_a_person_is_queued_with_her_words_and_somebody_is_told(shop: Shop, anna: Customer) -> None:
    said = await anna.types("a person please")
    assert "I've told our team" in said
    assert anna.titles == ["Back to the bot"]
    (waits,) = await queue(shop)
    assert (waits.state, waits.reason) == ("waiting", "a person please")
    assert await alarm(shop) == 1


async def test_the_bot_keeps_quiet_and_nothing_she_writes_is_lost(shop: Shop, anna: Customer) -> None:
    await anna.types("a person please")
    (waits,) = await queue(shop)
    for text in ("points?", "my coffee was cold", "no"):
        assert await anna.types(text) == ""
    states = await shop.ask(lambda session: set(session.scalars(select(InboxRow.state))))
    assert states == {"done"}
    texts = [one.content["content"]["text"] for one in await history(shop, waits.id) if one.who == "customer"]
    assert texts == ["a person please", "points?", "my coffee was cold", "no"]


async def test_stop_works_all_the_same(anna: Customer) -> None:
    await anna.types("a person please")
    assert "no offers" in await anna.types("STOP")
    assert await anna.types("thank you") == ""


async def test_a_tap_is_a_question_to_the_bot_and_disturbs_nobody(shop: Shop, anna: Customer) -> None:
    before = anna.said
    await anna.types("a person please")
    anna.said = before
    assert "Which reward" in await anna.taps("Rewards")
    assert await anna.types("hm") == ""
    assert len(await queue(shop)) == 1


@pytest.mark.parametrize("words", ["bot", "Bot!", "torna al bot", "بوت", None])
async def test_she_comes_back_by_a_word_or_the_button(shop: Shop, anna: Customer, words: str | None) -> None:
    await anna.types("a person please")
    said = await (anna.types(words) if words else anna.taps("Back to the bot"))
    assert said.startswith("I'm back!")
    assert await queue(shop) == []
    assert await alarm(shop) == 0
    assert (await anna.types("points?")).startswith("You have *100 points*"), "nothing is said of it twice"


async def test_what_was_interrupted_is_offered_again_when_she_comes_back(anna: Customer) -> None:
    await anna.types("espresso")
    await anna.types("a person please")
    assert "Back to" in await anna.types("bot")


async def test_after_the_time_the_bot_answers_and_says_that_it_is_back(shop: Shop, anna: Customer) -> None:
    await anna.types("a person please")
    shop.clock.forward(timedelta(hours=11, minutes=50))
    assert await anna.types("points?") == ""
    shop.clock.forward(timedelta(minutes=20))
    said = await anna.types("points?")
    assert said.startswith("It's me again, the bot. 🤖\n\nYou have *100 points*")
    assert await queue(shop) == []
    assert not (await anna.types("points?")).startswith("It's me again")


async def test_a_person_hands_back_and_she_is_told_when_she_writes(shop: Shop, anna: Customer) -> None:
    await anna.types("a person please")
    (waits,) = await queue(shop)
    await shop.do(lambda session: handovers.take(session, shop.programme, waits.id, by="Rosa", now=shop.now))
    assert await alarm(shop) == 0
    for _ in range(2):
        await shop.do(lambda session: handovers.done(session, shop.programme, waits.id, by="Rosa", now=shop.now))
    assert (await anna.types("points?")).startswith("It's me again, the bot.")
    row = await shop.ask(lambda session: session.get_one(Handover, waits.id))
    assert (row.state, row.taken_by, row.ended_by) == ("done", "Rosa", "Rosa")


async def test_a_word_of_the_person_keeps_the_bot_quiet_for_longer(shop: Shop, anna: Customer) -> None:
    await anna.types("a person please")
    (waits,) = await queue(shop)
    shop.clock.forward(timedelta(hours=10))
    await shop.do(lambda session: handovers.write(session, shop.programme, waits.id, by="Rosa", now=shop.now)[0])
    shop.clock.forward(timedelta(hours=10))
    assert await anna.types("thanks!") == ""
    (taken,) = await queue(shop)
    assert (taken.state, taken.taken_by) == ("taken", "Rosa")


async def test_one_person_takes_it_and_another_is_told_who(shop: Shop, anna: Customer) -> None:
    await anna.types("a person please")
    (waits,) = await queue(shop)

    async def takes(who: str) -> str:
        try:
            await shop.do(lambda session: handovers.take(session, shop.programme, waits.id, by=who, now=shop.now))
        except Refused as refusal:
            return refusal.reason
        return "mine"

    assert sorted(await asyncio.gather(*(takes(who) for who in ("Rosa", "Ugo", "Pia")))) == ["mine", "taken", "taken"]


async def test_asking_again_keeps_the_place_in_the_queue(shop: Shop, anna: Customer) -> None:
    messages = [anna.message(Text("a person please")) for _ in range(3)]
    await asyncio.gather(*(anna.sends(message) for message in messages))
    assert len(await queue(shop)) == 1


async def test_an_answer_says_when_somebody_is_there_again(shop: Shop) -> None:
    hours = [Shift(days=frozenset({"mon", "tue"}), begin="09:00", end="13:00")]  # the clock stands on a Saturday
    anna = await joined(with_staff(shop, there=[one.model_dump() for one in hours]))
    assert "again on November 23, 2026 from 09:00" in await anna.types("a person please")


async def test_a_programme_without_staff_says_how_else_to_reach_somebody(shop: Shop) -> None:
    bare = Shop(shop.store, shop.programme.model_copy(update={"staff": None}), shop.clock)
    anna = await joined(bare)
    assert "ciao@aurora.example" in await anna.types("a person please")
    assert "100 points" in await anna.types("points?")
    assert await queue(shop) == []


async def test_her_time_with_a_person_is_in_her_copy_and_goes_with_her(shop: Shop, anna: Customer) -> None:
    await anna.types("a person please")

    def her(session: Session) -> MemberId:
        found = find_member(session, shop.programme.id, (Ref.phone("+393331234567"),))
        assert found is not None
        return MemberId(found.id)

    id_ = await shop.ask(her)
    copy = await shop.ask(lambda session: rights.export(session, shop.programme, id_, shop.now))
    assert [one["reason"] for one in copy["talks_with_a_person"]] == ["a person please"]
    await shop.do(lambda session: rights.erase(session, shop.programme, id_, shop.now))
    await shop.do(lambda session: handovers.calm(session, shop.programme.id, shop.now))
    assert await queue(shop) == []
    assert await alarm(shop) == 0
    assert await shop.ask(lambda session: get_member(session, shop.programme.id, id_).id) == id_


def test_hours_say_when_somebody_is_there_again() -> None:
    staff = Staff.model_validate({"there": [{"days": ["mon"], "begin": "09:00", "end": "12:00"}]})
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    assert staff.back_at(monday.replace(hour=10)) is None
    assert staff.back_at(monday.replace(hour=8)) == monday.replace(hour=9)
    assert staff.back_at(monday.replace(hour=12)) == (monday + timedelta(days=7)).replace(hour=9)
    assert Staff().back_at(monday) is None
