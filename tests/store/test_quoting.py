"""A reply that quotes a message of ours refers to the choices in that message, though newer ones were sent since."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from conversation.arriving.incoming import Tap, Text
from conversation.tables import OutboxRow
from conversation.turning.place import look
from loyalty.people.members import Ref
from tests.store.helpers import Shop
from tests.store.test_one_sender import PHONE, USER, Chat


@pytest.fixture
async def chat(shop: Shop) -> Chat:
    await shop.member(phone="+393330000000")  # so that the programme is known
    chat = Chat(shop)
    for text in ("first", "second"):  # a tap on nothing of ours is answered with choices
        await chat.takes(replace(chat.message(PHONE, text=text), content=Tap("nothing", text)))
    await shop.do(lambda session: session.execute(update(OutboxRow).values(wamid="wamid.ours:" + OutboxRow.key)))
    return chat


async def ours(chat: Chat) -> list[str]:
    query = select(OutboxRow.wamid).order_by(OutboxRow.id)
    return await chat.shop.ask(lambda session: [str(wamid) for wamid in session.scalars(query)])


async def quoted(chat: Chat, wamid: str | None, *refs: Ref) -> tuple[str | None, str | None]:
    """The offer that a reply refers to, and the newest one."""
    incoming = replace(chat.message(*refs), content=Text("2"), in_reply_to=wamid)
    place = await chat.shop.ask(lambda session: look(session, chat.shop.programme, incoming))
    assert place is not None
    return (place.quoted.id if place.quoted else None), (place.offer.id if place.offer else None)


async def test_a_reply_that_quotes_an_older_message_refers_to_its_choices(chat: Chat) -> None:
    older, newer = await ours(chat)
    first, newest = await quoted(chat, older, PHONE)
    assert first is not None
    assert first != newest
    assert await quoted(chat, newer, PHONE) == (newest, newest)


@pytest.mark.parametrize("wamid", [None, "wamid.nobodys", ""])
async def test_any_other_message_refers_to_the_newest_choices(chat: Chat, wamid: str | None) -> None:
    assert (await quoted(chat, wamid, PHONE))[0] is None


async def test_a_message_of_ours_to_somebody_else_cannot_be_quoted(chat: Chat) -> None:
    await chat.hears(USER)
    assert (await quoted(chat, (await ours(chat))[0], USER))[0] is None
