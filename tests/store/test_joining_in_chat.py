"""Somebody new: she is welcomed, joins with one tap, agrees in words that are kept, and is asked twice at most."""

import asyncio
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from conversation.arriving.incoming import Text
from loyalty.clock import FixedClock
from loyalty.codes import show_code
from loyalty.people.consents import Word, consents_of
from loyalty.people.identities import Ref
from loyalty.people.members import find_member
from loyalty.programme import Programme
from loyalty.rules.people import Terms
from loyalty.store import Store
from loyalty.tables import Member, Referral
from tests.store.helpers import Shop, variant
from tests.store.talking import Customer

MEANINGS = {
    "hello": "greet", "hi": "greet", "how many points do I have": "check_points", "bye": "goodbye",
    "sign me up": "join_program", "no": "deny", "what can I get": "list_rewards", "yes": "affirm",
}  # fmt: skip
TERMS = Terms(
    version="2026-11", link="https://shop.example/terms",
    text={language: f"You agree ({language})." for language in ("en", "it", "es", "fr", "ar")},
)  # fmt: skip


@pytest.fixture
def shop(store: Store, cafe: Programme, clock: FixedClock) -> Shop:
    return Shop(store, variant(cafe, joining=10).model_copy(update={"language": "en"}), clock)


@pytest.fixture
def anna(shop: Shop) -> Customer:
    return Customer(shop, MEANINGS)


def with_terms(shop: Shop) -> Customer:
    return Customer(Shop(shop.store, shop.programme.model_copy(update={"consent": TERMS}), shop.clock), MEANINGS)


def with_birthdays(shop: Shop) -> Shop:
    activities = shop.programme.earning.activities
    celebrated = {**activities, "birthday": activities["review"]}
    return Shop(shop.store, variant(shop.programme, activities=celebrated), shop.clock)


async def member(shop: Shop, phone: str = "+393331234567") -> Member:
    found = await shop.ask(lambda session: find_member(session, shop.programme.id, (Ref.phone(phone),)))
    assert found is not None
    return found


async def words(shop: Shop) -> list[Word]:
    id_ = (await member(shop)).id
    return await shop.ask(lambda session: consents_of(session, id_))  # type: ignore[arg-type]  # an id is an id


async def test_the_first_words_are_answered_with_what_there_is_to_get_and_one_tap_joins(
    shop: Shop, anna: Customer
) -> None:
    said = await anna.types("hello")
    assert "Espresso" in said
    assert "10 points" in said
    assert "By joining you agree" in said
    assert anna.titles[0] == "Join"
    assert "Welcome to" in await anna.taps("Join")
    assert (await member(shop)).joined_at is not None


async def test_what_she_agreed_to_is_kept_with_words_version_and_evidence(shop: Shop) -> None:
    anna = with_terms(shop)
    said = await anna.types("hello")
    assert "You agree (en).\nhttps://shop.example/terms" in said
    await anna.taps("Join")
    (word,) = await words(shop)
    assert (word.purpose, word.given, word.words) == ("programme", True, "Join [2026-11]")
    assert word.evidence.startswith("wamid.")


async def test_who_asks_to_join_reads_the_terms_first_where_a_programme_has_its_own(shop: Shop) -> None:
    anna = with_terms(shop)
    assert "You agree (en)." in await anna.types("sign me up")
    assert (await member(shop)).joined_at is None
    assert "Welcome to" in await anna.types("yes")
    assert (await member(shop)).joined_at is not None


async def test_a_button_under_old_terms_shows_the_new_ones(shop: Shop) -> None:
    anna = with_terms(shop)
    await anna.types("hello")
    newer = TERMS.model_copy(update={"version": "2027-01"})
    later = Shop(shop.store, shop.programme.model_copy(update={"consent": newer}), shop.clock)
    again = Customer(later, MEANINGS)
    again.said = anna.said
    again._count = 100
    assert "You agree (en)." in await again.taps("Join")
    assert (await member(shop)).joined_at is None
    await again.taps("Join")
    assert (await words(shop))[0].words == "Join [2027-01]"


async def test_who_asks_to_join_joins_at_once_where_there_are_no_terms_of_its_own(shop: Shop, anna: Customer) -> None:
    assert "Welcome to" in await anna.types("sign me up")
    assert [word.words for word in await words(shop)] == ["sign me up [usual]"]


async def test_a_question_is_answered_with_the_invitation_under_it_once_a_day(shop: Shop, anna: Customer) -> None:
    first = await anna.types("what can I get")
    assert "By joining you agree" in first
    assert anna.titles[0] == "Join"
    assert "By joining" not in await anna.types("what can I get")
    assert "By joining" not in await anna.types("hi")
    shop.clock.forward(timedelta(hours=25))
    assert "By joining" not in await anna.types("bye"), "who says goodbye is not held back"
    assert "By joining you agree" in await anna.types("what can I get")
    await anna.taps("Join")
    assert (await member(shop)).joined_at is not None


async def test_who_says_stop_first_is_not_invited(anna: Customer) -> None:
    assert "By joining" not in await anna.types("STOP")


async def test_whatever_a_campaign_fills_in_is_a_beginning_once(anna: Customer) -> None:
    assert "By joining you agree" in await anna.types("TABLE 12 SUMMER")
    assert "didn't get that" in await anna.types("TABLE 12 SUMMER")


async def test_a_friends_code_in_the_first_message_is_kept_and_counts_when_she_joins(
    shop: Shop, anna: Customer
) -> None:
    friend = await shop.member(phone="+393409999999")
    code = await shop.ask(lambda session: session.get_one(Member, friend).referral_code)
    said = await anna.types(f"Hello! A friend gave me this code: {show_code(code)}")
    assert "noted who brought you" in said
    assert "By joining you agree" in said
    assert anna.titles[0] == "Join"
    await anna.taps("Join")
    row = await shop.ask(lambda session: session.scalars(select(Referral)).one())
    assert (row.referrer_id, row.referee_id, row.source) == (friend, (await member(shop)).id, "link")


async def test_a_wrong_code_is_said_and_she_is_welcome_all_the_same(anna: Customer) -> None:
    said = await anna.types("Hello! A friend gave me this code: 2222-222W")
    assert anna.titles[0] == "Join", said


async def test_the_questions_come_once_and_can_be_skipped(shop: Shop, anna: Customer) -> None:
    await anna.types("sign me up")
    assert anna.titles == ["Anna", "Skip"]
    assert "something special" in await anna.taps("Skip")
    assert "All set" in await anna.types("no")
    assert not (await member(shop)).marketing_opt_in
    assert "member already" in await anna.types("sign me up")
    assert (await member(shop)).name == "Anna"


async def test_she_tells_her_birthday_where_it_brings_something(shop: Shop) -> None:
    anna = Customer(with_birthdays(shop), MEANINGS)
    assert "birthday" in await anna.types("sign me up")
    assert "can't find a day" in await anna.types("soon")
    assert "March 14, 1990" in await anna.types("14/3/1990")
    assert "hear from us" in await anna.taps("Yes, please")
    row = await member(shop)
    assert (row.birthday, row.marketing_opt_in) == (date(1990, 3, 14), True)
    assert [word.words for word in await words(shop)] == ["sign me up [usual]", "Yes, please"]


async def test_a_question_in_between_is_answered_and_the_rest_goes_on(anna: Customer) -> None:
    await anna.types("sign me up")
    said = await anna.types("how many points do I have")
    assert "10 points" in said
    assert "your sign-up" in said
    assert "Nice to meet you, Anna Maria!" in await anna.types("call me anna maria")


async def test_two_joins_at_once_are_one(shop: Shop) -> None:
    anna = Customer(shop, MEANINGS)
    await anna.types("hello")
    messages = [anna.message(Text("sign me up")) for _ in range(3)]
    await asyncio.gather(*(anna.sends(message) for message in messages))
    assert (await shop.points((await member(shop)).id)).available == 10  # type: ignore[arg-type]  # an id is an id
    assert len([word for word in await words(shop) if word.purpose == "programme"]) == 1


async def test_the_invitation_works_weeks_later(shop: Shop, anna: Customer) -> None:
    await anna.types("hello")
    shop.clock.forward(timedelta(days=30))
    assert "Welcome to" in await anna.taps("Join")
