"""What a sender is given: of each person the oldest, in order, only what may go now, and nothing twice."""

import asyncio
import itertools
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import update

from connectors.sending.pacing import Pace
from conversation.leaving.dead_letters import send_again
from conversation.leaving.refusals import Do
from conversation.tables import Conversation, OutboxRow
from loyalty.people.members import set_marketing
from loyalty.store import open_store
from loyalty.tables import Member
from tests.store.helpers import Shop
from tests.store.sending import OFFER, QUICK, TEMPLATE, Post, empty_post, text

DAY = timedelta(hours=24)


@pytest.fixture
async def post(shop: Shop) -> Post:
    return await empty_post(shop)


async def test_of_each_person_the_oldest_goes_and_the_next_when_that_is_settled(post: Post) -> None:
    ann, ben = await post.member(), await post.member()
    await post.put(ann, text("1"), text("2"))
    await post.put(ben, text("3"))
    assert await post.take() == [1, 3]
    assert await post.take() == []
    await post.sent(1)
    assert await post.take() == [2]


async def test_two_senders_at_once_never_get_the_same_and_keep_everybodys_order(post: Post, database: str) -> None:
    members = [await post.member() for _ in range(6)]
    for number in range(30):
        await post.put(members[number % 6])
    stores = [open_store(database) for _ in range(3)]
    others = [Post(Shop(store, post.shop.programme, post.shop.clock)) for store in stores]
    got: list[int] = []

    async def drain(other: Post) -> None:
        for _ in range(60):
            taken = await other.take(2)
            got.extend(taken)
            await asyncio.sleep(0)
            await other.sent(*taken)

    await asyncio.gather(*(drain(other) for other in others))
    for store in stores:
        await store.close()
    assert Counter(got) == Counter(range(1, 31))
    for member in range(6):
        hers = [number for number in got if (number - 1) % 6 == member]
        assert hers == sorted(hers)


async def test_all_senders_share_one_bucket_of_a_number(post: Post) -> None:
    pace = Pace(10, pair_seconds=0, portfolio=None)
    for _ in range(10):
        await post.put(await post.member())
    first = await post.claim(pace=pace, at=1000.0)
    again = await post.claim(pace=pace, at=1000.05)
    later = await post.claim(pace=pace, at=1000.2)
    slots = [one.at for one in first + again + later]
    assert len(slots) >= 3
    assert all(after - before >= 0.1 for before, after in itertools.pairwise(slots))


async def test_a_number_that_has_to_wait_does_not_hold_up_another(post: Post) -> None:
    pace = Pace(1, pair_seconds=0, portfolio=None)
    for _ in range(5):
        await post.put(await post.member())
    other = await post.member()
    await post.shop.do(
        lambda session: session.execute(
            update(Conversation).where(Conversation.member_id == other).values(number_id="2")
        )
    )
    await post.put(other)
    assert len(await post.take(pace=pace)) == 2
    assert await post.state(6) == "sending"


async def test_forty_five_to_one_person_then_silence_until_they_are_repaid(post: Post) -> None:
    pace = Pace(1000, portfolio=None)
    ann, ben = await post.member(), await post.member()
    for _ in range(50):
        await post.put(ann)
    for number in range(1, 46):
        assert await post.take(pace=pace) == [number]
        await post.sent(number)
    await post.put(ben)
    assert await post.take(pace=pace) == [51], "she waits, he does not"
    post.shop.clock.forward(timedelta(seconds=45 * 6 - 1))
    assert await post.take(pace=pace) == []
    post.shop.clock.forward(timedelta(seconds=1))
    assert await post.take(pace=pace) == [46]
    await post.sent(46)
    assert await post.take(pace=pace) == [47]


async def test_no_more_strangers_than_the_portfolio_allows_in_a_day(post: Post) -> None:
    pace = Pace(1000, portfolio=3)
    members = [await post.member(heard=None) for _ in range(5)]
    for member in members:
        await post.put(member, TEMPLATE, category="utility")
    taken = await post.take(pace=pace)
    assert len(taken) == 3
    await post.sent(*taken)
    assert await post.take(pace=pace) == []
    post.shop.clock.forward(timedelta(hours=1))
    await post.put(members[taken[0] - 1], TEMPLATE, category="utility")
    friend = await post.member()
    await post.put(friend)
    assert await post.take(pace=pace) == [6, 7], "one who was counted may get more, and answers are not counted"
    await post.sent(6, 7)
    post.shop.clock.forward(timedelta(hours=23))
    assert len(await post.take(pace=pace)) == 2, "two were last written to a day ago"
    post.shop.clock.forward(timedelta(hours=1))


async def test_a_message_whose_window_closed_while_it_waited_is_not_sent(post: Post) -> None:
    ann, ben = await post.member(heard=timedelta(hours=23)), await post.member(heard=timedelta(hours=23))
    assert await post.put(ann)
    assert await post.put(ben, text("news"), fallback=TEMPLATE)
    post.shop.clock.forward(timedelta(hours=2))
    claimed = await post.claim()
    assert [one.due.message for one in claimed] == [TEMPLATE]
    row = await post.row(1)
    assert (row.state, row.error) == ("withheld", "the customer service window was closed")
    assert (await post.row(2)).outside


async def test_outside_the_window_a_template_goes_in_place_of_all_parts_or_nothing(post: Post) -> None:
    ann, ben = await post.member(heard=2 * DAY), await post.member(heard=None)
    assert await post.put(ann, text("1"), text("2"), fallback=TEMPLATE)
    assert not await post.put(ben, text("1"))
    assert [one.due.message for one in await post.claim()] == [TEMPLATE]
    await post.sent(1)
    assert await post.claim() == []
    assert await post.states() == {"sent": 1, "withheld": 2}


async def test_who_came_by_an_advertisement_can_be_written_to_for_three_days(post: Post) -> None:
    ann = await post.member(heard=timedelta(hours=30))
    await post.shop.do(
        lambda session: session.execute(
            update(Conversation).values(free_entry_until=post.shop.now + timedelta(hours=42))
        )
    )
    await post.put(ann)
    assert await post.take() == [1]
    post.shop.clock.forward(timedelta(hours=43))
    assert not await post.put(ann)


@pytest.mark.parametrize("message", [text("offer"), OFFER])
async def test_promotional_messages_go_only_to_those_who_want_them(post: Post, message: dict[str, object]) -> None:
    ann, ben = await post.member(wants=True), await post.member()
    for member in (ann, ben):
        await post.put(member, message, category="marketing")
        await post.put(member, text("your points"))
    assert sorted(await post.take()) == [2, 4], "what she asked goes first"
    await post.sent(2, 4)
    assert await post.take() == [1]
    row = await post.row(3)
    assert (row.state, row.error) == ("withheld", "she has not agreed to promotional messages")


async def test_who_opts_out_while_an_offer_waits_does_not_get_it(post: Post) -> None:
    ann = await post.member(wants=True)
    await post.put(ann, text("offer"), category="marketing")
    await post.shop.do(
        lambda session: set_marketing(
            session, session.get_one(Member, ann), given=False, words="stop", evidence="x", now=post.shop.now
        )
    )
    assert await post.take() == []
    assert await post.state(1) == "withheld"


async def test_an_answer_does_not_wait_for_a_campaign(post: Post) -> None:
    people = [await post.member(wants=True) for _ in range(5)]
    for member in people:
        await post.put(member, text("offer"), category="marketing")
    await post.put(people[0], text("answer"))
    assert (await post.take(2))[0] == 6
    await post.sent(6)


async def test_one_that_waits_for_its_hour_lets_others_pass_and_one_that_is_tried_again_does_not(post: Post) -> None:
    ann = await post.member()
    await post.put(ann, text("in the morning"), not_before=post.shop.now + timedelta(hours=8))
    await post.put(ann, text("now"))
    await post.put(ann, text("next"))
    assert await post.take() == [2]
    await post.refused(2, Do.SLOW_DOWN, 130429)
    assert await post.take() == []
    post.shop.clock.forward(timedelta(hours=9))
    assert await post.take() == [1]


async def test_somebody_who_cannot_be_reached_gets_nothing_until_she_writes(post: Post) -> None:
    ann = await post.member(heard=timedelta(hours=1))
    await post.put(ann)
    await post.refuses(Do.MARK_UNREACHABLE, 131026)
    assert await post.state(1) == "failed"
    await post.put(ann)
    assert await post.take() == []
    assert await post.state(2) == "withheld"
    post.shop.clock.forward(timedelta(minutes=1))
    await post.shop.do(lambda session: session.execute(update(Conversation).values(last_heard_at=post.shop.now)))
    await post.put(ann)
    assert await post.take() == [3]


async def test_a_dead_letter_can_be_sent_again(post: Post) -> None:
    await post.put(await post.member())
    await post.refuses(Do.FIX, 131009)
    assert await post.take() == []
    assert await post.shop.do(lambda session: send_again(session, now=post.shop.now, code=131009)) == 1
    assert await post.take() == [1]
    assert (await post.row(1)).attempts == 1


async def test_a_paused_template_holds_up_its_own_messages_only(post: Post) -> None:
    ann, ben, cid = [await post.member(wants=True) for _ in range(3)]
    await post.put(ann, TEMPLATE)
    await post.refuses(Do.PAUSE_TEMPLATE, 132015)
    await post.put(ben, TEMPLATE)
    await post.put(cid, OFFER)
    assert await post.take() == [3]
    assert await post.states() == {"waiting": 2, "sending": 1}
    assert await post.alarms() == [("template", "points_news/it", 1)]


async def test_paused_campaigns_hold_up_promotions_only(post: Post) -> None:
    ann, ben = [await post.member(wants=True) for _ in range(2)]
    await post.put(ann, OFFER)
    await post.refuses(Do.PAUSE_MARKETING, 131048)
    await post.put(ben, OFFER)
    await post.put(ben, text("answer"))
    assert await post.take() == [3]
    post.shop.clock.forward(timedelta(days=1))
    await post.sent(3)
    assert await post.take() == []


async def test_a_paused_number_is_probed_with_one_message_and_goes_on_when_it_gets_through(post: Post) -> None:
    for _ in range(5):
        await post.put(await post.member())
    assert await post.take(1) == [1]
    await post.refused(1, Do.PAUSE_NUMBER, 131042)
    assert await post.take() == []
    post.shop.clock.forward(timedelta(minutes=5))
    (probe,) = await post.take()
    assert await post.take() == []
    await post.refused(probe, Do.PAUSE_NUMBER, 131042)
    assert await post.alarms() == [("number", "100000000000001", 2)]
    post.shop.clock.forward(timedelta(minutes=5))
    (probe,) = await post.take()
    await post.sent(probe)
    assert await post.alarms() == []
    assert len(await post.take()) == 4


async def test_no_statement_is_needed_when_nothing_is_due(post: Post) -> None:
    await post.put(await post.member(), not_before=post.shop.now + DAY / 2)
    assert await post.claim() == []
    rows = await post.rows()
    assert isinstance(rows[0], OutboxRow)
    assert QUICK.portfolio is None
