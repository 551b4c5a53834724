"""Her data, from the chat: a copy in one message, and being forgotten, which takes two taps and leaves nothing."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from connectors.sending.claims import claim
from conversation.arriving import inbox
from conversation.arriving.incoming import Text
from conversation.leaving import farewells
from conversation.leaving.handouts import find_file
from conversation.tables import Conversation, Handout, InboxRow, Offer, OutboxRow, TrackerRow
from loyalty.clock import FixedClock
from loyalty.ids import MemberId
from loyalty.people.identities import Ref
from loyalty.people.members import find_member, set_marketing
from loyalty.programme import LANGUAGES, Language, Programme
from loyalty.store import Store
from loyalty.tables import Base, Identity, Member
from tests.store.helpers import Shop, variant
from tests.store.talking import Customer
from tests.store.test_rights import everything

MEANINGS = {
    "delete my data": "delete_my_data", "hello": "greet", "yes": "affirm", "no": "deny", "my data please":
    "export_my_data", "points?": "check_points", "never mind": "cancel", "espresso": "redeem_reward",
    "join": "join_program",
}  # fmt: skip
TELLING = ("3331234567", "anna", "wamid", "delete my data")


@pytest.fixture
def shop(store: Store, cafe: Programme, clock: FixedClock) -> Shop:
    return Shop(store, variant(cafe, joining=10).model_copy(update={"language": "en"}), clock)


@pytest.fixture
async def anna(shop: Shop) -> Customer:
    """A member with points and a code."""
    anna = Customer(shop, MEANINGS)
    await anna.types("join")
    await anna.taps("Skip")
    await anna.taps("No, thanks")
    await shop.buys(await member(shop), "60.00")
    await shop.redeems(await member(shop), "espresso")
    return anna


async def member(shop: Shop) -> MemberId:
    found = await shop.ask(lambda session: find_member(session, shop.programme.id, (Ref.phone("+393331234567"),)))
    assert found is not None
    return MemberId(found.id)


async def traces(shop: Shop) -> list[tuple[str, str]]:
    found = await shop.ask(everything)
    return [one for one in found if any(sign in one[1].casefold() for sign in TELLING)]


async def rows(shop: Shop, table: type[Base]) -> int:
    return len(await shop.ask(lambda session: session.scalars(select(table)).all()))


async def forget(anna: Customer) -> str:
    await anna.types("delete my data")
    await anna.taps("Delete…")
    return await anna.taps("Delete for good")


async def sent(shop: Shop) -> None:
    """The sender sends what waits."""
    claimed = await shop.do(lambda session: claim(session, now=shop.now, limit=10))
    ids = [one.due.id for one in claimed]
    await shop.do(lambda session: session.execute(update(OutboxRow).where(OutboxRow.id.in_(ids)).values(state="sent")))


async def test_what_is_lost_is_said_before_anything_is_deleted(anna: Customer) -> None:
    said = await anna.types("delete my data")
    assert "50 points" in said
    assert "1 code" in said
    assert anna.titles == ["Keep my data", "Copy of my data", "Delete…"]
    assert "Last question" in await anna.taps("Delete…")
    assert anna.titles == ["Keep my data", "Delete for good"]


async def test_a_yes_deletes_nothing(shop: Shop, anna: Customer) -> None:
    await anna.types("delete my data")
    await anna.types("yes")
    await anna.taps("Delete…") if "Delete…" in anna.titles else None
    await anna.types("yes")
    assert (await shop.points(await member(shop))).available == 50


@pytest.mark.parametrize("step", [[], ["Delete…"]])
async def test_keeping_everything_changes_nothing(shop: Shop, anna: Customer, step: list[str]) -> None:
    await anna.types("delete my data")
    for title in step:
        await anna.taps(title)
    assert "Nothing was deleted" in await anna.taps("Keep my data")
    assert (await shop.points(await member(shop))).available == 50


async def test_the_farewell_goes_out_and_then_nothing_says_who_she_was(shop: Shop, anna: Customer) -> None:
    id_ = await member(shop)
    said = await forget(anna)
    assert "everything about you is deleted" in said
    assert "choices" not in anna.said[-1]
    for table in (Identity, InboxRow, Offer, TrackerRow):
        assert await rows(shop, table) == 0
    left = {where.partition(".")[0] for where, _ in await traces(shop)}
    assert left == {"outbox"}, "only where the farewell goes to"
    assert await shop.do(lambda session: farewells.forget_farewells(session, now=shop.now)) == 0
    await sent(shop)
    state = await shop.ask(lambda session: session.scalars(select(OutboxRow.state)).all())
    assert list(state) == ["sent"], "it is sent though her conversation is gone"
    assert await shop.do(lambda session: farewells.forget_farewells(session, now=shop.now)) == 2
    assert await traces(shop) == []
    assert (await rows(shop, OutboxRow), await rows(shop, Conversation)) == (0, 0)
    row = await shop.ask(lambda session: session.get_one(Member, id_))
    assert row.erased_at is not None
    assert await shop.is_sound()


async def test_a_farewell_that_cannot_be_sent_is_forgotten_after_a_day(shop: Shop, anna: Customer) -> None:
    await forget(anna)
    shop.clock.forward(timedelta(hours=25))
    await shop.do(lambda session: farewells.forget_farewells(session, now=shop.now))
    assert await traces(shop) == []


async def test_what_she_wrote_before_brings_nobody_back(shop: Shop, anna: Customer) -> None:
    late = anna.message(Text("points?"))
    await forget(anna)
    assert await anna.sends(late) == ""
    assert await rows(shop, Identity) == 0
    assert await rows(shop, InboxRow) == 0


async def test_a_second_tap_of_the_last_button_does_nothing(shop: Shop, anna: Customer) -> None:
    await anna.types("delete my data")
    await anna.taps("Delete…")
    tap = anna.said
    await anna.taps("Delete for good")
    before = await rows(shop, OutboxRow)
    anna.said = tap
    said = await anna.taps("Delete for good")  # she is somebody new by now, and the button is nobody's
    assert "don't know that button" in said
    assert await rows(shop, OutboxRow) == before + 1


async def test_she_can_come_back_and_begins_afresh(shop: Shop, anna: Customer) -> None:
    await forget(anna)
    shop.clock.forward(timedelta(minutes=5))
    assert "Welcome to" in await anna.types("join")
    assert (await shop.points(await member(shop))).available == 0, "the gift for joining is given once"
    await shop.do(lambda session: farewells.forget_farewells(session, now=shop.now + timedelta(days=2)))
    assert await rows(shop, Conversation) == 1, "her new conversation stays"
    assert "0 points" in await anna.types("points?")


async def test_nothing_that_waited_underneath_is_offered_to_somebody_who_is_gone(anna: Customer) -> None:
    await anna.types("espresso")
    said = await forget(anna)
    assert "Back to" not in said
    assert "choices" not in anna.said[-1]


async def test_a_word_that_stops_offers_outlives_her(shop: Shop, anna: Customer) -> None:
    id_ = await member(shop)
    await shop.do(
        lambda session: set_marketing(
            session, session.get_one(Member, id_), given=True, words="ja", evidence="x", now=shop.now
        )
    )
    await anna.types("STOP")
    await forget(anna)
    shop.clock.forward(timedelta(minutes=5))
    await anna.types("join")
    assert "All set" in await anna.taps("Skip"), "she is not asked about offers again"


# ---- a copy


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_copy_comes_as_one_message_with_a_document_and_a_page(
    shop: Shop, anna: Customer, language: Language
) -> None:
    id_ = await member(shop)
    await shop.do(
        lambda session: session.execute(
            update(Member).where(Member.id == id_).values(language=language, language_chosen=True)
        )
    )
    await anna.types("my data please")
    (part,) = anna.said
    assert part["style"] == "link"
    assert part["medium"]["kind"] == "document"
    assert part["medium"]["filename"] == "my-data.txt"
    assert part["medium"]["link"].startswith("https://shop.example/h/")
    page = await file(shop, part["link"]["url"])
    plain = await file(shop, part["medium"]["link"])
    assert f'<html lang="{language}"' in page
    assert ('dir="rtl"' in page) == (language == "ar")
    assert "Anna" in page
    assert "<script" not in page
    known = json.loads(plain.partition("\nJSON\n")[2])
    assert known["loyalty"]["points"]["available"] == 50
    assert known["conversation"]["received"][0]["content"] == {"text": "join"}


async def file(shop: Shop, address: str) -> str:
    token = address.split("/")[-2]
    found = await shop.ask(lambda session: find_file(session, token, now=shop.now))
    assert found is not None
    return found.content.decode()


async def test_names_that_look_like_html_are_text(shop: Shop) -> None:
    anna = Customer(shop, MEANINGS, name="<b>Anna</b> & co")
    await anna.types("my data please")
    page = await file(shop, anna.said[0]["link"]["url"])
    assert "<b>Anna" not in page
    assert "&lt;b&gt;Anna" in page


async def test_the_copy_is_forgotten_with_her(shop: Shop, anna: Customer) -> None:
    await anna.types("my data please")
    await forget(anna)
    assert await rows(shop, Handout) == 0


async def test_an_inbox_row_of_hers_is_gone_though_it_was_being_answered(shop: Shop, anna: Customer) -> None:
    await forget(anna)
    assert await shop.ask(inbox.waiting) == []
