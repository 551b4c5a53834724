"""Who writes: one member for a sender whatever WhatsApp tells of her, and her chat goes where she goes."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from conversation.arriving import inbox
from conversation.arriving.incoming import Attachment, Incoming, Sender, Text
from conversation.caring import rights
from conversation.choosing.menus import Menus
from conversation.choosing.opting import OptWords
from conversation.flowing.parts import Tools, build_parts
from conversation.flowing.runner import FlowRunner
from conversation.messages.model import Inquiry, Message, Understood
from conversation.register import conversation_of
from conversation.saying.sentences import Sentences
from conversation.tables import Conversation, InboxRow, Offer, OutboxRow, TrackerRow
from conversation.turning.deciding import Decider, Response
from conversation.turning.memory import recall, sender_of
from conversation.turning.place import introduce, look
from conversation.turning.turn import Turns
from loyalty.ids import MemberId
from loyalty.merging.merge import merge
from loyalty.merging.recognition import recognise
from loyalty.people.members import Person, Ref, get_member, meet
from loyalty.rights.erasure import erase
from loyalty.tables import Member, Trail
from tests.store.helpers import Shop, points

PHONE, NEW_PHONE = Ref.phone("+393331234567"), Ref.phone("+393337654321")
USER, OTHER = Ref.user("IT.1A2B3C"), Ref.user("IT.9Z8Y7X")
NUMBER = "100000000000001"


class Parrot:
    """A dialogue that answers anything; what happens while it thinks can be told."""

    def __init__(self) -> None:
        self.meanwhile: list[Callable[[], Any]] = []

    async def parse(self, text: str) -> Understood:
        if self.meanwhile:
            await self.meanwhile.pop()()
        return Understood("goodbye", 1.0, {}, None, {})

    async def respond(
        self, inquiry: Inquiry, understood: Understood, remembered: Sequence[Mapping[str, Any]]
    ) -> Response:
        return Response((Message(f"you said {inquiry.text}"),))


class Chat:
    """A shop that can be written to."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.dialogue = Parrot()
        sentences = Sentences.load(Path("data/responses"))
        flows = FlowRunner(sentences, build_parts(Tools(sentences, "", "")))
        decider = Decider(shop.store, self.dialogue, flows, OptWords({}), Menus(sentences))
        self._turns = Turns(shop.store, {NUMBER: shop.programme}, decider, flows, sentences, shop.clock)
        self._messages = 0

    def message(self, *refs: Ref, text: str = "ciao") -> Incoming:
        """A message from a sender of whom WhatsApp tells this."""
        self._messages += 1
        known = {ref.kind: ref.value for ref in refs}
        phone = known.get(PHONE.kind, "").removeprefix("+") or None
        sender = Sender(phone, known.get(USER.kind), "Gilda")
        return Incoming(f"wamid.{self._messages}", NUMBER, sender, self.shop.now, Text(text))

    async def hears(self, *refs: Ref, text: str = "ciao") -> None:
        """A message comes in and is answered."""
        await self.takes(self.message(*refs, text=text))

    async def takes(self, incoming: Incoming) -> None:
        await self.shop.do(lambda session: inbox.accept(session, [incoming], now=self.shop.now))
        await self._turns.run(incoming)

    async def who(self, ref: Ref) -> MemberId:
        return await self.shop.ask(
            lambda session: MemberId(get_member(session, self.shop.programme.id, str(ref)).id)
        )  # fmt: skip

    async def said(self, member: MemberId) -> list[tuple[str, str | None, str | None, str]]:
        """What was said to a member: text, phone, user id, state."""
        query = select(OutboxRow).where(OutboxRow.member_id == member).order_by(OutboxRow.id)
        rows = await self.shop.ask(lambda session: session.scalars(query).all())
        return [(row.message["text"], row.phone, row.user_id, row.state) for row in rows]

    async def conversation(self, member: MemberId) -> Conversation | None:
        return await self.shop.ask(lambda session: conversation_of(session, member))

    async def count(self, table: type[Any]) -> int:
        return await self.shop.ask(lambda session: session.scalar(select(func.count()).select_from(table)) or 0)


@pytest.fixture
async def chat(shop: Shop) -> Chat:
    await shop.member(phone="+393330000000")  # so that the programme is known
    return Chat(shop)


async def test_who_was_written_down_at_the_till_is_known_when_she_writes(chat: Chat) -> None:
    shop = chat.shop
    at_the_till = await shop.member(phone=PHONE.value)
    await shop.buys(at_the_till, "25.00")
    await chat.hears(USER)
    wrote = await chat.who(USER)
    assert wrote != at_the_till
    await shop.buys(wrote, "7.00")
    await chat.hears(USER, PHONE, text="again")
    assert await chat.who(USER) == await chat.who(PHONE) == at_the_till
    assert await shop.points(at_the_till) == points(32)
    assert [text for text, *_ in await chat.said(at_the_till)] == ["you said ciao", "you said again"]
    conversation = await chat.conversation(at_the_till)
    assert conversation is not None
    assert (conversation.phone, conversation.user_id) == (PHONE.value, USER.value)
    assert await chat.conversation(wrote) is None
    assert await shop.is_sound()


async def test_her_phone_alone_and_both_lead_to_the_same_member(chat: Chat) -> None:
    for refs in ((PHONE,), (USER, PHONE), (USER,), (PHONE,), (USER, NEW_PHONE)):
        await chat.hears(*refs)
    assert await chat.who(USER) == await chat.who(PHONE) == await chat.who(NEW_PHONE)
    assert await chat.count(Conversation) == 1


async def test_what_was_offered_remembered_and_not_sent_yet_goes_along(chat: Chat) -> None:
    shop = chat.shop
    late = await shop.member(phone=PHONE.value)
    await chat.hears(USER)
    wrote = await chat.who(USER)
    assert wrote != late

    def knows(session: Session) -> None:
        row = TrackerRow(sender_id=sender_of(shop.programme.id, wrote), events=[{"a": 1}], updated_at=shop.now)
        session.add(row)
        session.add(
            Offer(id="A" * 13, member_id=wrote, run="r", step=1, message={}, page=0, created_at=shop.now)
        )  # fmt: skip
        conversation = conversation_of(session, wrote)
        assert conversation is not None
        conversation.offer_id, conversation.flow = "A" * 13, {"run": "r"}

    await shop.do(knows)

    def arrives(session: Session) -> None:
        assert introduce(session, shop.programme, chat.message(USER, PHONE), now=shop.now)

    await shop.do(arrives)
    conversation = await chat.conversation(late)
    assert conversation is not None
    assert (conversation.offer_id, conversation.flow) == ("A" * 13, {"run": "r"})
    sender = sender_of(shop.programme.id, late)
    assert await shop.ask(lambda session: recall(session, sender)) == [{"a": 1}]
    assert await shop.ask(lambda session: session.scalars(select(Offer.member_id)).all()) == [late]
    assert [row[3] for row in await chat.said(late)] == ["waiting"]


async def test_of_two_chats_the_one_heard_last_goes_on(chat: Chat) -> None:
    shop = chat.shop
    for refs, hour in (((PHONE,), 0), ((USER,), 1)):
        shop.clock.forward(timedelta(hours=hour))
        await chat.hears(*refs, text=str(hour))
    by_phone, by_user = await chat.who(PHONE), await chat.who(USER)

    def one(session: Session) -> None:
        for member, run in ((by_phone, "old"), (by_user, "new")):
            conversation = conversation_of(session, member)
            assert conversation is not None
            conversation.flow = {"run": run}
        merge(session, shop.programme, by_phone, by_user, author="anna", reason="one", now=shop.now)
        rights.follow(session, shop.programme, by_phone, by_user)

    await shop.do(one)
    conversation = await chat.conversation(by_phone)
    assert conversation is not None
    assert conversation.flow == {"run": "new"}
    assert (conversation.phone, conversation.user_id) == (PHONE.value, USER.value)
    assert conversation.last_heard_at == shop.now
    assert [text for text, *_ in await chat.said(by_phone)] == ["you said 0", "you said 1"]


async def test_following_herself_changes_nothing(chat: Chat) -> None:
    await chat.hears(PHONE)
    member = await chat.who(PHONE)
    await chat.shop.do(lambda session: rights.follow(session, chat.shop.programme, member, member))
    assert await chat.conversation(member) is not None


async def test_a_phone_that_changed_hands_takes_nothing_along(chat: Chat) -> None:
    shop = chat.shop
    await chat.hears(OTHER, PHONE, text="from the old owner")
    old = await chat.who(OTHER)
    await shop.buys(old, "25.00")
    await chat.hears(USER)
    new = await chat.who(USER)
    await chat.hears(USER, PHONE, text="from the new owner")
    assert (await chat.who(PHONE), await chat.who(USER), await chat.who(OTHER)) == (new, new, old)
    assert [await shop.points(member) for member in (old, new)] == [points(25), points(0)]
    conversation = await chat.conversation(old)
    assert conversation is not None
    assert (conversation.phone, conversation.user_id) == (None, OTHER.value)
    assert await chat.said(old) == [("you said from the old owner", None, OTHER.value, "waiting")]
    note = await shop.ask(lambda session: session.scalars(select(Trail).where(Trail.action == "identity.moved")).one())
    assert (note.subject, note.detail) == (new, {"kind": "phone", "from": old})
    await chat.hears(OTHER, text="still here")
    assert await chat.who(OTHER) == old


async def test_messages_from_a_phone_stay_with_who_wrote_them_when_it_changes_hands(chat: Chat) -> None:
    shop = chat.shop
    await chat.hears(PHONE, text="before ids")
    await chat.hears(OTHER, PHONE, text="with an id")
    await chat.hears(USER)
    await chat.hears(USER, PHONE, text="the new owner")
    old, new = await chat.who(OTHER), await chat.who(USER)

    async def received(member: MemberId) -> list[str]:
        found = await shop.ask(lambda session: rights.export(session, shop.programme, member, shop.now))
        return [one["content"]["text"] for one in found["received"]]

    assert await received(old) == ["before ids", "with an id"]
    assert await received(new) == ["ciao", "the new owner"]


async def test_what_waits_for_an_old_owner_without_another_address_is_not_sent(chat: Chat) -> None:
    shop = chat.shop
    await chat.hears(PHONE, text="secret")
    old = await chat.who(PHONE)
    await shop.do(lambda session: rights.lose_phone(session, old, PHONE.value))
    assert await chat.said(old) == [("you said secret", PHONE.value, None, "withheld")]


async def test_a_member_known_by_one_identity_is_only_looked_up(chat: Chat) -> None:
    for refs in ((USER, PHONE), (NEW_PHONE,)):
        await chat.hears(*refs)
    for refs in ((USER, PHONE), (NEW_PHONE,)):
        incoming = chat.message(*refs)
        place = await chat.shop.ask(lambda session, one=incoming: look(session, chat.shop.programme, one))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        assert place is not None
        assert place.member == await chat.who(refs[-1])


async def test_twenty_messages_at_once_by_both_ways_are_one_persons(chat: Chat) -> None:
    shop = chat.shop
    await shop.buys(await shop.member(phone=PHONE.value), "25.00")
    await shop.do(lambda session: meet(session, shop.programme, Person((USER,)), now=shop.now, herself=True))
    person = Person((USER, PHONE))
    met = await asyncio.gather(
        *(
            shop.do(lambda session: recognise(session, shop.programme, person, now=shop.now).member.id)
            for _ in range(20)
        )
    )
    assert len(set(met)) == 1
    assert await shop.points(MemberId(met[0])) == points(25)
    assert await shop.is_sound()


async def test_a_turn_begins_anew_if_its_member_was_merged_meanwhile(chat: Chat) -> None:
    shop = chat.shop
    keep = await shop.member(phone=PHONE.value)
    await chat.hears(USER)
    wrote = await chat.who(USER)

    async def merged() -> None:
        def work(session: Session) -> None:
            merge(session, shop.programme, keep, wrote, author="anna", reason="one", now=shop.now)
            rights.follow(session, shop.programme, keep, wrote)

        await shop.do(work)

    chat.dialogue.meanwhile.append(merged)
    await chat.hears(USER, text="who am I")
    assert [text for text, *_ in await chat.said(keep)] == ["you said ciao", "you said who am I"]


async def test_a_turn_ends_without_a_trace_if_its_member_was_erased_meanwhile(chat: Chat) -> None:
    shop = chat.shop
    await chat.hears(USER, PHONE)
    member = await chat.who(USER)

    async def erased() -> None:
        def work(session: Session) -> None:
            rights.erase(session, shop.programme, member, shop.now)
            erase(session, shop.programme, member, shop.now)

        await shop.do(work)

    chat.dialogue.meanwhile.append(erased)
    people = await chat.count(Member)
    await chat.hears(USER, PHONE, text="delete me")
    assert await chat.count(Member) == people
    for table in (InboxRow, OutboxRow, Conversation):
        assert await chat.count(table) == 0


async def test_a_late_message_of_somebody_erased_is_dropped_and_a_new_one_begins_anew(chat: Chat) -> None:
    shop = chat.shop
    await chat.hears(USER, PHONE)
    old = await chat.who(USER)
    late = chat.message(USER, PHONE, text="late")
    shop.clock.forward(timedelta(minutes=5))

    def work(session: Session) -> None:
        rights.erase(session, shop.programme, old, shop.now)
        erase(session, shop.programme, old, shop.now)

    await shop.do(work)
    await chat.takes(late)
    assert await chat.count(InboxRow) == 0
    shop.clock.forward(timedelta(minutes=5))
    await chat.hears(USER, PHONE, text="hello again")
    new = await chat.who(USER)
    assert new != old
    assert [text for text, *_ in await chat.said(new)] == ["you said hello again"]


async def test_a_reaction_of_somebody_erased_is_not_kept(chat: Chat) -> None:
    shop = chat.shop
    reaction = replace(chat.message(USER, PHONE), content=Attachment("reaction"))
    await shop.do(lambda session: inbox.accept(session, [reaction], now=shop.now))
    await chat.hears(USER, PHONE)
    member = await chat.who(USER)
    assert await chat.count(InboxRow) == 2

    def work(session: Session) -> None:
        rights.erase(session, shop.programme, member, shop.now)
        erase(session, shop.programme, member, shop.now)
        inbox.accept(session, [replace(reaction, message_id="wamid.R2")], now=shop.now)

    await shop.do(work)
    assert await chat.count(InboxRow) == 0
