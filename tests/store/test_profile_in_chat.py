"""What is known of her, to see and to change; her birthday once a year."""

from datetime import date, timedelta

import pytest
from sqlalchemy import update

from conversation.caring import handovers, rights
from conversation.tables import Conversation
from loyalty.clock import FixedClock
from loyalty.ids import MemberId
from loyalty.merging.merge import merge
from loyalty.people.birthdays import NO_YEAR
from loyalty.people.identities import Ref
from loyalty.people.members import find_member
from loyalty.programme import Programme
from loyalty.rules.people import Staff
from loyalty.store import Store
from loyalty.tables import Member
from tests.store.helpers import Shop, variant
from tests.store.talking import Customer

MEANINGS = {
    "join": "join_program", "points?": "check_points", "no": "deny", "offers please": "opt_in", "help": "help",
    "a person please": "talk_to_human",
}  # fmt: skip


@pytest.fixture
def shop(store: Store, cafe: Programme, clock: FixedClock) -> Shop:
    programme = variant(cafe, joining=10).model_copy(update={"language": "en", "staff": Staff()})
    return Shop(store, programme, clock)


async def joined(shop: Shop, phone: str = "393331234567") -> Customer:
    anna = Customer(shop, MEANINGS, phone)
    await anna.types("join")
    for title in ("Skip", "No, thanks"):
        await anna.taps(title)
    return anna


async def row(shop: Shop, phone: str = "+393331234567") -> Member:
    found = await shop.ask(lambda session: find_member(session, shop.programme.id, (Ref.phone(phone),)))
    assert found is not None
    return found


@pytest.mark.parametrize("words", ["my profile", "My profile?", "il mio profilo", "mon profil", "ملفي الشخصي"])
async def test_the_profile_is_shown_for_its_words_in_any_language(shop: Shop, words: str) -> None:
    anna = await joined(shop)
    said = await anna.types(words)
    assert said == "*Your profile*\nName: Anna\nBirthday: –\nLanguage: English\nOffers: off"
    assert anna.titles == [
        "Change name", "Change birthday", "Language", "Get offers", "Copy of my data", "Delete my data",
    ]  # fmt: skip


async def test_her_name_is_changed_and_shown(shop: Shop) -> None:
    anna = await joined(shop)
    await anna.types("my profile")
    await anna.taps("Change name")
    assert "Letters only" in await anna.types("https://example.com")
    assert "Nice to meet you, Ermenegilda!" in await anna.types("ermenegilda")
    assert "Name: Ermenegilda" in await anna.types("my profile")


async def test_a_question_in_between_is_answered_and_she_goes_on(shop: Shop) -> None:
    anna = await joined(shop)
    await anna.types("my profile")
    await anna.taps("Change name")
    assert "Back to your profile?" in await anna.types("points?")
    assert "Nice to meet you, Bea!" in await anna.types("bea")


async def test_a_birthday_is_put_right_at_once_and_changed_once_a_year(shop: Shop) -> None:
    anna = await joined(shop)
    for typed, day in (("14 march", date(NO_YEAR, 3, 14)), ("15/3/1990", date(1990, 3, 15))):
        await anna.types("my profile")
        await anna.taps("Change birthday")
        assert "Noted" in await anna.types(typed)
        assert (await row(shop)).birthday == day
    assert "Birthday: March 15, 1990" in await anna.types("my profile")
    shop.clock.forward(timedelta(hours=2))
    await anna.types("my profile")
    assert "once a year" in await anna.taps("Change birthday")
    shop.clock.forward(timedelta(days=366))
    await anna.types("my profile")
    await anna.taps("Change birthday")
    assert "Noted: March 16." in await anna.types("16 March")


async def test_leaving_it_changes_nothing(shop: Shop) -> None:
    anna = await joined(shop)
    await anna.types("my profile")
    await anna.taps("Change birthday")
    assert "Birthday: –" in await anna.taps("Leave it")


async def test_offers_are_switched_from_the_profile_with_her_words_as_evidence(shop: Shop) -> None:
    anna = await joined(shop)
    await anna.types("my profile")
    assert "something special" in await anna.taps("Get offers")
    assert "Offers: on" in await anna.types("my profile")


async def test_who_becomes_one_member_waits_once_and_stays_quiet(shop: Shop) -> None:
    anna, other = await joined(shop), await joined(shop, "393409999999")
    for one in (anna, other):
        await one.types("a person please")
    kept, merged = MemberId((await row(shop)).id), MemberId((await row(shop, "+393409999999")).id)

    def become_one(session):  # type: ignore[no-untyped-def]
        merge(session, shop.programme, keep=kept, other=merged, author="test", reason="same person", now=shop.now)
        rights.follow(session, shop.programme, kept, merged)

    await shop.do(become_one)
    waiting = await shop.ask(
        lambda session: handovers.listed(session, shop.programme.id, states=("waiting",), limit=9, after=None)
    )
    assert [one.member_id for one in waiting] == [kept]
    await shop.do(lambda session: session.execute(update(Conversation).values(offer_id=None)))
    assert await anna.types("hm") == ""
