"""Every CRM alike: what is to be told is told, once, whatever the system does, and nobody else's queue waits for it."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from conversation.alarms import open_alarms
from conversation.tables import Alarm
from crm import queue, states
from crm.card import KEY
from crm.tables import CrmContact
from loyalty.ids import MemberId
from loyalty.merging.merge import merge
from loyalty.rights.erasure import erase
from loyalty.tables import Member
from simulator.crm import Trouble
from tests.crm.adapters import NAMES
from tests.crm.conftest import Kit, kit_of
from tests.store.helpers import Shop

MINUTES = 20
"""Longer than any wait."""


async def test_everybody_is_told_once_and_then_only_news(kit: Kit) -> None:
    anna, bea = await kit.members(2)
    await kit.shop.buys(anna, "12.00")
    done = await kit.runs()
    assert (done.written, done.aside, done.why) == (2, 0, "")
    assert await kit.is_told(anna, bea)
    writes = len(kit.crm.batches)
    assert (await kit.runs()).written == 0
    assert len(kit.crm.batches) == writes
    await kit.shop.buys(bea, "5.00")
    assert (await kit.runs()).written == 1
    assert await kit.is_told(anna, bea)
    assert len(kit.crm.contacts) == 2


async def test_all_fields_arrive(kit: Kit) -> None:
    anna = await kit.shop.member(phone="+393331112223")
    await kit.shop.do(lambda session: setattr(session.get_one(Member, anna), "name", "Anna Maria Rossi"))
    await kit.shop.buys(anna, "1500.00")
    await kit.runs()
    (contact,) = kit.crm.of(anna)
    assert contact[KEY] == anna
    assert contact["loyalty_name"] == "Anna Maria Rossi"
    assert contact["loyalty_phone"] == "+393331112223"
    assert contact["loyalty_programme"] == kit.shop.programme.id
    assert contact["loyalty_referral_link"].startswith("https://aurora.example/r/")
    assert "Anna" in " ".join(str(contact.get(name, "")) for name in ("firstname", "first_name", "name", "firstName"))


async def test_batches_are_no_larger_than_the_system_takes(shop: Shop) -> None:
    async with kit_of("bitrix24", shop) as kit:
        members = await kit.members(53)
        await kit.runs()
        assert kit.crm.batches == [50, 3]
        assert await kit.is_told(*members)


async def test_one_bad_contact_is_set_aside_and_spoils_none(kit: Kit) -> None:
    members = await kit.members(5)
    kit.crm.refused = {members[2]}
    done = await kit.runs()
    assert (done.written, done.aside) == (4, 1)
    assert await kit.is_told(*(one for one in members if one != members[2]))
    ((member, why),) = (await kit.sees()).aside
    assert member == members[2]
    assert why
    assert "3331234567" not in why
    assert [alarm.kind for alarm in await kit.shop.ask(open_alarms)] == [queue.ALARM]
    kit.crm.refused.clear()
    await kit.shop.buys(members[2], "3.00")  # there is news, so it is worth another try
    await kit.runs()
    assert await kit.is_told(*members)


async def test_what_was_set_aside_is_tried_again_when_asked(kit: Kit) -> None:
    (anna,) = await kit.members(1)
    kit.crm.refused = {anna}
    await kit.runs()
    kit.crm.refused.clear()
    assert (await kit.later(days=2)).written == 0
    assert await kit.shop.do(lambda session: queue.retry(session, kit.name, now=kit.shop.now)) == 1
    await kit.runs()
    assert await kit.is_told(anna)


async def test_a_contact_on_which_it_trips_is_isolated_and_given_up(kit: Kit) -> None:
    members = await kit.members(4)
    kit.crm.poisoned = {members[1]}
    for _ in range(60):
        await kit.later(minutes=MINUTES)
        for one in members[2:]:  # others go on, so that it is no outage
            await kit.shop.buys(one, "1.00")
        if (await kit.sees()).aside:
            break
    await kit.later(minutes=MINUTES)
    assert [member for member, _ in (await kit.sees()).aside] == [members[1]]
    assert await kit.is_told(*(one for one in members if one != members[1]))


@pytest.mark.parametrize(
    "trouble",
    [Trouble.ERROR, Trouble.HTML, Trouble.NOT_JSON, Trouble.EMPTY, Trouble.STRANGE, Trouble.CUT, Trouble.DONE_AND_CUT],
)
async def test_an_outage_delays_and_loses_nothing(kit: Kit, trouble: Trouble) -> None:
    members = await kit.members(3)
    kit.crm.always(trouble)
    done = await kit.runs()
    assert done.written == 0
    assert done.why
    before = len(kit.crm.calls)
    assert not (await kit.runs()).why  # it is left alone
    assert len(kit.crm.calls) == before
    await kit.later(minutes=MINUTES)
    assert (await kit.sees()).contacts == {queue.WAITING: 3}
    kit.crm.always(None)
    await kit.later(minutes=MINUTES)
    await kit.later(minutes=MINUTES)
    assert await kit.is_told(*members)
    assert len(kit.crm.contacts) == 3


async def test_trouble_in_the_middle_loses_and_doubles_nothing(kit: Kit) -> None:
    members = await kit.members(6)
    await kit.runs()
    for kind in (Trouble.MISSING, Trouble.DONE_AND_CUT, Trouble.HTML, Trouble.BUSY, Trouble.STRANGE):
        for one in members:
            await kit.shop.buys(one, "2.00")
        kit.crm.trouble(kind, times=3)
        for _ in range(4):
            await kit.later(minutes=MINUTES)
        kit.crm._troubles.clear()
    for _ in range(3):
        await kit.later(minutes=MINUTES)
    assert await kit.is_told(*members)
    assert len(kit.crm.contacts) == 6


async def test_a_call_that_was_cut_after_it_took_effect_makes_no_second_contact(kit: Kit) -> None:
    members = await kit.members(3)
    await kit.sync.finder.sweep(kit.shop.now, pages=None)
    async with kit.system:
        await kit.system.prepare()
    kit.crm.always(Trouble.DONE_AND_CUT)
    await kit.runs()
    kit.crm.always(None)
    for _ in range(3):
        await kit.later(minutes=MINUTES)
    assert await kit.is_told(*members)
    assert len(kit.crm.contacts) == 3


async def test_too_many_requests_are_waited_for_and_blamed_on_nobody(kit: Kit) -> None:
    (anna,) = await kit.members(1)
    kit.crm.trouble(Trouble.BUSY)
    done = await kit.runs()
    assert done.why
    assert kit.crm.limited == 1
    assert (await kit.row(anna)).attempts == 0
    assert (await kit.shop.ask(open_alarms)) == []
    before = len(kit.crm.calls)
    await kit.runs()
    assert len(kit.crm.calls) == before
    await kit.later(minutes=MINUTES)
    assert await kit.is_told(anna)


async def test_a_token_that_is_not_taken_raises_an_alarm_until_it_is(kit: Kit) -> None:
    (anna,) = await kit.members(1)
    kit.crm.always(Trouble.LOCKED_OUT)
    done = await kit.runs()
    assert done.why
    (alarm,) = await kit.shop.ask(open_alarms)
    assert (alarm.kind, alarm.subject) == (states.ALARM, kit.name)
    kit.crm.always(None)
    await kit.later(minutes=MINUTES)
    assert await kit.is_told(anna)
    assert await kit.shop.ask(open_alarms) == []
    closed = await kit.shop.ask(lambda session: session.scalars(select(Alarm.closed_at)).one())
    assert closed == kit.shop.now


async def test_killed_after_the_call_it_is_pushed_again_to_the_same_contact(kit: Kit) -> None:
    members = await kit.members(3)
    await kit.sync.finder.sweep(kit.shop.now, pages=None)
    shop = kit.shop
    claimed = await shop.do(lambda session: queue.claim(session, kit.name, "dead", limit=9, now=shop.now))
    assert len(claimed) == 3
    async with kit.system:  # it was written there, and then the process died
        await kit.system.prepare()
        await kit.sync._deliver(claimed, await shop.ask(kit_cards(kit, members)), {})
    assert (await kit.runs()).written == 0  # somebody else's, until the lease is over
    shop.clock.forward(queue.LEASE)
    assert (await kit.runs()).written == 3
    assert await kit.is_told(*members)
    assert len(kit.crm.contacts) == 3


async def test_two_workers_at_once_write_each_contact_once(kit: Kit) -> None:
    members = await kit.members(12)
    await kit.sync.finder.sweep(kit.shop.now, pages=None)
    async with kit.system:
        await kit.system.prepare()
    workers = [kit.worker() for _ in range(2)]
    await asyncio.gather(*(one.push(kit.shop.now) for one in workers))
    await kit.runs()
    assert await kit.is_told(*members)
    assert len(kit.crm.contacts) == 12
    assert sum(kit.crm.batches) == 12


async def test_a_lease_that_was_lost_settles_nothing(kit: Kit) -> None:
    (anna,) = await kit.members(1)
    await kit.sync.finder.sweep(kit.shop.now, pages=None)
    shop = kit.shop
    (claimed,) = await shop.do(lambda session: queue.claim(session, kit.name, "slow", limit=9, now=shop.now))
    shop.clock.forward(queue.LEASE)
    await kit.runs()
    fate = queue.Fate(claimed, "other", None)
    await shop.do(lambda session: queue.settle(session, kit.name, "slow", [fate], queue.Blame("late"), now=shop.now))
    assert await kit.is_told(anna)


async def test_news_that_comes_while_it_is_told_is_told_as_well(kit: Kit) -> None:
    (anna,) = await kit.members(1)
    await kit.runs()
    await kit.shop.buys(anna, "4.00")
    await kit.sync.finder.touched(kit.shop.now)
    shop = kit.shop
    claimed = await shop.do(lambda session: queue.claim(session, kit.name, "me", limit=9, now=shop.now))
    cards = await shop.ask(kit_cards(kit, [anna]))
    await shop.buys(anna, "6.00")
    await kit.sync.finder.touched(shop.now)
    async with kit.system:
        results = {}  # type: ignore[var-annotated]  # filled below
        await kit.sync._deliver(claimed, cards, results)
    fate = queue.Fate(claimed[0], cards[anna].fingerprint(), results[anna])
    await shop.do(lambda session: queue.settle(session, kit.name, "me", [fate], queue.Blame(""), now=shop.now))
    assert (await kit.row(anna)).state == queue.WAITING
    await kit.runs()
    assert await kit.is_told(anna)


async def test_a_contact_that_was_deleted_there_is_made_again(kit: Kit) -> None:
    (anna,) = await kit.members(1)
    await kit.runs()
    kit.crm.contacts.clear()
    await kit.shop.buys(anna, "4.00")
    await kit.runs()
    await kit.later(minutes=MINUTES)
    assert await kit.is_told(anna)


async def test_of_who_was_erased_the_fields_are_blanked_once_and_never_come_back(kit: Kit) -> None:
    anna, bea = await kit.members(2)
    await kit.shop.buys(anna, "9.00")
    await kit.runs()
    await kit.shop.do(lambda session: erase(session, kit.shop.programme, anna, now=kit.shop.now))
    await kit.runs()
    assert kit.crm.of(anna) == []
    left = [one for one in kit.crm.contacts.values() if one.get(KEY) != bea]
    assert [value for one in left for name, value in one.items() if name.startswith("loyalty_") and value] == []
    row = await kit.row(anna)
    assert (row.state, row.remote_id, row.error) == (queue.DONE, None, None)
    writes = len(kit.crm.batches)
    await kit.later(days=2)
    assert len(kit.crm.batches) == writes
    assert len(kit.crm.contacts) == 2


async def test_who_was_erased_before_she_was_told_is_never_told(kit: Kit) -> None:
    anna, bea = await kit.members(2)
    await kit.sync.finder.sweep(kit.shop.now, pages=None)
    await kit.shop.do(lambda session: erase(session, kit.shop.programme, anna, now=kit.shop.now))
    await kit.runs()
    await kit.later(minutes=MINUTES)
    assert await kit.is_told(bea)
    assert len(kit.crm.contacts) == 1


async def test_of_two_who_become_one_one_contact_stays_hers(kit: Kit) -> None:
    anna, other = await kit.members(2)
    await kit.shop.buys(other, "8.00")
    await kit.runs()
    programme = kit.shop.programme
    await kit.shop.do(
        lambda session: merge(session, programme, anna, other, author="Eva", reason="same", now=kit.shop.now)
    )
    await kit.runs()
    assert kit.crm.of(other) == []
    assert await kit.is_told(anna)


async def test_who_has_not_joined_is_told_to_nobody(kit: Kit) -> None:
    await kit.shop.member(joined=False)
    await kit.runs()
    assert kit.crm.contacts == {}


@pytest.mark.parametrize("name", NAMES)
async def test_a_slow_system_is_given_up_and_tried_later(shop: Shop, name: str) -> None:
    async with kit_of(name, shop) as kit:
        (anna,) = await kit.members(1)
        kit.crm.delay = 30.0
        kit.crm.trouble(Trouble.SLOW)
        task = asyncio.create_task(kit.runs())
        while not kit.crm.calls:  # noqa: ASYNC110 -- the stand-in knows nothing of the test
            await asyncio.sleep(0.01)
        task.cancel()  # as a process that is stopped in the middle of a call
        await asyncio.gather(task, return_exceptions=True)
        kit.crm.delay = 0.0
        shop.clock.forward(queue.LEASE + timedelta(seconds=1))
        await kit.runs()
        assert await kit.is_told(anna)


def kit_cards(kit: Kit, members: list[MemberId]):  # type: ignore[no-untyped-def]  # a function of a session
    """Cards of members, as a function of a session."""
    from crm.gathering import cards_of  # noqa: PLC0415 -- used here alone

    programmes = {kit.shop.programme.id: kit.shop.programme}
    return lambda session: cards_of(session, programmes, members, "https://aurora.example")


async def test_rows_of_one_system_say_nothing_of_another(shop: Shop) -> None:
    async with kit_of("hubspot", shop) as one, kit_of("zoho", shop) as two:
        (anna,) = await one.members(1)
        one.crm.always(Trouble.ERROR)
        await one.runs()
        await two.runs()
        assert await two.is_told(anna)
        rows = await shop.ask(lambda session: dict(session.execute(select(CrmContact.system, CrmContact.state)).all()))
        assert rows == {"hubspot": queue.WAITING, "zoho": queue.DONE}
