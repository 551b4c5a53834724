"""A customer gets another number or user id: account, chat and waiting messages go along, whatever comes first."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from conversation.arriving import channel_events, inbox
from conversation.arriving.channel_events import Registry
from conversation.arriving.event_desk import EventDesk
from conversation.arriving.happenings import Happening, IdentityChanged, PreferenceChanged
from conversation.arriving.identity_changes import IdentityChanges
from conversation.arriving.incoming import Card as ContactCard
from conversation.arriving.incoming import Contacts, Receipt, Sender
from conversation.arriving.preferences import Preferences
from conversation.arriving.recipients import learn
from conversation.caring import rights
from conversation.register import conversation_of
from conversation.tables import ChannelEvent, InboxRow, OutboxRow
from loyalty.ids import MemberId
from loyalty.people.consents import MARKETING, consents_of
from loyalty.people.members import Ref, find_member
from loyalty.tables import Identity, Member
from tests.store.helpers import Shop, points
from tests.store.test_one_sender import NEW_PHONE, NUMBER, OTHER, PHONE, USER, Chat

OLD, NEW = PHONE.value.removeprefix("+"), NEW_PHONE.value.removeprefix("+")


@pytest.fixture
async def chat(shop: Shop) -> Chat:
    await shop.member(phone="+393330000000")  # so that the programme is known
    return Chat(shop)


def changed(chat: Chat, before: Sender, after: Sender, *, id_: str = "e1") -> IdentityChanged:
    return IdentityChanged(id_, chat.shop.now, NUMBER, before, after)


def new_number(chat: Chat, **more: Any) -> IdentityChanged:
    return changed(chat, Sender(OLD, None), Sender(NEW, None), **more)


def desk(chat: Chat) -> EventDesk:
    registry, programmes = Registry.empty(), {NUMBER: chat.shop.programme}
    registry.on("identity", IdentityChanges(programmes))
    registry.on("preference", Preferences(programmes))
    return EventDesk(chat.shop.store, registry, chat.shop.clock)


async def told(chat: Chat, *events: Happening) -> None:
    """WhatsApp tells of something, and it is handled."""
    await chat.shop.do(lambda session: channel_events.accept(session, events, now=chat.shop.now))
    await desk(chat).work()


async def known(chat: Chat, ref: Ref) -> MemberId | None:
    def work(session: Session) -> MemberId | None:
        member = find_member(session, chat.shop.programme.id, (ref,))
        return None if member is None else MemberId(member.id)

    return await chat.shop.ask(work)


async def test_a_new_number_keeps_the_account_and_the_old_one_is_nobodys(chat: Chat) -> None:
    await chat.hears(PHONE)
    member = await chat.who(PHONE)
    await chat.shop.buys(member, "25.00")
    await told(chat, new_number(chat))
    assert await known(chat, NEW_PHONE) == member
    assert await known(chat, PHONE) is None
    assert await chat.shop.points(member) == points(25)
    await chat.hears(NEW_PHONE, text="me again")
    assert await known(chat, NEW_PHONE) == member
    conversation = await chat.conversation(member)
    assert conversation is not None
    assert conversation.phone == NEW_PHONE.value


async def test_what_waits_to_be_sent_goes_to_the_new_number(chat: Chat) -> None:
    await chat.hears(PHONE)
    member = await chat.who(PHONE)
    await told(chat, new_number(chat))
    assert {(phone, state) for _, phone, _, state in await chat.said(member)} == {(NEW_PHONE.value, "waiting")}


async def test_who_wrote_from_the_new_number_before_the_news_came_is_the_same_person(chat: Chat) -> None:
    shop = chat.shop
    await chat.hears(PHONE)
    old = await chat.who(PHONE)
    await shop.buys(old, "25.00")
    await chat.hears(NEW_PHONE)
    new = await chat.who(NEW_PHONE)
    await shop.buys(new, "7.00")
    assert old != new
    await told(chat, new_number(chat))
    member = await known(chat, NEW_PHONE)
    assert member == old
    assert await shop.points(old) == points(32)
    assert await chat.conversation(new) is None
    assert await shop.is_sound()


async def test_a_number_that_somebody_with_a_user_id_had_changes_hands(chat: Chat) -> None:
    await chat.hears(OTHER, NEW_PHONE)
    other = await chat.who(OTHER)
    await chat.hears(USER, PHONE)
    mine = await chat.who(USER)
    await told(chat, changed(chat, Sender(OLD, USER.value), Sender(NEW, USER.value)))
    assert (await known(chat, NEW_PHONE), await known(chat, USER), await known(chat, OTHER)) == (mine, mine, other)
    conversation = await chat.conversation(other)
    assert conversation is not None
    assert (conversation.phone, conversation.user_id) == (None, OTHER.value)


async def test_a_new_user_id_that_wrote_already_is_the_same_person(chat: Chat) -> None:
    shop = chat.shop
    await chat.hears(USER)
    old = await chat.who(USER)
    await shop.buys(old, "25.00")
    await chat.hears(OTHER)
    await told(chat, changed(chat, Sender(None, USER.value), Sender(None, OTHER.value)))
    member = await known(chat, OTHER)
    assert member == old
    assert await known(chat, USER) is None
    conversation = await chat.conversation(old)
    assert conversation is not None
    assert conversation.user_id == OTHER.value
    assert await shop.points(old) == points(25)
    assert await shop.is_sound()


async def test_a_message_from_before_the_change_that_comes_after_it_is_hers(chat: Chat) -> None:
    shop = chat.shop
    await chat.hears(PHONE)
    member = await chat.who(PHONE)
    late = chat.message(PHONE, text="sent before")
    shop.clock.forward(timedelta(minutes=1))
    await told(chat, new_number(chat))
    shop.clock.forward(timedelta(minutes=1))
    await chat.takes(late)
    said = await chat.said(member)
    assert said[-1] == ("you said sent before", NEW_PHONE.value, None, "waiting")
    assert await known(chat, PHONE) is None
    contacts = await shop.ask(lambda session: set(session.scalars(select(InboxRow.contact))))
    assert contacts == {NEW}, "and found when she asks for what is known of her"


async def test_a_message_from_the_old_number_after_the_change_is_somebody_elses(chat: Chat) -> None:
    await chat.hears(PHONE)
    member = await chat.who(PHONE)
    await told(chat, new_number(chat))
    chat.shop.clock.forward(timedelta(days=90))
    await chat.hears(PHONE, text="I have this number now")
    assert await chat.who(PHONE) != member


async def test_a_change_that_is_heard_of_after_somebody_else_has_the_number_moves_nobody(chat: Chat) -> None:
    late = new_number(chat)
    chat.shop.clock.forward(timedelta(days=90))
    await chat.hears(PHONE)
    somebody = await chat.who(PHONE)
    await told(chat, late)
    assert await chat.who(PHONE) == somebody


async def test_several_changes_one_after_the_other_are_followed(chat: Chat) -> None:
    await chat.hears(USER, PHONE)
    member = await chat.who(USER)
    late = chat.message(PHONE)
    await told(
        chat,
        changed(chat, Sender(OLD, USER.value), Sender(NEW, None)),
        changed(chat, Sender(None, USER.value), Sender(None, OTHER.value), id_="e2"),
        changed(chat, Sender(NEW, OTHER.value), Sender("393330001111", None), id_="e3"),
    )
    await chat.takes(late)
    assert await known(chat, Ref.phone("+393330001111")) == await known(chat, OTHER) == member
    assert await known(chat, NEW_PHONE) is None
    assert len(await chat.said(member)) == 2


async def test_a_change_of_somebody_nobody_knows_is_no_harm(chat: Chat) -> None:
    members = await chat.count(Member)
    await told(chat, new_number(chat))
    assert await chat.count(Member) == members


async def test_however_often_it_is_told_it_happens_once(chat: Chat) -> None:
    await chat.hears(PHONE)
    await told(chat, new_number(chat), new_number(chat))
    await told(chat, new_number(chat))
    assert await chat.count(ChannelEvent) == 1
    assert await chat.count(Identity) == 2


# ---- her own card, and what receipts tell


async def test_her_own_card_gives_a_user_known_by_user_id_alone_her_phone(chat: Chat) -> None:
    shop = chat.shop
    at_the_till = await shop.member(phone=PHONE.value)
    await shop.buys(at_the_till, "25.00")
    await chat.hears(USER)
    assert await chat.who(USER) != at_the_till
    card = replace(chat.message(USER, PHONE), content=Contacts((ContactCard("Gilda", (OLD,), own=True),)))
    await chat.takes(card)
    await chat.takes(card)
    assert await chat.who(USER) == await chat.who(PHONE) == at_the_till
    said = [text for text, *_ in await chat.said(at_the_till)]
    assert [text.partition("\n")[0] for text in said] == [  # under the first one she is invited to join
        "you said ciao", "Grazie! Ora il tuo numero è nel tuo account.",
    ]  # fmt: skip
    await chat.hears(USER, text="e ora?")
    assert await chat.who(USER) == at_the_till


async def test_a_receipt_tells_the_user_id_of_somebody_known_by_phone(chat: Chat) -> None:
    shop = chat.shop
    await chat.hears(PHONE)
    member = await chat.who(PHONE)
    number = await shop.ask(lambda session: session.scalars(select(OutboxRow.id)).one())
    receipt = Receipt("wamid.1", "sent", shop.now, number, recipient=Sender(OLD, USER.value))
    for expected in (1, 0):
        assert await shop.do(lambda session: learn(session, [receipt], now=shop.now)) == expected
    await chat.hears(USER, text="now without a phone")
    assert await chat.who(USER) == member


@pytest.mark.parametrize("recipient", [Sender(NEW, USER.value), Sender(None, USER.value), Sender(OLD, None), None])
async def test_a_receipt_about_another_phone_teaches_nothing(chat: Chat, recipient: Sender | None) -> None:
    shop = chat.shop
    await chat.hears(PHONE)
    number = await shop.ask(lambda session: session.scalars(select(OutboxRow.id)).one())
    receipt = Receipt("wamid.1", "sent", shop.now, number, recipient=recipient)
    assert await shop.do(lambda session: learn(session, [receipt], now=shop.now)) == 0
    assert await known(chat, USER) is None


# ---- preferences


def wish(chat: Chat, wanted: bool, *, id_: str, ago: timedelta = timedelta(0)) -> PreferenceChanged:
    at = chat.shop.now - ago
    return PreferenceChanged(id_, at, NUMBER, Sender(OLD, None), "marketing_messages", wanted, "User requested it")


async def marketing(chat: Chat, member: MemberId) -> tuple[bool, list[bool]]:
    def work(session: Session) -> tuple[bool, list[bool]]:
        said = [word.given for word in consents_of(session, member, purpose=MARKETING)]
        return session.get_one(Member, member).marketing_opt_in, said

    return await chat.shop.ask(work)


async def test_stop_and_resume_in_whatsapp_are_consents_with_their_evidence(chat: Chat) -> None:
    await chat.hears(PHONE)
    member = await chat.who(PHONE)
    await told(chat, wish(chat, True, id_="p1", ago=timedelta(hours=2)))
    await told(chat, wish(chat, False, id_="p2", ago=timedelta(hours=1)), wish(chat, False, id_="p2"))
    assert await marketing(chat, member) == (False, [True, False])
    words = await chat.shop.ask(lambda session: consents_of(session, member))
    assert {word.words for word in words} == {"User requested it"}
    assert all("user_preferences p" in word.evidence for word in words)


async def test_the_newest_wish_counts_in_whatever_order_they_come(chat: Chat) -> None:
    await chat.hears(PHONE)
    member = await chat.who(PHONE)
    await told(chat, wish(chat, False, id_="p2"), wish(chat, True, id_="p1", ago=timedelta(hours=1)))
    assert await marketing(chat, member) == (False, [True, False])


# ---- failures


async def test_an_event_that_cannot_be_handled_is_set_aside_after_three_tries_and_holds_up_nobody(chat: Chat) -> None:
    handled: list[str] = []

    def handler(_session: Session, event: Happening, _now: object) -> None:
        if event.id == "bad":
            raise KeyError("boom")
        handled.append(event.id)

    registry = Registry.empty()
    registry.on("identity", handler)
    shop = chat.shop
    work: Callable[[], Any] = EventDesk(shop.store, registry, shop.clock).work
    events = [new_number(chat, id_="bad"), new_number(chat, id_="good")]
    await shop.do(lambda session: channel_events.accept(session, events, now=shop.now))
    assert [await work() for _ in range(4)] == [1, 0, 0, 0]
    assert handled == ["good"]
    query = select(ChannelEvent.state, ChannelEvent.error).order_by(ChannelEvent.id)
    states = await shop.ask(lambda session: session.execute(query).all())
    assert [tuple(row) for row in states] == [("failed", "KeyError: 'boom'"), ("done", None)]


async def test_what_is_known_of_her_holds_the_change_and_erasing_her_takes_it_away(chat: Chat) -> None:
    shop = chat.shop
    await chat.hears(PHONE)
    member = await chat.who(PHONE)
    before = wish(chat, False, id_="p1", ago=timedelta(hours=1))
    await told(chat, before, new_number(chat), wish(chat, True, id_="p2"))
    export = await shop.ask(lambda session: rights.export(session, shop.programme, member, shop.now))
    assert [event["kind"] for event in export["told_by_whatsapp"]] == ["preference", "identity", "preference"]
    assert export["told_by_whatsapp"][1]["before"]["phone"] == OLD
    assert len(export["received"]) == 1
    await shop.do(lambda session: rights.erase(session, shop.programme, member, shop.now))
    assert await chat.count(ChannelEvent) == 0
    assert await chat.count(InboxRow) == 0


async def test_erasing_her_takes_away_what_names_her_by_all_numbers_she_had(chat: Chat) -> None:
    shop = chat.shop
    await chat.hears(PHONE)
    member = await chat.who(PHONE)
    third = Sender("393330000003", None)
    await told(chat, wish(chat, False, id_="p1"))
    await told(chat, new_number(chat, id_="e1"))
    shop.clock.forward(timedelta(days=1))
    await told(chat, changed(chat, Sender(NEW, None), third, id_="e2"))
    shop.clock.forward(timedelta(days=1))
    await shop.do(
        lambda session: channel_events.accept(
            session, [changed(chat, third, Sender("393330000004", None), id_="e3")], now=shop.now
        )
    )  # not looked at yet
    await shop.do(lambda session: rights.erase(session, shop.programme, member, shop.now))
    assert await chat.count(ChannelEvent) == 0


async def test_what_is_told_of_others_who_had_or_got_her_number_is_not_hers(chat: Chat) -> None:
    shop = chat.shop
    former = changed(chat, Sender(OLD, None), Sender("393330000001", None), id_="e1")
    await told(chat, former)
    shop.clock.forward(timedelta(days=1))
    await chat.hears(PHONE)
    member = await chat.who(PHONE)
    await told(chat, new_number(chat, id_="e2"))
    shop.clock.forward(timedelta(days=1))
    await told(chat, wish(chat, False, id_="p1"))  # by whoever has the old number now
    export = await shop.ask(lambda session: rights.export(session, shop.programme, member, shop.now))
    assert [event["after"]["phone"] for event in export["told_by_whatsapp"]] == [NEW]
    await shop.do(lambda session: rights.erase(session, shop.programme, member, shop.now))
    kept = await shop.ask(lambda session: list(session.scalars(select(ChannelEvent.identity))))
    assert kept == ["e1", "p1"]


async def test_a_till_may_write_a_number_in_another_way_than_whatsapp(chat: Chat) -> None:
    shop = chat.shop
    message = replace(chat.message(PHONE), sender=Sender("5215512345678", None, "Frida"))
    await chat.takes(message)
    member = await chat.who(Ref.phone("+52 55 1234 5678"))
    assert await shop.member(phone="+52 55 1234 5678") == member
    assert [(phone, state) for _, phone, _, state in await chat.said(member)] == [("+5215512345678", "waiting")]
    number = await shop.ask(lambda session: session.scalars(select(OutboxRow.id)).one())
    receipt = Receipt("wamid.1", "sent", shop.now, number, recipient=Sender("5215512345678", OTHER.value))
    assert await shop.do(lambda session: learn(session, [receipt], now=shop.now)) == 1
    await shop.do(lambda session: rights.erase(session, shop.programme, member, shop.now))
    assert await chat.count(InboxRow) == 0


async def test_a_conversation_is_found_by_its_member_still(chat: Chat) -> None:
    await chat.hears(PHONE)
    member = await chat.who(PHONE)
    assert await chat.shop.ask(lambda session: conversation_of(session, member)) is not None
    assert await chat.shop.ask(lambda session: len(inbox.waiting(session))) == 0
